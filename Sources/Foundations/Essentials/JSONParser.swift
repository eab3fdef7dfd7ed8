// A strict JSON (RFC 8259) parser over bytes. It keeps its place, so that the records of a large
// array can be visited one by one with the bytes that each of them covers.
import Foundation

/// How much a text may become: two bytes of it are enough for a value, which takes thirty times that.
package struct JSONLimits: Sendable {
  /// Four times those of the largest vocabularies; in memory less than a GiB.
  package var values = 8 << 20
  /// Of one list.
  package var elements = Int.max
  package init() {}
  package init(elements: Int) { self.elements = elements }
}

package struct JSONParser {
  private let bytes: UnsafeRawBufferPointer
  private let file: String?
  private let firstLine: Int
  private let limits: JSONLimits
  private var position = 0
  private var valueCount = 0
  /// Deeper nesting than any sane file has; a bound on the recursion.
  private static let depthLimit = 200

  package init(
    _ bytes: UnsafeRawBufferPointer, file: String? = nil, firstLine: Int = 1,
    limits: JSONLimits = JSONLimits()
  ) {
    self.limits = limits
    self.bytes = bytes
    self.file = file
    self.firstLine = firstLine
  }

  package mutating func parseWhole() throws -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }  // a byte order mark
    let value = try parseValue(depth: 0)
    skipSpace()
    if position < bytes.count { throw failure("unexpected text after the JSON value") }
    return value
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func parseValue(depth: Int) throws -> JSON {
    skipSpace()
    guard depth < Self.depthLimit else { throw failure("nested too deeply") }
    valueCount += 1
    guard valueCount <= limits.values else {
      throw failure("more than \(limits.values) values, which no real file has")
    }
    switch peek {
    case UInt8(ascii: "{"): return .object(try parseObject(depth: depth))
    case UInt8(ascii: "["):
      return .array(try parseElements(depth: depth))
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
    case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    case nil: throw failure("the text ends where a value is expected")
    default: return try parseNumber()
    }
  }

  private mutating func parseElements(depth: Int) throws -> [JSON] {
    var elements: [JSON] = []
    position += 1
    skipSpace()
    if peek == UInt8(ascii: "]") {
      position += 1
      return elements
    }
    while true {
      skipSpace()
      guard elements.count < limits.elements else {
        throw failure("a list of more than \(limits.elements) elements")
      }
      elements.append(try parseValue(depth: depth + 1))
      if try !parseSeparator(closing: UInt8(ascii: "]")) { return elements }
    }
  }

  private mutating func parseObject(depth: Int) throws -> JSONObject {
    position += 1
    var object = JSONObject()
    skipSpace()
    if peek == UInt8(ascii: "}") {
      position += 1
      return object
    }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw failure("expected a key in quotes") }
      let key = try parseString()
      skipSpace()
      guard peek == UInt8(ascii: ":") else { throw failure("expected ':' after a key") }
      position += 1
      object[key] = try parseValue(depth: depth + 1)
      if try !parseSeparator(closing: UInt8(ascii: "}")) { return object }
    }
  }

  /// True after a comma, false after the closing bracket.
  private mutating func parseSeparator(closing: UInt8) throws -> Bool {
    skipSpace()
    guard let byte = peek, byte == closing || byte == UInt8(ascii: ",") else {
      let bracket = Character(Unicode.Scalar(closing))
      throw failure(
        peek == nil ? "the text ends before a closing '\(bracket)'" : "expected ',' or '\(bracket)'"
      )
    }
    position += 1
    return byte != closing
  }

  private mutating func parseWord(_ word: StaticString, _ value: JSON) throws -> JSON {
    let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[position...].starts(with: expected) else { throw failure("not a JSON value") }
    position += expected.count
    return value
  }

  private mutating func parseNumber() throws -> JSON {
    let start = position
    var isInteger = true
    if peek == UInt8(ascii: "-") { position += 1 }
    let leading = position
    guard skipDigits() else {
      position = start
      throw failure("not a JSON value")
    }
    if bytes[leading] == UInt8(ascii: "0"), position > leading + 1 {
      throw failure("a number with a leading zero")
    }
    if peek == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      guard skipDigits() else { throw failure("a number without digits after its point") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      guard skipDigits() else { throw failure("a number without digits in its exponent") }
    }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(digits) { return .integer(value) }
    guard let value = Double(digits), value.isFinite else {
      throw failure("a number too large to hold")
    }
    return .number(value)
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while let byte = peek, byte >= 0x30, byte <= 0x39 { position += 1 }
    return position > start
  }

  private mutating func parseString() throws -> String {
    position += 1
    let start = position
    while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      position += 1
    }
    if peek == UInt8(ascii: "\"") {
      position += 1
      return try validated(bytes[start..<position - 1])
    }
    var unescaped = Array(bytes[start..<position])
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try validated(unescaped)
      case UInt8(ascii: "\\"): try parseEscape(into: &unescaped)
      case 0..<0x20:
        position -= 1
        throw failure("a control character or line break inside a string")
      default: unescaped.append(byte)
      }
    }
    throw failure("the text ends inside a string")
  }

  private func validated(_ text: some Sequence<UInt8>) throws -> String {
    guard let string = String(validating: text, as: UTF8.self) else {
      throw failure("a string that is not valid UTF-8")
    }
    return string
  }

  private mutating func parseEscape(into text: inout [UInt8]) throws {
    guard let byte = peek else { throw failure("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "u"): text.append(contentsOf: String(try parseUnicodeEscape()).utf8)
    default: throw failure("an unknown escape in a string")
    }
  }

  /// A surrogate without its partner becomes U+FFFD: Swift strings cannot hold it.
  private mutating func parseUnicodeEscape() throws -> Character {
    let first = try parseHex()
    if let scalar = Unicode.Scalar(first) { return Character(scalar) }
    let afterFirst = position
    if first < 0xDC00, peek == UInt8(ascii: "\\") {
      position += 1
      if peek == UInt8(ascii: "u") {
        position += 1
        let second = try parseHex()
        if (0xDC00..<0xE000).contains(second),
          let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        {
          return Character(scalar)
        }
      }
    }
    position = afterFirst
    return "\u{FFFD}"
  }

  private mutating func parseHex() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80
      else { throw failure("\\u needs four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private static func newlines(in bytes: Slice<UnsafeRawBufferPointer>) -> Int {
    bytes.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
  }

  private func failure(_ message: String) -> TuneError {
    let end = min(position, bytes.count)
    return TuneError(
      .malformedFile, "broken JSON: \(message)",
      at: .init(file: file, line: firstLine + Self.newlines(in: bytes[..<end])))
  }
}
