// How the bytes of a record are to be understood: what its file is.
import Essentials

package struct RecordLayout: Sendable, Equatable {
  let path: String
  let kind: DataSource.Kind
  /// CSV: the header's names.
  var columns: [String] = []
  var delimiter = UInt8(ascii: ",")

  init(path: String, kind: DataSource.Kind) {
    self.path = path
    self.kind = kind
  }

  /// - Throws: `TuneError` for what is no record.
  func record(_ bytes: UnsafeRawBufferPointer, line: Int, number: Int) throws -> Record {
    let line = kind == .parquet ? nil : line
    return Record(
      fields: try fields(bytes, line: line, number: number), file: path, number: number, line: line)
  }

  private func fields(
    _ bytes: UnsafeRawBufferPointer, line: Int?, number: Int
  ) throws -> JSONObject {
    let place = TuneError.Location(file: path, line: line)
    switch kind {
    case .json, .parquet:
      let value = try parse(bytes, line: line)
      guard case .object(let fields) = value else {
        throw TuneError(
          .data, "a record must be an object with columns, found \(value.kind)", at: place)
      }
      return fields
    case .csv:
      let cells = try CSVRow.cells(of: bytes, delimiter: delimiter, at: place)
      guard cells.count == columns.count else {
        throw TuneError(
          .data,
          "record \(number) has \(cells.count) cells, and the header names \(columns.count) columns",
          remedy: "Put cells that hold the separator or line breaks in quotes.", at: place)
      }
      var fields = JSONObject()
      for (name, cell) in zip(columns, cells) { fields[name] = .string(cell) }
      return fields
    case .text:
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw TuneError(
          .malformedFile, "the text is not valid UTF-8", remedy: "Convert the file to UTF-8.",
          at: place)
      }
      return ["text": .string(TextRecords.withUniversalNewlines(text))]
    }
  }

  private func parse(_ bytes: UnsafeRawBufferPointer, line: Int?) throws -> JSON {
    do {
      return try JSON.parse(bytes, file: path, firstLine: line ?? 1)
    } catch var error as TuneError {
      error.remedy =
        "A JSON file holds an object a line, or a list of objects; for an object with such a list "
        + "in it set field to the list's key."
      throw error
    }
  }
}
