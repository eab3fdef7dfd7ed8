// JSON as a value: objects keep their order, integers stay integers, and nothing is bridged.
// Read from hostile files (tokenizers, checkpoints' indices, records), so the parser reports file
// and line and never recurses deeper than a fixed depth.
import Foundation

package enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// Parses one value that fills the whole of `bytes`.
  /// - Throws: `TuneError` `.malformedFile` with `file` and the line, counted from `firstLine`.
  package static func parse(
    _ bytes: UnsafeRawBufferPointer, file: String? = nil, firstLine: Int = 1,
    limits: JSONLimits = JSONLimits()
  ) throws -> JSON {
    var parser = JSONParser(bytes, file: file, firstLine: firstLine, limits: limits)
    return try parser.parseWhole()
  }
  package static func parse(_ data: Data, file: String? = nil) throws -> JSON {
    try data.withUnsafeBytes { try parse($0, file: file) }
  }
  package static func parse(_ text: String, file: String? = nil) throws -> JSON {
    try Array(text.utf8).withUnsafeBytes { try parse($0, file: file) }
  }
  package static func load(path: String) throws -> JSON {
    let mapped = try MappedFile(path: path)
    return try withExtendedLifetime(mapped) {
      try parse(UnsafeRawBufferPointer(mapped.bytes), file: path)
    }
  }

  package var isNull: Bool { self == .null }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// An integer counts as a number too.
  package var double: Double? {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }
  /// nil when this is no object or has no such key.
  package subscript(key: String) -> JSON? { object?[key] }

  /// What kind of value this is, for messages.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// The entries of a JSON object in their order. Of equal keys the last one counts.
package struct JSONObject: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
  package private(set) var keys: [String] = []
  private var values: [JSON] = []
  /// Only objects with more than a handful of keys need one.
  private var positions: [ExactKey: Int] = [:]
  private static let linearLimit = 8

  package init() {}
  package init(dictionaryLiteral elements: (String, JSON)...) {
    for (key, value) in elements { self[key] = value }
  }

  package var count: Int { keys.count }
  package var isEmpty: Bool { keys.isEmpty }

  package subscript(key: String) -> JSON? {
    get { position(of: key).map { values[$0] } }
    set {
      switch (position(of: key), newValue) {
      case (let found?, let value?): values[found] = value
      case (let found?, nil): remove(at: found)
      case (nil, let value?): append(key, value)
      case (nil, nil): break
      }
    }
  }

  package func makeIterator() -> some IteratorProtocol<(key: String, value: JSON)> {
    zip(keys, values).lazy.map { (key: $0, value: $1) }.makeIterator()
  }

  private func position(of key: String) -> Int? {
    keys.count <= Self.linearLimit
      ? keys.firstIndex { $0.utf8.elementsEqual(key.utf8) } : positions[ExactKey(text: key)]
  }
  private mutating func append(_ key: String, _ value: JSON) {
    keys.append(key)
    values.append(value)
    if keys.count == Self.linearLimit + 1 {
      indexKeys()
    } else if keys.count > Self.linearLimit {
      positions[ExactKey(text: key)] = keys.count - 1
    }
  }
  private mutating func remove(at position: Int) {
    keys.remove(at: position)
    values.remove(at: position)
    positions = [:]
    if keys.count > Self.linearLimit { indexKeys() }
  }
  private mutating func indexKeys() {
    for (position, key) in keys.enumerated() { positions[ExactKey(text: key)] = position }
  }

  /// Keys are equal when their bytes are. Swift's strings are also equal when they are written with
  /// other characters of the same look, which are different tokens of a vocabulary.
  private struct ExactKey: Hashable {
    var text: String
    static func == (left: Self, right: Self) -> Bool {
      left.text.utf8.elementsEqual(right.text.utf8)
    }
    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }
}
