// One map of a checked configuration, read by key and type. Everything that a user can get wrong
// was reported when the configuration was checked; reading a key that the schema does not
// declare, or as another type, is a slip of ours and traps.
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

  package func bool(_ key: String) -> Bool { read(key, \.bool) }
  package func int(_ key: String) -> Int { read(key, \.int) }
  package func double(_ key: String) -> Double { read(key, \.double) }
  package func string(_ key: String) -> String { read(key, \.string) }
  package func strings(_ key: String) -> [String] { read(key, \.strings) }
  package func doubles(_ key: String) -> [Double] { read(key, \.doubles) }
  package func optionalBool(_ key: String) -> Bool? { readUnlessNull(key, \.bool) }
  package func optionalInt(_ key: String) -> Int? { readUnlessNull(key, \.int) }
  package func optionalDouble(_ key: String) -> Double? { readUnlessNull(key, \.double) }
  package func optionalString(_ key: String) -> String? { readUnlessNull(key, \.string) }
  package func optionalStrings(_ key: String) -> [String]? { readUnlessNull(key, \.strings) }
  package func stringMap(_ key: String) -> [String: String]? { readUnlessNull(key, \.stringMap) }
  package func stringsMap(_ key: String) -> [String: [String]]? {
    readUnlessNull(key, \.stringsMap)
  }
  /// For a key that may hold a map or something else.
  package func holdsMap(_ key: String) -> Bool { node(key).value.map != nil }

  package func section(_ key: String) -> Section {
    guard let section = sections[key] else {
      preconditionFailure("the key '\(key)' of '\(path)' is no section")
    }
    return section
  }

  /// The components of a key that may hold several; none when it is null.
  package func sections(_ key: String) -> [Section] {
    if node(key).value == .null { return [] }
    guard let list = lists[key] else {
      preconditionFailure("the key '\(key)' of '\(path)' is no list of sections")
    }
    return list
  }

  /// Nil when the key is null.
  package func optionalSection(_ key: String) -> Section? {
    node(key).value == .null ? nil : section(key)
  }

  /// Whether the recipe has this key at all.
  package func declares(_ key: String) -> Bool { values[key] != nil }

  /// False when the value is a default.
  package func isGiven(_ key: String) -> Bool { node(key).origin != .schema }

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

  private func read<Value>(_ key: String, _ part: (ConfigurationValue) -> Value?) -> Value {
    let value = node(key).value
    guard let part = part(value) else {
      preconditionFailure("the key '\(key)' of '\(path)' holds \(value.kind), not \(Value.self)")
    }
    return part
  }

  private func readUnlessNull<Value>(_ key: String, _ part: (ConfigurationValue) -> Value?)
    -> Value?
  {
    node(key).value == .null ? nil : read(key, part)
  }
}

extension ConfigurationValue {
  fileprivate var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  fileprivate var int: Int? { if case .int(let number) = self { number } else { nil } }
  fileprivate var double: Double? { if case .double(let number) = self { number } else { nil } }

  fileprivate var strings: [String]? {
    guard case .list(let list) = self else { return nil }
    return list.compactMap(\.value.string)
  }
  fileprivate var doubles: [Double]? {
    guard case .list(let list) = self else { return nil }
    return list.compactMap(\.value.double)
  }
  fileprivate var stringMap: [String: String]? {
    guard let map else { return nil }
    return Dictionary(
      uniqueKeysWithValues: map.entries.compactMap { entry in
        entry.node.value.string.map { (entry.key, $0) }
      })
  }
  fileprivate var stringsMap: [String: [String]]? {
    guard let map else { return nil }
    return Dictionary(
      uniqueKeysWithValues: map.entries.compactMap { entry in
        entry.node.value.strings.map { (entry.key, $0) }
      })
  }
}
