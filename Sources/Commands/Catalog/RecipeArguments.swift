// The words that a recipe is called with: a configuration and changes to it, in any order; or, by a
// launcher, the file of a configuration that is composed already.
import Configuration
import Essentials

package struct RecipeArguments: Equatable, Sendable {
  package private(set) var config: String?
  package private(set) var overrides: [String] = []
  package private(set) var asksForHelp = false
  /// What a launcher handed over.
  package private(set) var composedFile: String?

  /// - Throws: `TuneError` `.usage`.
  package init(_ arguments: some Sequence<String>) throws {
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      if argument == "--config" {
        guard let value = rest.popFirst() else {
          throw TuneError(.usage, "missing value for --config")
        }
        try setConfig(value)
      } else if argument.hasPrefix("--config=") {
        try setConfig(String(argument.dropFirst("--config=".count)))
      } else if argument == ComposedConfiguration.handedOverOption {
        composedFile = rest.popFirst()
      } else if argument == "--help" || argument == "-h" {
        asksForHelp = true
      } else if argument.hasPrefix("-") {
        throw Self.misplaced(argument)
      } else {
        // Checked here, so that a slip is a usage error before any file is read.
        _ = try ConfigurationOverride(argument, textKeys: Keys.readAsText)
        overrides.append(argument)
      }
    }
    if asksForHelp { config = nil }
  }

  /// - Throws: `TuneError` `.usage` where the words name no configuration.
  @discardableResult package func requireConfig(for recipe: RecipeName) throws -> String {
    guard let config else {
      throw TuneError(
        .usage, "missing --config",
        remedy: "`tune ls \(recipe.rawValue)` lists its built-in configurations.")
    }
    return config
  }

  private mutating func setConfig(_ value: String) throws {
    guard config == nil else { throw TuneError(.usage, "--config may be given only once") }
    config = value
  }

  package static func misplaced(_ option: String) -> TuneError {
    TuneError(
      .usage, "unknown or misplaced option '\(option)'",
      remedy: "Put torchrun's options before the recipe, --config and key=value "
        + "after it. `tune run --help` lists the options.")
  }
}

extension RecipeName {
  /// - Throws: `TuneError` `.usage` that names the nearest recipe.
  package init(commandLine name: String) throws {
    guard let recipe = RecipeName(rawValue: name) else {
      let nearest = nearestName(to: name, among: RecipeName.allCases.map(\.rawValue))
      let isScript = name.hasSuffix(".py")
      throw TuneError(
        .usage, "unknown recipe '\(name)'",
        remedy: isScript
          ? "Python recipes are not supported. `tune ls` lists the built-in recipes."
          : (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all recipes.")
    }
    self = recipe
  }
}
