// One column of one row group, page by page: where it stands are the levels of its next value. A
// page is read and unpacked when its first value is asked for, and kept until its last.
import Archives

/// Reads parts of a Parquet file.
package protocol ParquetBytes {
  var count: Int { get }
  func bytes(at offset: Int, count: Int) throws -> [UInt8]
}

package struct ParquetColumn {
  let leaf: ParquetLeaf
  private let type: ParquetType
  private let codec: ParquetCodec
  private let file: any ParquetBytes
  /// What is left of the column in the file.
  private var rest: Range<Int>
  /// Values of the column in pages not opened yet.
  private var valuesLeft: Int
  private var pageLeft = 0
  private var dictionary: ParquetDictionary?
  private var repetitions: RunLengthDecoder?
  private var definitions: RunLengthDecoder?
  private var values: (any ParquetValues)?
  /// The levels of the next value, once they are known.
  private var levels: (repetition: Int, definition: Int)?
  /// Of a page, unpacked; Parquet's own writers make them of a megabyte.
  private static let pageLimit = 256 << 20

  package init(_ leaf: ParquetLeaf, _ chunk: ParquetChunk, _ file: any ParquetBytes) throws {
    guard !chunk.isEncrypted else { throw MalformedBytes("a column is encrypted") }
    guard !chunk.isElsewhere else { throw MalformedBytes("a column lies in another file") }
    guard let type = leaf.element.type, chunk.type == type else {
      throw MalformedBytes("a column's type is not that of the schema")
    }
    guard let codec = ParquetCodec(rawValue: chunk.codec) else {
      throw MalformedBytes("a column has an unknown compression")
    }
    var start = chunk.dataOffset
    if let first = chunk.dictionaryOffset, first > 0, first < start { start = first }
    guard start >= 0, chunk.packedSize >= 0, start <= file.count,
      chunk.packedSize <= Int64(file.count) - start,
      (0...Int64(Int32.max)).contains(chunk.valueCount)
    else { throw MalformedBytes("a column lies outside the file") }
    (self.leaf, self.type, self.codec, self.file) = (leaf, type, codec, file)
    rest = Int(start)..<Int(start + chunk.packedSize)
    valuesLeft = Int(chunk.valueCount)
  }

  /// The levels of the next value; nil behind the last.
  package mutating func peek() throws -> (repetition: Int, definition: Int)? {
    if let levels { return levels }
    while pageLeft == 0 {
      guard valuesLeft > 0 else { return nil }
      try openPage()
    }
    let found = (
      repetition: try repetitions?.next() ?? 0, definition: try definitions?.next() ?? 0
    )
    guard found.repetition <= leaf.repetition, found.definition <= leaf.definition else {
      throw MalformedBytes("a level is higher than the schema allows")
    }
    levels = found
    return found
  }

  /// Goes past the next value.
  /// - Returns: nil where it is null or not there.
  package mutating func next() throws -> ParquetValue? {
    guard let found = try peek() else { throw MalformedBytes("a column is shorter than another") }
    levels = nil
    pageLeft -= 1
    guard found.definition == leaf.definition else { return nil }
    guard let value = try values?.next() else { throw MalformedBytes("a page has no values") }
    return value
  }

  private mutating func openPage() throws {
    let (page, headSize) = try readHead()
    guard (0...Int64(Self.pageLimit)).contains(page.size), page.packedSize >= 0,
      page.packedSize <= Int64(rest.count - headSize), page.valueCount >= 0
    else { throw MalformedBytes("a page lies outside its column") }
    let start = rest.lowerBound + headSize
    let count = Int(page.packedSize)
    rest = start + count..<rest.upperBound
    switch page.kind {
    case .dictionary:
      guard dictionary == nil else { throw MalformedBytes("a column has two dictionaries") }
      let packed = try checkedBytes(page, at: start, count: count)
      let bytes = try codec.unpack(packed[...], size: Int(page.size))
      try readDictionary(bytes, page)
    case .data, .data2:
      guard page.valueCount <= Int64(valuesLeft) else {
        throw MalformedBytes("a page has more values than its column")
      }
      let bytes = try checkedBytes(page, at: start, count: count)
      if page.kind == .data { try readData(bytes, page) } else { try readData2(bytes, page) }
      pageLeft = Int(page.valueCount)
      valuesLeft -= pageLeft
    case .index, nil: break
    }
  }

  /// A page as it is packed.
  private func checkedBytes(_ page: ParquetPage, at start: Int, count: Int) throws -> [UInt8] {
    let bytes = try file.bytes(at: start, count: count)
    if let checksum = page.checksum, checksum != CyclicRedundancy.checksum(of: bytes) {
      throw MalformedBytes("a page is damaged: its content does not match its checksum")
    }
    return bytes
  }

  /// The head of the next page; how long it is only shows when it is read.
  private func readHead() throws -> (ParquetPage, Int) {
    var size = min(rest.count, 4096)
    while true {
      let bytes = try file.bytes(at: rest.lowerBound, count: size)
      var reader = ThriftReader(ByteCursor(bytes))
      do {
        let page = try ParquetPage(&reader)
        return (page, reader.cursor.position)
      } catch {
        guard size < min(rest.count, 16 << 20) else { throw error }
        size = min(rest.count, size * 16)
      }
    }
  }

  private mutating func readDictionary(_ bytes: [UInt8], _ page: ParquetPage) throws {
    guard page.encoding == 0 || page.encoding == 2 else {
      throw MalformedBytes("a dictionary has an unknown encoding")
    }
    dictionary = try ParquetDictionary(
      bytes, type, length: leaf.element.typeLength, count: page.valueCount)
  }

  private mutating func readData(_ packed: [UInt8], _ page: ParquetPage) throws {
    var cursor = ByteCursor(try codec.unpack(packed[...], size: Int(page.size)))
    func levels(_ limit: Int, _ encoding: Int64) throws -> RunLengthDecoder? {
      if limit == 0 { return nil }
      guard encoding == 3 else { throw MalformedBytes("levels have an encoding of old") }
      let size = Int(try cursor.littleEndian(4))
      let range = try cursor.take(size)
      return try RunLengthDecoder(ByteCursor(cursor.bytes, range), width: Self.width(limit))
    }
    repetitions = try levels(leaf.repetition, page.repetitionEncoding)
    definitions = try levels(leaf.definition, page.definitionEncoding)
    values = try decoder(page.encoding, cursor.rest)
  }

  private mutating func readData2(_ packed: [UInt8], _ page: ParquetPage) throws {
    var cursor = ByteCursor(packed)
    func levels(_ limit: Int, _ size: Int64) throws -> RunLengthDecoder? {
      let range = try cursor.take(Int(clamping: size))
      if limit == 0 { return nil }
      return try RunLengthDecoder(ByteCursor(cursor.bytes, range), width: Self.width(limit))
    }
    repetitions = try levels(leaf.repetition, page.repetitionSize)
    definitions = try levels(leaf.definition, page.definitionSize)
    let size = Int(page.size) - cursor.position
    guard size >= 0 else { throw MalformedBytes("a page has a wrong size") }
    let body = packed[cursor.position...]
    let bytes = page.isPacked && !body.isEmpty ? try codec.unpack(body, size: size) : Array(body)
    values = try decoder(page.encoding, ByteCursor(bytes))
  }

  private func decoder(_ encoding: Int64, _ cursor: ByteCursor) throws -> any ParquetValues {
    // A page of nulls may be empty whatever its encoding; whoever asks for a value then fails.
    if cursor.left == 0 { return try PlainValues(cursor, .bytes, length: 0) }
    let length = leaf.element.typeLength
    switch (encoding, type) {
    case (0, _): return try PlainValues(cursor, type, length: length)
    case (2, _), (8, _):
      guard let dictionary else { throw MalformedBytes("a column lacks its dictionary") }
      return try DictionaryValues(cursor, dictionary)
    case (3, .boolean): return try RunLengthBooleans(cursor)
    case (5, .int32), (5, .int64): return try DeltaIntegers(cursor, is32: type == .int32)
    case (6, .bytes): return try DeltaLengthValues(cursor)
    case (7, .bytes), (7, .fixedBytes): return try DeltaByteValues(cursor)
    case (9, _): return try SplitByteValues(cursor, type, length: length)
    default: throw MalformedBytes("a column has an unknown encoding (\(encoding) of \(type))")
    }
  }

  /// Bits that hold numbers up to `limit`.
  private static func width(_ limit: Int) -> Int { Int.bitWidth - limit.leadingZeroBitCount }
}
