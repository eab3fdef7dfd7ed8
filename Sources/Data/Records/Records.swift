// The records of a dataset at hand by their number. Only where each record lies is kept, 16 bytes a
// record; a record is read when it is asked for. What cannot be read here and there (packed files,
// Parquet) is unpacked once, to memory while it is small and else to a file without a name.
import Archives
import Essentials

/// One file's records by number.
final class IndexedFile: Sendable {
  private struct Span {
    var offset: Int
    var count: UInt32
    var line: UInt32
  }
  private let layout: RecordLayout
  private let store: StoredBytes
  private let spans: [Span]
  /// Of all records.
  let byteCount: Int

  /// - Parameter limit: of what a Parquet file's records may take, what is kept of each one included.
  init(
    _ path: String, kind: DataSource.Kind, source: DataSource, limit: UnpackingLimit = .standard
  ) throws {
    let file = try openRecordFile(path, kind: kind, source: source)
    layout = file.layout
    var spans: [Span] = []
    var spill = ByteSpill(of: path)
    let isPlain = (file as? RecordScanner).map { !$0.isPacked } ?? false
    var byteCount = 0
    let most = try Self.mostBytes(path, kind, limit)
    while let span = try file.next() {
      let offset = isPlain ? span.range.lowerBound : spill.count
      if !isPlain { try file.withBytes(of: span) { try spill.append($0) } }
      byteCount += span.range.count
      // A few bytes of Parquet can say that a short record comes a billion times.
      guard byteCount + (spans.count + 1) * MemoryLayout<Span>.stride <= most else {
        throw TuneError(
          .malformedFile, "the file's records unpack to more than \(most) bytes",
          remedy: "If you trust the file, set streaming: True.", at: .init(file: path))
      }
      spans.append(
        Span(
          offset: offset, count: UInt32(clamping: span.range.count),
          line: UInt32(clamping: span.line)))
    }
    self.spans = spans
    self.byteCount = byteCount
    store = isPlain ? try StoredBytes(path: path) : try spill.finish()
  }

  /// Parquet unpacks values by itself, so `UnpackedFile` has no say in it.
  private static func mostBytes(
    _ path: String, _ kind: DataSource.Kind, _ limit: UnpackingLimit
  ) throws -> Int {
    guard kind == .parquet else { return .max }
    return limit.bytes(packed: try StoredBytes(path: path).count)
  }

  var count: Int { spans.count }

  func record(at index: Int) throws -> Record {
    let span = spans[index]
    return try store.bytes(at: span.offset, count: Int(span.count)).withUnsafeBytes {
      try layout.record($0, line: Int(span.line), number: index + 1)
    }
  }
}

/// The records of some files, or of parts of them.
package struct Records: Sendable {
  private struct Part {
    var file: IndexedFile
    var range: Range<Int>
  }
  private var parts: [Part] = []
  /// Where each part begins, and the end.
  private var starts = [0]

  init(_ paths: [String], kind: DataSource.Kind, source: DataSource) throws {
    for path in paths {
      let file = try IndexedFile(path, kind: kind, source: source)
      append(Part(file: file, range: 0..<file.count))
    }
  }
  private init() {}

  package var count: Int { starts.last ?? 0 }
  package var byteCount: Int { parts.reduce(0) { $0 + $1.file.byteCount } }

  func selecting(_ range: Range<Int>) -> Records {
    var selected = Records()
    for (part, start) in zip(parts, starts) {
      let wanted = range.clamped(to: start..<start + part.range.count)
      let shift = part.range.lowerBound - start
      selected.append(
        Part(file: part.file, range: wanted.lowerBound + shift..<wanted.upperBound + shift))
    }
    return selected
  }

  /// More records, of the same or of other files.
  func appending(_ other: Records) -> Records {
    var sum = self
    for part in other.parts { sum.append(part) }
    return sum
  }

  package func record(at index: Int) throws -> Record {
    let position = starts.partitioningIndex { $0 > index } - 1
    let part = parts[position]
    return try part.file.record(at: part.range.lowerBound + index - starts[position])
  }

  private mutating func append(_ part: Part) {
    guard !part.range.isEmpty else { return }
    parts.append(part)
    starts.append(count + part.range.count)
  }
}

extension [Int] {
  /// The first position whose element satisfies `belongs`, where all behind it do too.
  package func partitioningIndex(_ belongs: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

func openRecordFile(
  _ path: String, kind: DataSource.Kind, source: DataSource
) throws -> any RecordFile {
  kind == .parquet
    ? try ParquetRecords(path: path) : try RecordScanner(path, kind: kind, source: source)
}
