// JSON written as bytes, for records that are put together value by value.
import Archives
import Foundation

package struct JSONBytes {
  package private(set) var bytes: [UInt8] = []
  package init() {}

  package mutating func clear() { bytes.removeAll(keepingCapacity: true) }
  package mutating func append(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
  /// Text that needs no quotes or escapes.
  mutating func append(raw text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func append(_ value: Int64) { append(raw: String(value)) }
  /// JSON has no infinities and no NaN.
  mutating func append(_ value: Double) {
    if value.isFinite { append(raw: value.description) } else { append("null") }
  }

  /// A text in quotes.
  /// - Throws: `MalformedBytes` for what is not UTF-8.
  mutating func append(text: ArraySlice<UInt8>) throws {
    guard Self.isUTF8(text) else { throw MalformedBytes("a text is not valid UTF-8") }
    append(quoted: text)
  }
  package mutating func append(text: String) { append(quoted: ArraySlice(text.utf8)) }

  static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
  }

  /// Bytes that may be anything: a text where they are one, else an object that says what they are,
  /// so that no one takes them for text.
  mutating func append(binary: ArraySlice<UInt8>) {
    if Self.isUTF8(binary) {
      append(quoted: binary)
    } else {
      append("{\"base64\":")
      append(text: Data(binary).base64EncodedString())
      append("}")
    }
  }

  private mutating func append(quoted text: ArraySlice<UInt8>) {
    bytes.append(UInt8(ascii: "\""))
    var plain = text.startIndex
    for (index, byte) in zip(text.indices, text)
    where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
      bytes += text[plain..<index]
      plain = index + 1
      if byte >= 0x20 {
        bytes += [UInt8(ascii: "\\"), byte]
      } else {
        bytes += Array("\\u00".utf8) + [Self.digit(byte >> 4), Self.digit(byte & 15)]
      }
    }
    bytes += text[plain...]
    bytes.append(UInt8(ascii: "\""))
  }
  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
