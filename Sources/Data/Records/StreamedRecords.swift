// Records read in their order, for data larger than memory: nothing but the record at hand is kept.
import Essentials

/// A record as its file has it, not yet understood.
package struct RawRecord: Sendable {
  let layout: RecordLayout
  package let bytes: [UInt8]
  let line: Int
  let number: Int

  package func record() throws -> Record {
    try bytes.withUnsafeBytes { try layout.record($0, line: line, number: number) }
  }
}

package struct StreamedRecords: Sendable {
  struct Part: Sendable, Equatable {
    var path: String
    var range: Range<Int>
  }
  package let source: DataSource
  let kind: DataSource.Kind
  let parts: [Part]

  package var count: Int { parts.reduce(0) { $0 + $1.range.count } }

  /// What `range` covers of files with so many records.
  static func parts(_ paths: [String], counts: [Int], range: Range<Int>) -> [Part] {
    var start = 0
    return zip(paths, counts).compactMap { path, count in
      defer { start += count }
      let wanted = range.clamped(to: start..<start + count)
      if wanted.isEmpty { return nil }
      return Part(path: path, range: wanted.lowerBound - start..<wanted.upperBound - start)
    }
  }

  package func reader() -> Reader { Reader(self) }

  package final class Reader {
    private let records: StreamedRecords
    private var part = 0
    private var file: (any RecordFile)?
    /// Records of the open file passed.
    private var passed = 0

    fileprivate init(_ records: StreamedRecords) { self.records = records }

    /// The next record; nil at the end.
    package func next() throws -> RawRecord? {
      while let file = try openFile() {
        guard passed < records.parts[part].range.upperBound, let span = try file.next() else {
          try closeFile()
          continue
        }
        passed += 1
        return try file.withBytes(of: span) {
          RawRecord(layout: file.layout, bytes: Array($0), line: span.line, number: passed)
        }
      }
      return nil
    }

    /// Goes past `count` records.
    package func skip(_ count: Int) throws {
      var left = count
      while left > 0, let file = try openFile() {
        let skipped = try file.skip(min(left, records.parts[part].range.upperBound - passed))
        passed += skipped
        left -= skipped
        if skipped == 0 || left > 0 { try closeFile() }
      }
    }

    private func openFile() throws -> (any RecordFile)? {
      if let file { return file }
      guard part < records.parts.count else { return nil }
      let wanted = records.parts[part]
      let opened = try openRecordFile(wanted.path, kind: records.kind, source: records.source)
      passed = try opened.skip(wanted.range.lowerBound)
      file = opened
      return opened
    }

    private func closeFile() throws {
      let wanted = records.parts[part]
      guard passed >= wanted.range.upperBound else {
        throw TuneError(
          .data, "the file has fewer records than when the run began",
          remedy: "Leave data files alone while a run reads them.", at: .init(file: wanted.path))
      }
      file = nil
      part += 1
    }
  }
}
