// A table for terminals and logs: the first column left, numbers right.
import Essentials
import Foundation

struct Table {
  private let title: String
  private var rows: [[String]]

  init(_ title: String, _ header: [String]) {
    self.title = title
    rows = [header]
  }
  mutating func add(_ cells: String...) { rows.append(cells) }

  func print() {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var text = "\n\(title)\n"
    for (index, row) in rows.enumerated() {
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }
      text += "  " + cells.joined(separator: "  ") + "\n"
      if index == 0 {
        let rules = widths.map { String(repeating: "-", count: $0) }
        text += "  " + rules.joined(separator: "  ") + "\n"
      }
    }
    StandardStreams.output(text)
  }
}

extension Double {
  /// With so many digits after the point.
  func digits(_ count: Int) -> String { String(format: "%.\(count)f", self) }
}
extension Timing {
  var milliseconds: String { (median * 1e3).digits(median < 0.01 ? 2 : 1) }
  var spreadPercent: String { (spread * 100).digits(0) + " %" }
}
