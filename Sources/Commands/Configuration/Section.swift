// One map of a checked configuration, read by the constants that its keys are declared by. Everything that
// a user can get wrong was reported when the configuration was checked; reading a key that the schema
// does not declare is a slip of ours and traps.
import Essentials

package struct Section: Sendable {
  /// Dotted; empty at the root.
  package let path: String
  /// The canonical dot path of the component, nil for a plain map.
  package let component: String?
  /// The component that a preset such as `llama3_8b` is an instance of.
  package let family: String?
  /// Every declared key: what was given, else its default.
  let values: ConfigurationMap
  let sections: [String: Section]
  /// Keys that may hold several components.
  let lists: [String: [Section]]
  let origin: ConfigurationOrigin

  package subscript<Value>(key: Key<Value>) -> Value { key.read(self) }

  /// Nil also where the recipe or component has no such key.
  package subscript<Value>(ifDeclared key: Key<Value?>) -> Value? {
    declares(key) ? key.read(self) : nil
  }

  /// Whether the recipe or component has this key at all.
  package func declares<Value>(_ key: Key<Value>) -> Bool { values[key.name] != nil }

  /// False when the value is a default.
  package func isGiven<Value>(_ key: Key<Value>) -> Bool { node(key.name).origin != .schema }

  /// Where the key was written; where its section was, for a default.
  package func location<Value>(of key: Key<Value>) -> TuneError.Location { location(of: key.name) }

  /// An error about a key, for what can only be known later.
  package func error<Value>(at key: Key<Value>, _ message: String, remedy: String? = nil)
    -> TuneError
  {
    error(at: key.name, message, remedy: remedy)
  }

  /// An error about which component was chosen.
  package func errorAtComponent(_ message: String, remedy: String? = nil) -> TuneError {
    error(at: Self.componentKey, message, remedy: remedy)
  }

  /// What names the component of a map.
  package static let componentKey = "_component_"

  func isNull(_ key: String) -> Bool { node(key).value == .null }

  func value<Value>(of key: String, as type: KeyType<Value>) -> Value {
    let value = node(key).value
    guard let converted = type.convert(self, key, value) else {
      preconditionFailure("the key '\(key)' of '\(path)' holds \(value.kind), not \(Value.self)")
    }
    return converted
  }

  /// Where the key was written; where its section was, for a default.
  package func location(of key: String) -> TuneError.Location {
    let written = values.entry(key)?.keyOrigin ?? .schema
    return (written == .schema ? origin : written).location(of: dotted(key))
  }

  /// An error about a key, for what can only be known later.
  package func error(at key: String, _ message: String, remedy: String? = nil) -> TuneError {
    TuneError(.configuration, message, remedy: remedy, at: location(of: key))
  }

  func dotted(_ key: String) -> String { path.isEmpty ? key : path + "." + key }

  private func node(_ key: String) -> ConfigurationNode {
    guard let node = values[key] else {
      preconditionFailure("the key '\(key)' of '\(path)' is not declared")
    }
    return node
  }
}
