// What was compared, in rows of a table: how many of each kind, how many differ, and the first of those.
import Essentials

package struct Comparison: Sendable {
  package struct Row: Sendable {
    package let what: String
    package fileprivate(set) var compared = 0
    package fileprivate(set) var different = 0
    /// The first differences, in words.
    package fileprivate(set) var examples: [String] = []
  }
  package private(set) var rows: [Row] = []
  private static let mostExamples = 3

  package var isSame: Bool { rows.allSatisfy { $0.different == 0 } }

  /// - Parameter example: said of the differences, where there are any.
  mutating func note(
    _ what: String, compared: Int = 1, different: Int, _ example: @autoclosure () -> String
  ) {
    let place = rows.firstIndex { $0.what == what } ?? rows.count
    if place == rows.count { rows.append(Row(what: what)) }
    rows[place].compared += compared
    rows[place].different += different
    if different > 0, rows[place].examples.count < Self.mostExamples {
      rows[place].examples.append(example())
    }
  }
  mutating func note(_ what: String, isSame: Bool, _ example: @autoclosure () -> String) {
    note(what, different: isSame ? 0 : 1, example())
  }

  /// A table for people.
  package var table: String {
    func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
      let space = String(repeating: " ", count: max(0, width - text.count))
      return left ? text + space : space + text
    }
    let width = (rows.map(\.what.count).max() ?? 0) + 2
    var text = padded("", width, left: true) + padded("compared", 14) + padded("different", 12)
    for row in rows {
      text += "\n" + padded(row.what, width, left: true) + padded(String(row.compared), 14)
      text += padded(row.different == 0 ? "-" : String(row.different), 12)
    }
    for row in rows where row.different > 0 {
      for example in row.examples { text += "\n  \(row.what): \(example)" }
    }
    return text + "\n"
  }
}
