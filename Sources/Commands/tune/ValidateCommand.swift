// `tune validate`: everything that can be known to be wrong before a run, with file, line and key.
import ArgumentParser
import Builtins
import Catalog
import Essentials

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check a configuration without running it.",
    discussion: """
      Checks every key, component, argument, type and combination. Each error
      shows the line and the nearest known key. Missing files are warnings,
      because the configuration may be for another machine. Infers the recipe
      from the keys unless you pass --recipe. Exits with 1 if there are errors,
      with 0 if there are only warnings.

      Examples:
        tune validate my.yaml
        tune validate llama3/8B_qat_full optimizer.lr=1e-4
        tune validate my.yaml --recipe qat_single_device
      """)

  @Argument(
    help: "A built-in configuration or a .yaml file.",
    completion: .configurations)
  var config: String

  @Argument(help: "Overrides: key=value or ~key.")
  var overrides: [String] = []

  @Option(
    help: "The recipe to check against. Default: inferred from the keys.",
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
