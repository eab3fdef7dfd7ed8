// Files beside the tests, and the JSON among them.
import Essentials
import Foundation
import Testing

@testable import Configuration

enum Fixtures {
  static func path(_ name: String) throws -> String {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name).path
  }

  static func text(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  static func json(_ name: String) throws -> JSON {
    try JSON.load(path: path(name)).sorted
  }
}

extension JSON {
  /// A configuration's value, in the form that fixtures have.
  init(_ value: ConfigurationValue) {
    switch value {
    case .null: self = .null
    case .bool(let flag): self = .bool(flag)
    case .int(let number): self = .integer(number)
    case .double(let number): self = .number(number)
    case .string(let text): self = .string(text)
    case .list(let list): self = .array(list.map { JSON($0.value) })
    case .map(let map):
      self = .object(map.entries.reduce(into: [:]) { $0[$1.key] = JSON($1.node.value) })
      self = sorted
    }
  }

  /// With the keys of objects in order, on which equality would depend.
  var sorted: JSON {
    switch self {
    case .array(let list): .array(list.map(\.sorted))
    case .object(let object):
      .object(object.keys.sorted().reduce(into: [:]) { $0[$1] = object[$1]?.sorted })
    default: self
    }
  }

  /// An object's entries; none for any other value.
  var entries: [String: JSON] {
    Dictionary(uniqueKeysWithValues: (object ?? [:]).map { ($0.key, $0.value) })
  }
}
