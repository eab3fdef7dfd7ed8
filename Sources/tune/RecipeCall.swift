// The words after `tune run`'s options: a recipe, its configuration and changes, in any order.
import Essentials
import Recipes

struct RecipeCall: Equatable {
  let recipe: RecipeName
  private(set) var config: String?
  private(set) var overrides: [String] = []
  private(set) var asksForHelp = false

  /// - Throws: `TuneError` `.usage`.
  init(_ arguments: [String]) throws {
    guard let name = arguments.first else {
      throw TuneError(.usage, "there is no recipe", remedy: "`tune ls` lists all recipes.")
    }
    if name.hasPrefix("-") { throw Self.misplaced(name) }
    recipe = try RecipeName(commandLine: name)
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      if argument == "--config" {
        guard let value = rest.popFirst() else {
          throw TuneError(.usage, "--config needs a configuration")
        }
        try setConfig(value)
      } else if argument.hasPrefix("--config=") {
        try setConfig(String(argument.dropFirst("--config=".count)))
      } else if argument == "--help" || argument == "-h" {
        asksForHelp = true
      } else if argument.hasPrefix("-") {
        throw Self.misplaced(argument)
      } else {
        // Checked here, so that a slip is a usage error before any file is read.
        _ = try ConfigurationOverride(argument)
        overrides.append(argument)
      }
    }
    if asksForHelp { config = nil }
  }

  private mutating func setConfig(_ value: String) throws {
    guard config == nil else { throw TuneError(.usage, "--config is given twice") }
    config = value
  }

  private static func misplaced(_ option: String) -> TuneError {
    TuneError(
      .usage, "the option '\(option)' is not known here",
      remedy: "torchrun's options stand before the recipe; after it come --config and "
        + "key=value. `tune run --help` lists the options.")
  }
}
