// The columns of a record that a task reads. What is missing or of another kind is named, with the
// record's place.
import Essentials

extension Record {
  func value(_ column: String) throws -> JSON {
    if let value = fields[column] { return value }
    throw failure(
      "missing column '\(column)' (columns: \(fields.keys.joined(separator: ", ")))",
      remedy: "Give the task the dataset that it is made for.")
  }
  func text(_ column: String) throws -> String {
    let value = try value(column)
    guard let text = value.string else { throw failure("\(column) is \(value.kind), not text") }
    return text
  }
  func list(_ value: JSON?, _ name: String) throws -> [JSON] {
    guard let list = value?.array, !list.isEmpty else {
      throw failure("\(name) is not a non-empty list")
    }
    return list
  }
  func texts(_ value: JSON?, _ name: String) throws -> [String] {
    try list(value, name).map { entry in
      guard let text = entry.string, !text.isEmpty else {
        throw failure("\(name) contains a value that is not a string")
      }
      return text
    }
  }
}
