// Reading the columns of a record, with errors that name file, line, record and column.
import Essentials

extension Record {
  /// The text in a column.
  package func text(_ column: String, for purpose: String) throws -> String {
    guard let value = fields[column] else { throw missing(column, for: purpose) }
    return try text(value, column)
  }

  /// The text in a column that may be missing or null.
  package func optionalText(_ column: String) throws -> String? {
    guard let value = fields[column], !value.isNull else { return nil }
    return try text(value, column)
  }

  /// - Parameter setting: what names the column.
  package func list(
    _ column: String, for purpose: String, from setting: Setting = .conversationColumn
  ) throws -> [JSON] {
    guard let value = fields[column] else {
      throw missing(column, for: purpose, from: setting)
    }
    guard let list = value.array else {
      throw failure("column '\(column)' holds \(value.kind), not a list of messages")
    }
    return list
  }

  private func text(_ value: JSON, _ column: String) throws -> String {
    guard let text = value.string else {
      throw failure("column '\(column)' holds \(value.kind), not text")
    }
    return text
  }

  private func missing(
    _ column: String, for purpose: String, from setting: Setting? = nil
  ) -> TuneError {
    let setting = setting ?? (purpose == "text" ? .column : .columnMap)
    return failure(
      "missing column '\(column)' (columns: \(fields.keys.joined(separator: ", ")))",
      remedy: "Name the column that holds the \(purpose) with \(setting).")
  }
}
