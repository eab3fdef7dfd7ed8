// Thrift's compact protocol, as far as Parquet's metadata uses it: fields by number, those that are
// not wanted skipped.
// Source: the Thrift compact protocol specification.
import Archives

struct ThriftReader {
  /// The wire's types.
  enum Kind: UInt8 {
    case stop = 0
    case yes, no, byte, i16, i32, i64, double, binary, list, set, map, structure
  }
  var cursor: ByteCursor
  private static let depthLimit = 32

  init(_ cursor: ByteCursor) { self.cursor = cursor }

  /// Calls `body` for each field with its number and kind; `body` reads the value, or gives false
  /// and it is skipped.
  mutating func structure(
    _ body: (Int, Kind, inout ThriftReader) throws -> Bool
  ) throws {
    var number = 0
    while true {
      let head = try cursor.byte()
      let kind = try Self.kind(head & 0x0F)
      if kind == .stop { return }
      let step = Int(head >> 4)
      if step == 0 {
        let long = try cursor.zigzag()
        guard (0...0x7FFF).contains(long) else { throw MalformedBytes("a field's number is wrong") }
        number = Int(long)
      } else {
        number += step
      }
      let isRead = try body(number, kind, &self)
      if !isRead { try skip(kind, depth: 0) }
    }
  }

  /// How many elements follow, and of which kind. No element takes less than a byte.
  mutating func list() throws -> (count: Int, kind: Kind) {
    let head = try cursor.byte()
    var count = Int(head >> 4)
    if count == 15 { count = try cursor.count(limit: cursor.left, of: "elements") }
    guard count <= cursor.left else { throw MalformedBytes("the number of elements is wrong") }
    return (count, try Self.kind(head & 0x0F))
  }

  mutating func structures(_ body: (inout ThriftReader) throws -> Void) throws {
    let (count, kind) = try list()
    guard kind == .structure || count == 0 else { throw Self.wrongKind }
    for _ in 0..<count { try body(&self) }
  }

  mutating func integer(_ kind: Kind) throws -> Int64 {
    switch kind {
    case .byte: return Int64(Int8(bitPattern: try cursor.byte()))
    case .i16, .i32, .i64: return try cursor.zigzag()
    default: throw Self.wrongKind
    }
  }

  func bool(_ kind: Kind) throws -> Bool {
    guard kind == .yes || kind == .no else { throw Self.wrongKind }
    return kind == .yes
  }

  mutating func text(_ kind: Kind) throws -> String {
    guard kind == .binary else { throw Self.wrongKind }
    let count = try cursor.count(limit: cursor.left, of: "bytes in a name")
    guard let text = String(validating: try cursor.slice(count), as: UTF8.self) else {
      throw MalformedBytes("a name is not valid UTF-8")
    }
    return text
  }

  private mutating func skip(_ kind: Kind, depth: Int) throws {
    guard depth < Self.depthLimit else { throw MalformedBytes("nested too deeply") }
    switch kind {
    case .stop, .yes, .no: break
    case .byte: _ = try cursor.byte()
    case .i16, .i32, .i64: _ = try cursor.varint()
    case .double: _ = try cursor.take(8)
    case .binary: _ = try cursor.take(cursor.count(limit: cursor.left, of: "bytes"))
    case .list, .set:
      let (count, element) = try list()
      for _ in 0..<count { try skipElement(element, depth: depth + 1) }
    case .map:
      let count = try cursor.count(limit: cursor.left, of: "entries")
      guard count > 0 else { return }
      let kinds = try cursor.byte()
      for _ in 0..<count {
        try skipElement(try Self.kind(kinds >> 4), depth: depth + 1)
        try skipElement(try Self.kind(kinds & 0x0F), depth: depth + 1)
      }
    case .structure:
      while true {
        let head = try cursor.byte()
        let kind = try Self.kind(head & 0x0F)
        if kind == .stop { return }
        if head >> 4 == 0 { _ = try cursor.varint() }
        try skip(kind, depth: depth + 1)
      }
    }
  }

  /// In lists a boolean is a byte of its own; among fields it is the kind.
  private mutating func skipElement(_ kind: Kind, depth: Int) throws {
    if kind == .yes || kind == .no {
      _ = try cursor.byte()
    } else {
      try skip(kind, depth: depth)
    }
  }

  private static func kind(_ code: UInt8) throws -> Kind {
    guard let kind = Kind(rawValue: code) else { throw MalformedBytes("an unknown kind of field") }
    return kind
  }
  static var wrongKind: MalformedBytes { MalformedBytes("a field has the wrong kind") }
}
