// What a file of data holds many of: the fields of one record, and where it stands.

/// One record and where it came from.
package struct Record {
  package let fields: JSONObject
  package let file: String
  /// From 1, within its file.
  package let number: Int
  /// nil where the file has no lines.
  package let line: Int?

  package init(fields: JSONObject, file: String, number: Int, line: Int?) {
    self.fields = fields
    self.file = file
    self.number = number
    self.line = line
  }

  package var place: TuneError.Location { .init(file: file, line: line) }
  package func failure(_ message: String, remedy: String? = nil) -> TuneError {
    TuneError(.data, "record \(number): \(message)", remedy: remedy, at: place)
  }
}
