// A configuration composed from its file and the command line: overrides applied, interpolations resolved,
// every value still with the place where it was written.
import Essentials

package struct ComposedConfiguration: Sendable, Equatable {
  package let map: ConfigurationMap

  /// - Parameter textKeys: keys whose values on the command line are text, whatever they look like.
  /// - Throws: `TuneError` for overrides and interpolations that make no sense. Keys are not checked: that
  ///   takes a schema.
  package init(
    _ map: ConfigurationMap, overrides: [String] = [], textKeys: Set<String> = [],
    environment: [String: String]
  ) throws {
    self.map =
      try map
      .applying(overrides.map { try ConfigurationOverride($0, textKeys: textKeys) })
      .resolvingInterpolations(environment: environment)
  }

  init(composed map: ConfigurationMap) { self.map = map }
}
