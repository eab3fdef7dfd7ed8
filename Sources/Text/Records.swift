// The records of JSON, JSON lines or text files. The files are mapped and only where each record
// lies is kept; a record is read when it is asked for. All are read once at the start, so that a
// broken line is found before any training.
import Essentials

/// One record and where it came from.
struct Record {
  let fields: JSONObject
  let file: String
  /// From 1, within its file.
  let number: Int
  let line: Int

  var place: TuneError.Location { .init(file: file, line: line) }
}

struct Records: Sendable {
  private struct Span {
    var file: Int32
    var start: Int
    var end: Int
    var line: Int32
    var number: Int32
  }
  private let files: [MappedFile]
  private var spans: [Span] = []
  private let kind: DataSource.Kind

  init(_ paths: [String], kind: DataSource.Kind, source: DataSource) throws {
    self.kind = kind
    files = try paths.map { try MappedFile(path: $0) }
    for position in files.indices {
      let bytes = UnsafeRawBufferPointer(files[position].bytes)
      switch kind {
      case .json: try index(json: bytes, file: position)
      case .text: try index(text: bytes, file: position, source)
      }
    }
  }

  var count: Int { spans.count }

  func selecting(_ range: Range<Int>) -> Records {
    var selected = self
    selected.spans = Array(spans[range])
    return selected
  }
  /// More records, of the same or of other files.
  func appending(_ other: Records) -> Records {
    var sum = Records(files: files + other.files, spans: spans, kind: kind)
    sum.spans += other.spans.map {
      var span = $0
      span.file += Int32(files.count)
      return span
    }
    return sum
  }
  private init(files: [MappedFile], spans: [Span], kind: DataSource.Kind) {
    (self.files, self.spans, self.kind) = (files, spans, kind)
  }

  func record(at index: Int) throws -> Record {
    let span = spans[index]
    let file = files[Int(span.file)]
    return try withExtendedLifetime(file) {
      let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[span.start..<span.end])
      return Record(
        fields: try fields(bytes, file: file.path, line: Int(span.line)), file: file.path,
        number: Int(span.number), line: Int(span.line))
    }
  }

  private func fields(
    _ bytes: UnsafeRawBufferPointer, file: String, line: Int
  ) throws -> JSONObject {
    switch kind {
    case .json:
      let value = try JSON.parse(bytes, file: file, firstLine: line)
      guard case .object(let fields) = value else { throw Self.notAnObject(value, file, line) }
      return fields
    case .text:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TuneError(
          .malformedFile, "the text is not valid UTF-8", remedy: "Convert the file to UTF-8.",
          at: .init(file: file, line: line))
      }
      return ["text": .string(TextRecords.withUniversalNewlines(text))]
    }
  }

  private mutating func index(json bytes: UnsafeRawBufferPointer, file: Int) throws {
    let path = files[file].path
    let content = bytes.firstIndex { !($0 == 0x20 || (0x09...0x0D).contains($0)) }
    var number: Int32 = 0
    func span(_ range: Range<Int>, line: Int) -> Span {
      number += 1
      return Span(
        file: Int32(file), start: range.lowerBound, end: range.upperBound, line: Int32(line),
        number: number)
    }
    if let content, bytes[content] == UInt8(ascii: "[") {
      var parser = JSONParser(bytes, file: path)
      try parser.forEachElement { value, range, line in
        guard case .object = value else { throw Self.notAnObject(value, path, line) }
        spans.append(span(range, line: line))
      }
      return
    }
    try TextRecords.forEachLine(of: bytes) { range, line in
      let text = UnsafeRawBufferPointer(rebasing: bytes[range])
      if text.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) { return }
      let value = try JSON.parse(text, file: path, firstLine: line)
      guard case .object = value else { throw Self.notAnObject(value, path, line) }
      spans.append(span(range, line: line))
    }
  }

  private mutating func index(
    text bytes: UnsafeRawBufferPointer, file: Int, _ source: DataSource
  ) throws {
    var number: Int32 = 0
    TextRecords.forEach(source.sampleBy, keepLinebreaks: source.keepLinebreaks, of: bytes) {
      number += 1
      spans.append(
        Span(
          file: Int32(file), start: $0.lowerBound, end: $0.upperBound, line: Int32($1),
          number: number))
    }
  }

  private static func notAnObject(_ value: JSON, _ file: String, _ line: Int) -> TuneError {
    TuneError(
      .data, "a record must be an object with columns, found \(value.kind)",
      at: .init(file: file, line: line))
  }
}
