// Files beside the tests, and a small reader for the JSON among them.
import Foundation
import Testing

@testable import RunConfiguration

enum Fixtures {
  static func path(_ name: String) throws -> String {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name).path
  }

  static func text(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// With RECORD_SNAPSHOTS set, writes the text beside the sources and fails.
  static func expect(_ text: String, isRecordedIn name: String, beside source: String) throws {
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
      let target = URL(fileURLWithPath: source).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/" + name)
      try text.write(to: target, atomically: true, encoding: .utf8)
      Issue.record("recorded")
    }
    let recorded = try self.text(name)
    #expect(text == recorded)
  }
}

/// A JSON value, without the guesses of bridging.
enum JSON: Decodable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([JSON])
  case map([String: JSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .bool(flag)
    } else if let number = try? container.decode(Int.self) {
      self = .int(number)
    } else if let number = try? container.decode(Double.self) {
      self = .double(number)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let list = try? container.decode([JSON].self) {
      self = .list(list)
    } else {
      self = .map(try container.decode([String: JSON].self))
    }
  }

  init(_ value: ConfigurationValue) {
    switch value {
    case .null: self = .null
    case .bool(let flag): self = .bool(flag)
    case .int(let number): self = .int(number)
    case .double(let number): self = .double(number)
    case .string(let text): self = .string(text)
    case .list(let list): self = .list(list.map { JSON($0.value) })
    case .map(let map):
      self = .map(
        Dictionary(uniqueKeysWithValues: map.entries.map { ($0.key, JSON($0.node.value)) }))
    }
  }
}
