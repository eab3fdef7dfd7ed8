// Rows of CSV (RFC 4180): a cell in quotes may hold line breaks, separators and doubled quotes.
import Essentials

extension RecordScanner {
  private static let quoteOrBreak = ByteSet(UInt8(ascii: "\""), 0x0A, 0x0D)
  private static let quoteOrNewline = ByteSet(UInt8(ascii: "\""), 0x0A)

  /// The next row that is not empty, without its line break.
  func nextRow() throws -> RecordSpan? {
    while true {
      window.discard(before: position)
      guard try window.byte(at: position) != nil else { return nil }
      let (start, firstLine) = (position, line)
      let end = try endOfRow()
      let range = start..<end
      position = try endOfLine(from: end).next
      line += 1
      if !range.isEmpty { return RecordSpan(range: range, line: firstLine) }
    }
  }

  private func endOfRow() throws -> Int {
    var at = position
    while let found = try window.first(Self.quoteOrBreak, from: at) {
      guard try window.byte(at: found) == UInt8(ascii: "\"") else { return found }
      at = found
      guard try opensCell(found) else {
        at += 1
        continue
      }
      at = try endOfQuotes(from: found + 1)
    }
    return try window.end()
  }

  /// A quote inside an unquoted cell is an ordinary character.
  private func opensCell(_ offset: Int) throws -> Bool {
    guard offset > position else { return true }
    return try window.byte(at: offset - 1) == layout.delimiter
  }

  /// Behind the closing quote.
  private func endOfQuotes(from offset: Int) throws -> Int {
    let opening = line
    var at = offset
    while let found = try window.first(Self.quoteOrNewline, from: at) {
      at = found + 1
      if try window.byte(at: found) == 0x0A {
        line += 1
      } else if try window.byte(at: at) == UInt8(ascii: "\"") {
        at += 1
      } else {
        return at
      }
    }
    throw TuneError(
      .malformedFile, "the file ends inside quotes that begin in this line",
      at: .init(file: layout.path, line: opening))
  }
}

enum CSVRow {
  /// The cells of one row.
  /// - Throws: `TuneError` for text that is not UTF-8 or goes on behind a closing quote.
  static func cells(
    of bytes: UnsafeRawBufferPointer, delimiter: UInt8, at place: TuneError.Location
  ) throws -> [String] {
    var cells: [String] = []
    var at = 0
    while true {
      var cell: [UInt8] = []
      if at < bytes.count, bytes[at] == quote {
        at += 1
        while at < bytes.count {
          if bytes[at] == quote {
            at += 1
            guard at < bytes.count, bytes[at] == quote else { break }
          }
          cell.append(bytes[at])
          at += 1
        }
        guard at == bytes.count || bytes[at] == delimiter else {
          throw TuneError(
            .malformedFile, "cell \(cells.count + 1) has text after its closing quote",
            remedy: "Inside a cell in quotes, write a quote as two.", at: place)
        }
      } else {
        let end = bytes[at...].firstIndex(of: delimiter) ?? bytes.count
        cell = Array(bytes[at..<end])
        at = end
      }
      guard let text = String(validating: cell, as: UTF8.self) else {
        throw TuneError(
          .malformedFile, "cell \(cells.count + 1) is not valid UTF-8",
          remedy: "Convert the file to UTF-8.", at: place)
      }
      cells.append(text)
      guard at < bytes.count else { return cells }
      at += 1
    }
  }
  private static let quote = UInt8(ascii: "\"")
}
