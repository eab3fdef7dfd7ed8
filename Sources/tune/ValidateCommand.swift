// `tune validate`: everything that can be known to be wrong before a run, with file, line and key.
import ArgumentParser
import Essentials
import Recipes

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check a configuration without running it.",
    discussion: """
      Checks every key, component, argument, type and combination. Files that
      are named and not there are warnings. The recipe is told from the keys
      unless it is given.

      Examples:
        tune validate my.yaml
        tune validate llama3/8B_qat_full optimizer.lr=1e-4
        tune validate my.yaml --recipe qat_single_device
      """)

  @Argument(
    help: "A built-in configuration or a .yaml file.",
    completion: .file(extensions: ["yaml", "yml"]))
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
    for problem in checked.missingFiles() { Console.printWarning(problem) }
    print("Config is well-formed!")
  }

  private func chosenRecipe() throws -> RecipeName {
    if let recipe { return try RecipeName(commandLine: recipe) }
    if let builtin = BuiltinConfiguration.named(config) { return builtin.recipe }
    return RecipeName(inferringFrom: try ConfigurationFile.read(config))
  }
}
