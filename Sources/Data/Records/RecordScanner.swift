// Finds where the records of a file lie, one after another, without understanding them: JSON lines,
// a JSON list, CSV, or text by line, paragraph or whole. Only what lies between two records is
// checked here; a record itself is read by `RecordLayout`.
import Archives
import Essentials
import Zstandard

/// Where a record lies.
package struct RecordSpan: Equatable {
  /// From the start of the unpacked file.
  var range: Range<Int>
  /// Of its first byte, from 1.
  var line: Int
}

/// The records of one file in their order.
package protocol RecordFile: AnyObject {
  var layout: RecordLayout { get }
  /// Goes to the next record; nil at the end.
  func next() throws -> RecordSpan?
  /// The bytes of the record that `next` gave last.
  func withBytes<R>(of span: RecordSpan, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R
  /// Goes past up to `count` records.
  /// - Returns: how many there were.
  func skip(_ count: Int) throws -> Int
}

extension RecordFile {
  func skip(_ count: Int) throws -> Int {
    var skipped = 0
    while skipped < count, try next() != nil { skipped += 1 }
    return skipped
  }
}

final class RecordScanner: RecordFile {
  enum Format { case jsonLines, jsonList, csv, lines, paragraphs, document }
  private(set) var layout: RecordLayout
  let window: ByteWindow
  private let format: Format
  private let keepsLinebreaks: Bool
  /// The next byte to look at, and its line.
  var position = 0
  var line = 1
  /// A JSON list: an element or its closing bracket has been seen; it is a field of an object.
  var hasElements = false
  var isClosed = false
  let isField: Bool

  /// - Throws: `TuneError` for what cannot be opened, UTF-16, a CSV file without a header.
  init(
    _ path: String, kind: DataSource.Kind, source: DataSource,
    chunk: Int = 256 << 10
  ) throws {
    window = ByteWindow(try UnpackedFile(path: path, formats: [.gzip, .zstd]), chunk: chunk)
    layout = RecordLayout(path: path, kind: kind)
    keepsLinebreaks = source.keepLinebreaks && kind == .text
    isField = source.field != nil
    let starts = (try window.byte(at: 0), try window.byte(at: 1), try window.byte(at: 2))
    if starts.0 == 0xFF && starts.1 == 0xFE || starts.0 == 0xFE && starts.1 == 0xFF {
      throw TuneError(
        .malformedFile, "the file is UTF-16", remedy: "Convert it to UTF-8.",
        at: .init(file: path))
    }
    let hasMark = starts.0 == 0xEF && starts.1 == 0xBB && starts.2 == 0xBF
    if hasMark, kind != .text { position = 3 }
    switch kind {
    case .text:
      format =
        switch source.sampleBy {
        case .line: .lines
        case .paragraph: .paragraphs
        case .document: .document
        }
    case .csv:
      format = .csv
      try readHeader(delimiter: try source.delimiterByte(for: path))
    case .json, .parquet:
      let opens = try Self.openList(window, &position, &line, field: source.field)
      format = opens ? .jsonList : .jsonLines
    }
  }

  var isPacked: Bool { window.file.isPacked }

  func next() throws -> RecordSpan? {
    switch format {
    case .jsonLines: return try nextLine(skippingBlank: true)
    case .jsonList: return try nextElement()
    case .csv: return try nextRow()
    case .lines: return try nextLine(skippingBlank: false)
    case .paragraphs: return try nextParagraph()
    case .document: return try wholeFile()
    }
  }

  func withBytes<R>(
    of span: RecordSpan, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    try window.withBytes(span.range, body)
  }

  private static let linebreaks = ByteSet(0x0A, 0x0D)

  /// The end of the line that holds `offset`, without and with its line break.
  func endOfLine(from offset: Int) throws -> (end: Int, next: Int) {
    guard let end = try window.first(Self.linebreaks, from: offset) else {
      let end = try window.end()
      return (end, end)
    }
    let isReturn = try window.byte(at: end) == 0x0D
    let isPair = try isReturn && window.byte(at: end + 1) == 0x0A
    return (end, end + (isPair ? 2 : 1))
  }

  private func nextLine(skippingBlank: Bool) throws -> RecordSpan? {
    while true {
      window.discard(before: position)
      guard try window.byte(at: position) != nil else { return nil }
      let (end, next) = try endOfLine(from: position)
      let span = RecordSpan(range: position..<(keepsLinebreaks ? next : end), line: line)
      position = next
      line += 1
      guard skippingBlank, isBlank(span.range) else { return span }
    }
  }

  /// Looks no further than the line: the next text may be far away, and is looked for on every line.
  private func isBlank(_ range: Range<Int>) -> Bool {
    window.withBytes(range) { $0.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } }
  }

  private func nextParagraph() throws -> RecordSpan? {
    var open: RecordSpan?
    while true {
      window.discard(before: open?.range.lowerBound ?? position)
      guard try window.byte(at: position) != nil else { return open }
      let (end, next) = try endOfLine(from: position)
      let isEmpty = end == position
      if !isEmpty {
        open = RecordSpan(
          range: (open?.range.lowerBound ?? position)..<end, line: open?.line ?? line)
      }
      position = next
      line += 1
      if isEmpty, open != nil { return open }
    }
  }

  private func wholeFile() throws -> RecordSpan? {
    guard position == 0, try window.byte(at: 0) != nil else { return nil }
    position = try window.end()
    return RecordSpan(range: 0..<position, line: 1)
  }

  private func readHeader(delimiter: UInt8) throws {
    layout.delimiter = delimiter
    guard let header = try nextRow() else {
      throw TuneError(
        .data, "the CSV file is empty: it needs a first line with the names of its columns",
        at: .init(file: layout.path))
    }
    let names = try window.withBytes(header.range) {
      try CSVRow.cells(
        of: $0, delimiter: delimiter, at: .init(file: layout.path, line: header.line))
    }
    var seen: Set<String> = []
    if let twice = names.first(where: { !seen.insert($0).inserted }) {
      throw TuneError(
        .data, "two columns are called '\(twice)'", at: .init(file: layout.path, line: header.line))
    }
    layout.columns = names
  }
}
