// A configuration by the name of a built-in one or by path, as it is written and as it is composed with what
// the command line changes.
import Catalog
import Configuration
import Essentials
import Foundation

package enum ConfigurationFile {
  package static func read(_ config: String) throws -> ConfigurationMap {
    if let builtin = BuiltinConfiguration.named(config) {
      return try YAMLReader.map(in: builtin.text, file: config)
    }
    let config = config.expandingHome()
    guard FileManager.default.fileExists(atPath: config) else {
      let nearest = nearestName(to: config, among: BuiltinConfiguration.all.map(\.name))
      throw TuneError(
        .missingFile, "no such file or built-in configuration",
        remedy: (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all.",
        at: .init(file: config))
    }
    return try YAMLReader.read(file: config)
  }
}

extension ComposedConfiguration {
  /// - Parameter config: The name of a built-in configuration or the path of a file.
  /// - Throws: `TuneError` for what cannot be read, and for overrides and interpolations that make no
  ///   sense. Keys are not checked: that takes a recipe.
  package init(
    _ config: String, overrides: [String] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    try self.init(
      ConfigurationFile.read(config), overrides: overrides, textKeys: Keys.readAsText,
      environment: environment)
  }
}

extension ValidatedConfiguration {
  /// - Parameter config: The name of a built-in configuration or the path of a file.
  /// - Throws: `TuneError` with every problem found, each with file, line and key.
  package static func load(
    recipe: RecipeName, config: String, overrides: [String] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ValidatedConfiguration {
    try ValidatedConfiguration(
      recipe: recipe,
      ComposedConfiguration(config, overrides: overrides, environment: environment))
  }
}

extension RecipeArguments {
  /// The configuration that the words ask for.
  package func compose(for recipe: RecipeName) throws -> ComposedConfiguration {
    if let composedFile { return try ComposedConfiguration(handedOverIn: composedFile) }
    return try ComposedConfiguration(requireConfig(for: recipe), overrides: overrides)
  }
}
