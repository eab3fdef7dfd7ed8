// Reading numbers out of bytes that may lie about everything: each read checks what is left.
import Archives

package struct ByteCursor {
  let bytes: [UInt8]
  private(set) var position: Int
  let end: Int

  package init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }
  init(_ bytes: [UInt8], _ range: Range<Int>) {
    let range = range.clamped(to: 0..<bytes.count)
    (self.bytes, position, end) = (bytes, range.lowerBound, range.upperBound)
  }

  var left: Int { end - position }
  var rest: ByteCursor { ByteCursor(bytes, position..<end) }

  mutating func byte() throws -> UInt8 {
    guard position < end else { throw MalformedBytes("the data ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws -> Range<Int> {
    guard count >= 0, count <= left else { throw MalformedBytes("the data ends too early") }
    defer { position += count }
    return position..<position + count
  }

  mutating func slice(_ count: Int) throws -> ArraySlice<UInt8> { bytes[try take(count)] }

  /// A number of up to 8 bytes, the lowest first.
  package mutating func littleEndian(_ count: Int) throws -> UInt64 {
    let range = try take(count)
    var value: UInt64 = 0
    for index in range.reversed() { value = value << 8 | UInt64(bytes[index]) }
    return value
  }

  mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      let byte = try byte()
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw MalformedBytes("a number is longer than any may be")
  }

  mutating func zigzag() throws -> Int64 {
    let value = try varint()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// A varint that counts something, of at most `limit`.
  mutating func count(limit: Int, of what: String) throws -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw MalformedBytes("the number of \(what) is wrong") }
    return Int(value)
  }
}
