// The result of an evaluation as the Markdown table that lm-evaluation-harness prints, so that what
// reads one reads the other.
import Training

package enum EvaluationTable {
  package static func text(of likelihood: Likelihood) -> String {
    let metrics = [
      ("bits_per_byte", likelihood.bitsPerByte), ("byte_perplexity", likelihood.bytePerplexity),
      ("word_perplexity", likelihood.wordPerplexity),
    ]
    var rows = [header]
    for (index, (name, value)) in metrics.enumerated() {
      let task = index == 0 ? ["wikitext", "2"] : ["", ""]
      rows.append(task + ["none", "0", name, "↓", decimal(value, 4), "±", "   N/A"])
    }
    let widths = header.indices.map { column in max(3, rows.map { $0[column].count }.max() ?? 3) }
    let rule = zip(widths, numeric).map { width, isNumeric in
      String(repeating: "-", count: width - (isNumeric ? 1 : 0)) + (isNumeric ? ":" : "")
    }
    let lines =
      [zip(header, widths).map(centered), rule]
      + rows.dropFirst().map { row in
        row.indices.map { column in
          let space = String(repeating: " ", count: widths[column] - row[column].count)
          return numeric[column] ? space + row[column] : row[column] + space
        }
      }
    return lines.map { "|" + $0.joined(separator: "|") + "|\n" }.joined()
  }

  private static let header = [
    "Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr",
  ]
  /// Right-aligned columns.
  private static let numeric = [false, true, false, true, false, false, true, false, false]

  private static func centered(_ text: String, _ width: Int) -> String {
    let space = width - text.count
    return String(repeating: " ", count: space / 2) + text
      + String(repeating: " ", count: space - space / 2)
  }
}
