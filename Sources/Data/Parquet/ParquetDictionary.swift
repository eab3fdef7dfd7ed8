// A column's dictionary: the bytes of its page as they are, and for values of unlike lengths where each of
// them begins. A value is made when it is asked for; all at once they would take forty times a page that
// a few bytes unpack to.
import Archives

struct ParquetDictionary {
  private let bytes: [UInt8]
  private let type: ParquetType
  private let length: Int
  /// Of a value, where all have the same.
  private let width: Int?
  /// Where each value begins, where they have not.
  private var starts: [UInt32] = []
  let count: Int

  init(_ bytes: [UInt8], _ type: ParquetType, length: Int, count: Int64) throws {
    self.bytes = bytes
    self.type = type
    self.length = length
    width = try Self.width(type, length)
    // No value takes less than a byte, those of unlike lengths four for their length.
    guard count >= 0, count <= Int64(bytes.count / (width ?? 4)) else {
      throw MalformedBytes("a dictionary has a wrong size")
    }
    self.count = Int(count)
    guard width == nil else { return }
    guard bytes.count <= Int(UInt32.max) else {
      throw MalformedBytes("a dictionary has a wrong size")
    }
    var cursor = ByteCursor(bytes)
    starts.reserveCapacity(self.count)
    for _ in 0..<self.count {
      starts.append(UInt32(cursor.position))
      _ = try cursor.take(Int(try cursor.littleEndian(4)))
    }
  }

  private static func width(_ type: ParquetType, _ length: Int) throws -> Int? {
    switch type {
    case .boolean: throw MalformedBytes("a dictionary has a wrong size")
    case .int32, .float: return 4
    case .int64, .double: return 8
    case .int96: return 12
    case .bytes: return nil
    case .fixedBytes:
      guard length > 0 else { throw MalformedBytes("a column of fixed length has no length") }
      return length
    }
  }

  func value(at number: Int) throws -> ParquetValue {
    guard number >= 0, number < count else {
      throw MalformedBytes("a value is not in its dictionary")
    }
    let start = width.map { $0 * number } ?? Int(starts[number])
    var plain = try PlainValues(ByteCursor(bytes, start..<bytes.count), type, length: length)
    return try plain.next()
  }
}
