// Parquet's metadata: what its footer and the heads of its pages say. Numbers are what the file
// claims; who uses them checks them against what is there.
// Source: parquet.thrift of the Apache Parquet format.
import Archives

enum ParquetType: Int64 {
  case boolean = 0
  case int32, int64, int96, float, double, bytes, fixedBytes
}

enum ParquetCodec: Int64 {
  case none = 0
  case snappy, gzip, lzo, brotli, lz4, zstd, lz4Raw
}

/// One element of the flattened schema.
package struct ParquetElement {
  var type: ParquetType?
  var typeLength = 0
  /// 0 required, 1 optional, 2 repeated.
  var repetition: Int64 = 0
  var name = ""
  var childCount = 0
  var converted: Int64?
  var scale: Int64 = 0
  /// The field that is set in the union of logical types.
  var logical: Int?
  /// Times: 1 milliseconds, 2 microseconds, 3 nanoseconds.
  var unit = 2
  var isUTC = false
  var isSigned = true
}

package struct ParquetChunk {
  var type: ParquetType?
  var codec: Int64 = 0
  var valueCount: Int64 = 0
  var packedSize: Int64 = 0
  var dataOffset: Int64 = 0
  var dictionaryOffset: Int64?
  var isElsewhere = false
  var isEncrypted = false
}

package struct ParquetRowGroup {
  package var chunks: [ParquetChunk] = []
  package var rowCount: Int64 = 0
}

package struct ParquetFooter {
  package var elements: [ParquetElement] = []
  var rowCount: Int64 = 0
  package var groups: [ParquetRowGroup] = []

  package init(_ cursor: ByteCursor) throws {
    var reader = ThriftReader(cursor)
    try reader.structure { number, kind, reader in
      switch number {
      case 2: try reader.structures { elements.append(try ParquetElement(&$0)) }
      case 3: rowCount = try reader.integer(kind)
      case 4: try reader.structures { groups.append(try ParquetRowGroup(&$0)) }
      case 8: throw MalformedBytes("the file is encrypted")
      default: return false
      }
      return true
    }
  }
}

extension ParquetElement {
  fileprivate init(_ reader: inout ThriftReader) throws {
    try reader.structure { number, kind, reader in
      switch number {
      case 1:
        guard let known = ParquetType(rawValue: try reader.integer(kind)) else {
          throw MalformedBytes("a column has an unknown type")
        }
        type = known
      case 2: typeLength = Int(clamping: try reader.integer(kind))
      case 3: repetition = try reader.integer(kind)
      case 4: name = try reader.text(kind)
      case 5: childCount = Int(clamping: try reader.integer(kind))
      case 6: converted = try reader.integer(kind)
      case 7: scale = try reader.integer(kind)
      case 10: try readLogical(&reader, kind)
      default: return false
      }
      return true
    }
  }

  private mutating func readLogical(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws
  {
    guard kind == .structure else { throw ThriftReader.wrongKind }
    try reader.structure { number, kind, reader in
      logical = number
      guard kind == .structure, [5, 7, 8, 10].contains(number) else { return false }
      try reader.structure { field, kind, reader in
        switch (number, field) {
        case (5, 1): scale = try reader.integer(kind)
        case (7, 1), (8, 1): isUTC = try reader.bool(kind)
        case (7, 2), (8, 2):
          guard kind == .structure else { throw ThriftReader.wrongKind }
          try reader.structure { unit, _, _ in
            self.unit = unit
            return false
          }
        case (10, 2): isSigned = try reader.bool(kind)
        default: return false
        }
        return true
      }
      return true
    }
  }
}

extension ParquetRowGroup {
  fileprivate init(_ reader: inout ThriftReader) throws {
    try reader.structure { number, kind, reader in
      switch number {
      case 1: try reader.structures { chunks.append(try ParquetChunk(&$0)) }
      case 3: rowCount = try reader.integer(kind)
      default: return false
      }
      return true
    }
  }
}

extension ParquetChunk {
  fileprivate init(_ reader: inout ThriftReader) throws {
    try reader.structure { number, kind, reader in
      switch number {
      case 1: isElsewhere = !(try reader.text(kind)).isEmpty
      case 3:
        guard kind == .structure else { throw ThriftReader.wrongKind }
        try readMetadata(&reader)
      case 8: isEncrypted = true
      default: return false
      }
      return number != 8
    }
  }

  private mutating func readMetadata(_ reader: inout ThriftReader) throws {
    try reader.structure { number, kind, reader in
      switch number {
      case 1: type = ParquetType(rawValue: try reader.integer(kind))
      case 4: codec = try reader.integer(kind)
      case 5: valueCount = try reader.integer(kind)
      case 7: packedSize = try reader.integer(kind)
      case 9: dataOffset = try reader.integer(kind)
      case 11: dictionaryOffset = try reader.integer(kind)
      default: return false
      }
      return true
    }
  }
}

/// The head of a page.
struct ParquetPage {
  enum Kind: Int64 {
    case data = 0
    case index, dictionary, data2
  }
  var kind: Kind?
  var size: Int64 = 0
  var packedSize: Int64 = 0
  /// CRC-32 of the page as it is packed; nil where the writer gave none.
  var checksum: UInt32?
  var valueCount: Int64 = 0
  var encoding: Int64 = 0
  var definitionEncoding: Int64 = 3
  var repetitionEncoding: Int64 = 3
  /// Second version of data pages only.
  var definitionSize: Int64 = 0
  var repetitionSize: Int64 = 0
  var isPacked = true

  init(_ reader: inout ThriftReader) throws {
    try reader.structure { number, kind, reader in
      switch number {
      case 1: self.kind = Kind(rawValue: try reader.integer(kind))
      case 2: size = try reader.integer(kind)
      case 3: packedSize = try reader.integer(kind)
      case 4: checksum = UInt32(truncatingIfNeeded: try reader.integer(kind))
      case 5, 7, 8:
        guard kind == .structure else { throw ThriftReader.wrongKind }
        try readHead(&reader, of: number)
      default: return false
      }
      return true
    }
  }

  private mutating func readHead(_ reader: inout ThriftReader, of part: Int) throws {
    try reader.structure { number, kind, reader in
      switch (part, number) {
      case (_, 1): valueCount = try reader.integer(kind)
      case (5, 2), (7, 2), (8, 4): encoding = try reader.integer(kind)
      case (5, 3): definitionEncoding = try reader.integer(kind)
      case (5, 4): repetitionEncoding = try reader.integer(kind)
      case (8, 5): definitionSize = try reader.integer(kind)
      case (8, 6): repetitionSize = try reader.integer(kind)
      case (8, 7): isPacked = try reader.bool(kind)
      default: return false
      }
      return true
    }
  }
}
