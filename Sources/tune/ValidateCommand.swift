// `tune validate`: everything that can be known to be wrong before a run, with file, line and key.
import ArgumentParser
import Essentials
import RunConfiguration

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check a configuration without running it.",
    discussion: """
      Checks every key, component, argument, type and combination, and names
      the line and the nearest key of each problem. Files that are named and not
      there are warnings: the configuration may be meant for another machine.
      The recipe is told from the keys unless it is given. Exit code 1 when the
      configuration is wrong, 0 when there are only warnings.

      Examples:
        tune validate my.yaml
        tune validate llama3/8B_qat_full optimizer.lr=1e-4
        tune validate my.yaml --recipe qat_single_device
      """)

  @Argument(
    help: "A built-in configuration or a .yaml file.",
    completion: .configurations)
  var config: String

  @Argument(help: "Changes, as `tune run` takes them: key=value or ~key.")
  var overrides: [String] = []

  @Option(
    help: "The recipe that the configuration is for.",
    completion: .list(RecipeName.allCases.map(\.rawValue)))
  var recipe: String?

  func run() throws {
    let checked = try ValidatedConfiguration.load(
      recipe: try chosenRecipe(), config: config, overrides: overrides)
    for problem in checked.remarks + checked.missingFiles() { Console.printWarning(problem) }
    if let refusal = checked.recipe.refusal { Console.printWarning(refusal) }
    print("Config is well-formed!")
  }

  private func chosenRecipe() throws -> RecipeName {
    if let recipe { return try RecipeName(commandLine: recipe) }
    if let builtin = BuiltinConfiguration.named(config) { return builtin.recipe }
    return RecipeName(inferringFrom: try ConfigurationFile.read(config))
  }
}
