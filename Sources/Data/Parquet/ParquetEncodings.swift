// The encodings of Parquet's values and levels. Each gives one value at a time, so that a page that
// claims a billion values costs nothing until they are asked for.
// Source: the Apache Parquet format's description of encodings.
import Archives

package enum ParquetValue {
  case bool(Bool)
  case int(Int64)
  case float(Float)
  case double(Double)
  case bytes(ArraySlice<UInt8>)
}

protocol ParquetValues {
  mutating func next() throws -> ParquetValue
}

/// Runs of one number, and numbers packed bit by bit.
struct RunLengthDecoder {
  private var cursor: ByteCursor
  private let width: Int
  private var runLeft = 0
  private var runValue = 0
  private var packedLeft = 0
  private var bits: UInt64 = 0
  private var bitCount = 0

  init(_ cursor: ByteCursor, width: Int) throws {
    guard (0...32).contains(width) else { throw MalformedBytes("a bit width is wrong") }
    self.cursor = cursor
    self.width = width
  }

  mutating func next() throws -> Int {
    while true {
      if runLeft > 0 {
        runLeft -= 1
        return runValue
      }
      if packedLeft > 0 {
        packedLeft -= 1
        while bitCount < width {
          bits |= UInt64(try cursor.byte()) << UInt64(bitCount)
          bitCount += 8
        }
        let value = bits & (1 << UInt64(width) - 1)
        bits >>= UInt64(width)
        bitCount -= width
        return Int(value)
      }
      let head = try cursor.count(limit: Int(UInt32.max), of: "values in a run")
      if head & 1 == 0 {
        runLeft = head >> 1
        runValue = Int(try cursor.littleEndian((width + 7) / 8))
      } else {
        packedLeft = head >> 1 * 8
        (bits, bitCount) = (0, 0)
      }
    }
  }
}

/// Values as they are.
struct PlainValues: ParquetValues {
  private var cursor: ByteCursor
  private let type: ParquetType
  private let length: Int
  private var bit: UInt8 = 0
  private var byte: UInt8 = 0

  init(_ cursor: ByteCursor, _ type: ParquetType, length: Int) throws {
    guard type != .fixedBytes || length > 0 else {
      throw MalformedBytes("a column of fixed length has no length")
    }
    (self.cursor, self.type, self.length) = (cursor, type, length)
  }

  mutating func next() throws -> ParquetValue {
    switch type {
    case .boolean:
      if bit == 0 { byte = try cursor.byte() }
      defer { bit = (bit + 1) % 8 }
      return .bool(byte >> bit & 1 == 1)
    case .int32: return .int(Int64(Int32(truncatingIfNeeded: try cursor.littleEndian(4))))
    case .int64: return .int(Int64(bitPattern: try cursor.littleEndian(8)))
    case .int96: return .bytes(try cursor.slice(12))
    case .float: return .float(Float(bitPattern: UInt32(try cursor.littleEndian(4))))
    case .double: return .double(Double(bitPattern: try cursor.littleEndian(8)))
    case .bytes: return .bytes(try cursor.slice(Int(try cursor.littleEndian(4))))
    case .fixedBytes: return .bytes(try cursor.slice(length))
    }
  }
}

/// Numbers of entries in the column's dictionary.
struct DictionaryValues: ParquetValues {
  private var numbers: RunLengthDecoder
  private let dictionary: ParquetDictionary

  init(_ cursor: ByteCursor, _ dictionary: ParquetDictionary) throws {
    var cursor = cursor
    let width = Int(try cursor.byte())
    numbers = try RunLengthDecoder(cursor.rest, width: width)
    self.dictionary = dictionary
  }

  mutating func next() throws -> ParquetValue {
    try dictionary.value(at: numbers.next())
  }
}

struct RunLengthBooleans: ParquetValues {
  private var bits: RunLengthDecoder

  init(_ cursor: ByteCursor) throws {
    var cursor = cursor
    let size = Int(try cursor.littleEndian(4))
    let range = try cursor.take(size)
    bits = try RunLengthDecoder(ByteCursor(cursor.bytes, range), width: 1)
  }

  mutating func next() throws -> ParquetValue { .bool(try bits.next() == 1) }
}

/// The first bytes of all values, then their second ones, and so on.
struct SplitByteValues: ParquetValues {
  private let bytes: ArraySlice<UInt8>
  private let type: ParquetType
  private let width: Int
  private let count: Int
  private var index = 0

  init(_ cursor: ByteCursor, _ type: ParquetType, length: Int) throws {
    self.type = type
    switch type {
    case .int32, .float: width = 4
    case .int64, .double: width = 8
    case .fixedBytes where length > 0: width = length
    default: throw MalformedBytes("a column has an encoding that its type cannot have")
    }
    bytes = cursor.bytes[cursor.position..<cursor.end]
    count = bytes.count / width
  }

  mutating func next() throws -> ParquetValue {
    guard index < count else { throw MalformedBytes("the data ends too early") }
    let value = (0..<width).map { bytes[bytes.startIndex + $0 * count + index] }
    index += 1
    var plain = try PlainValues(ByteCursor(value), type, length: width)
    return try plain.next()
  }
}
