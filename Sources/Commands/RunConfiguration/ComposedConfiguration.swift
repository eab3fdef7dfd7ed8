// A configuration composed from its file and the command line: overrides applied, interpolations resolved,
// every value still with the place where it was written.
import Essentials
import Foundation

package struct ComposedConfiguration: Sendable, Equatable {
  package let map: ConfigurationMap

  /// - Parameter config: The name of a built-in configuration or the path of a file.
  /// - Throws: `TuneError` for what cannot be read, and for overrides and interpolations that make no
  ///   sense. Keys are not checked: that takes a recipe.
  package init(
    _ config: String, overrides: [String] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    try self.init(
      ConfigurationFile.read(config), overrides: overrides, environment: environment)
  }

  package init(
    _ map: ConfigurationMap, overrides: [String] = [], environment: [String: String]
  ) throws {
    self.map =
      try map
      .applying(overrides.map(ConfigurationOverride.init))
      .resolvingInterpolations(environment: environment)
  }

  init(composed map: ConfigurationMap) { self.map = map }
}
