// The rows of a Parquet file as JSON objects, one after another. Columns are read side by side, a
// page of each in memory, so that a file of any size needs little.
import Archives
import Essentials
import Foundation
import Parquet

final class ParquetRecords: RecordFile {
  let layout: RecordLayout
  private let file: File
  private let schema: ParquetSchema
  private let groups: [ParquetRowGroup]
  /// Row groups begun, rows left of the last one, its columns.
  private var groupCount = 0
  private var rowsLeft = 0
  private var columns: [ParquetColumn] = []
  private var record = JSONBytes()
  /// Of one record, in bytes of JSON.
  private let recordLimit: Int

  private struct File: ParquetBytes {
    let store: StoredBytes
    var count: Int { store.count }
    func bytes(at offset: Int, count: Int) throws -> [UInt8] {
      try store.bytes(at: offset, count: count)
    }
  }

  /// - Throws: `TuneError` for what is no Parquet file or is broken.
  init(path: String, recordLimit: Int = ByteWindow.largestRecord) throws {
    layout = RecordLayout(path: path, kind: .parquet)
    self.recordLimit = recordLimit
    file = File(store: try StoredBytes(path: path))
    do {
      let footer = try Self.footer(file)
      schema = try ParquetSchema(footer.elements)
      groups = footer.groups
      for group in groups {
        guard group.chunks.count == schema.leaves.count,
          (0...Int64(Int32.max)).contains(group.rowCount)
        else { throw MalformedBytes("a row group does not fit the schema") }
      }
      guard !schema.columns.isEmpty || groups.allSatisfy({ $0.rowCount == 0 }) else {
        throw MalformedBytes("there are rows, but no columns")
      }
    } catch let error as MalformedBytes {
      throw Self.failure(error.message, path)
    }
  }

  func next() throws -> RecordSpan? {
    do {
      while rowsLeft == 0 {
        guard groupCount < groups.count else { return nil }
        try openGroup()
      }
      rowsLeft -= 1
      record.clear()
      try appendFields(schema.columns)
      for column in columns.indices {
        // The next value begins the next record.
        if let next = try columns[column].peek(), next.repetition > 0 {
          throw MalformedBytes("the columns of a row do not fit together")
        }
      }
    } catch let error as MalformedBytes {
      throw Self.failure(error.message, layout.path)
    }
    return RecordSpan(range: 0..<record.bytes.count, line: 0)
  }

  func withBytes<R>(
    of span: RecordSpan, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    try record.bytes.withUnsafeBytes(body)
  }

  /// Whole row groups are passed without reading them.
  func skip(_ count: Int) throws -> Int {
    var skipped = 0
    while skipped < count {
      if rowsLeft == 0 {
        guard groupCount < groups.count else { break }
        let rows = Int(groups[groupCount].rowCount)
        if rows <= count - skipped {
          groupCount += 1
          skipped += rows
          continue
        }
      }
      guard try next() != nil else { break }
      skipped += 1
    }
    return skipped
  }

  private func openGroup() throws {
    let group = groups[groupCount]
    groupCount += 1
    columns = try zip(schema.leaves, group.chunks).map { try ParquetColumn($0, $1, file) }
    rowsLeft = Int(group.rowCount)
  }

  private func appendFields(_ nodes: [ParquetNode]) throws {
    record.append("{")
    for (position, node) in nodes.enumerated() {
      if position > 0 { record.append(",") }
      record.append(text: node.name)
      record.append(":")
      try append(node)
    }
    record.append("}")
  }

  private func append(_ node: ParquetNode) throws {
    guard record.bytes.count <= recordLimit else {
      throw MalformedBytes("a record has more than \(recordLimit) bytes")
    }
    if case .leaf(let column) = node.content {
      if let value = try columns[column].next() {
        try record.append(value, of: schema.leaves[column].element)
      } else {
        record.append("null")
      }
      return
    }
    let first = node.leaves.lowerBound
    guard let levels = try columns[first].peek() else {
      throw MalformedBytes("a column is shorter than another")
    }
    if levels.definition < node.definition {
      try passNull(node)
      record.append("null")
      return
    }
    switch node.content {
    case .leaf: break
    case .structure(let fields): try appendFields(fields)
    case .list(let element, let repetition, let definition):
      record.append("[")
      if levels.definition < definition {
        try passNull(node)
      } else {
        try append(element)
        while let next = try columns[first].peek(), next.repetition == repetition {
          record.append(",")
          try append(element)
        }
      }
      record.append("]")
    }
  }

  /// Every column below a node that is null or an empty list notes that once.
  private func passNull(_ node: ParquetNode) throws {
    for column in node.leaves {
      guard try columns[column].next() == nil else {
        throw MalformedBytes("the columns of a row do not fit together")
      }
    }
  }

  private static let magic = Array("PAR1".utf8)

  private static func footer(_ file: File) throws -> ParquetFooter {
    guard file.count >= 12, try file.bytes(at: 0, count: 4) == magic else {
      throw MalformedBytes("it does not begin as Parquet files do")
    }
    let tail = try file.bytes(at: file.count - 8, count: 8)
    guard Array(tail[4...]) == magic else {
      throw MalformedBytes("it does not end as Parquet files do; perhaps it was cut off")
    }
    var cursor = ByteCursor(tail)
    let size = Int(try cursor.littleEndian(4))
    guard size <= file.count - 12 else { throw MalformedBytes("its footer has a wrong size") }
    return try ParquetFooter(ByteCursor(try file.bytes(at: file.count - 8 - size, count: size)))
  }

  private static func failure(_ message: String, _ path: String) -> TuneError {
    TuneError(
      .malformedFile, "the Parquet file cannot be read: \(message)",
      remedy: "Fetch or make the file again.", at: .init(file: path))
  }
}
