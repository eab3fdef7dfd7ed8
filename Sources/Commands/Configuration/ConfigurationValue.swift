// A configuration as a tree of values. Every value remembers where it was written, a line of a
// file or an argument on the command line, so that an error found much later can still point at
// it. Maps keep the order of the file: what is printed or saved reads like what was written.
import Essentials

/// Where a value was written.
package enum ConfigurationOrigin: Sendable, Equatable {
  case file(String, line: Int)
  case commandLine(String)
  /// Not written at all: a default.
  case schema

  package func location(of key: String?) -> TuneError.Location {
    switch self {
    case .file(let file, let line): .init(file: file, line: line, key: key)
    case .commandLine(let argument): .init(file: "command line, '\(argument)'", key: key)
    case .schema: .init(key: key)
    }
  }
}

package struct ConfigurationNode: Sendable, Equatable {
  package var value: ConfigurationValue
  package var origin: ConfigurationOrigin
  /// The text with its references, for a value that came from the environment. It is what is written and
  /// shown: the value may be a secret.
  package var reference: String?

  package init(
    _ value: ConfigurationValue, _ origin: ConfigurationOrigin, reference: String? = nil
  ) {
    self.value = value
    self.origin = origin
    self.reference = reference
  }
}

package enum ConfigurationValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([ConfigurationNode])
  case map(ConfigurationMap)

  package var map: ConfigurationMap? { if case .map(let map) = self { map } else { nil } }
  package var string: String? { if case .string(let text) = self { text } else { nil } }
  /// A string's text.
  package var text: String? { string }

  /// The dot path that makes a map a component.
  package var component: String? { map?["_component_"]?.value.string }

  /// The kind of value in a user's words, with its article.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a bool"
    case .int: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .list: "a list"
    case .map: "a map"
    }
  }
}

/// An ordered map with a location for every key.
package struct ConfigurationMap: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package var key: String
    package var node: ConfigurationNode
    /// Where the key itself stands; its value may begin lines later.
    package var keyOrigin: ConfigurationOrigin
  }
  package private(set) var entries: [Entry] = []
  private var positions: [String: Int] = [:]

  package init() {}

  package var keys: [String] { entries.map(\.key) }

  package subscript(key: String) -> ConfigurationNode? { entry(key)?.node }

  package func entry(_ key: String) -> Entry? { positions[key].map { entries[$0] } }

  /// Replaces the value and keeps the key's place in the order; a new key goes last.
  package mutating func set(
    _ key: String, _ node: ConfigurationNode, keyOrigin: ConfigurationOrigin? = nil
  ) {
    let entry = Entry(key: key, node: node, keyOrigin: keyOrigin ?? node.origin)
    if let position = positions[key] {
      entries[position] = entry
    } else {
      positions[key] = entries.count
      entries.append(entry)
    }
  }

  package mutating func remove(_ key: String) {
    guard let position = positions.removeValue(forKey: key) else { return }
    entries.remove(at: position)
    for later in position..<entries.count { positions[entries[later].key] = later }
  }
}

// Literals keep the tables of the schema readable.
extension ConfigurationValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self = .int(value) }
  package init(floatLiteral value: Double) { self = .double(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: ConfigurationValue...) {
    self = .list(elements.map { ConfigurationNode($0, .schema) })
  }
}
