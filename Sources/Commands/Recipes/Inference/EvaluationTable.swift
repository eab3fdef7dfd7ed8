// The results of an evaluation as the Markdown table that lm-evaluation-harness prints, so that what
// reads one reads the other.
import EvaluationTasks

/// What a task gave.
package struct TaskResult: Sendable {
  package struct Metric: Sendable {
    package var name: String
    package var value: Double
    package var isBetterHigher: Bool
    /// Nil where it is not known.
    package var standardError: Double?
  }
  package var task: EvaluationTask
  /// In the order of their names.
  package var metrics: [Metric]

  package init(_ task: EvaluationTask, _ likelihood: Likelihood, _ metrics: [LikelihoodMetric]) {
    self.task = task
    self.metrics = metrics.map {
      Metric(name: $0.name, value: $0.value(of: likelihood), isBetterHigher: false)
    }
  }

  package init(_ task: EvaluationTask, _ scores: [(metric: ChoiceMetric, score: MeanScore)]) {
    self.task = task
    metrics = scores.map { metric, score in
      Metric(
        name: metric.name, value: score.mean, isBetterHigher: true,
        standardError: score.standardError)
    }
  }
}

package enum EvaluationTable {
  package static func text(of results: [TaskResult]) -> String {
    var rows = [header]
    for result in results {
      for (index, metric) in result.metrics.enumerated() {
        let task = index == 0 ? [result.task.name, "\(result.task.version)"] : ["", ""]
        rows.append(
          task + [
            "none", "0", metric.name, metric.isBetterHigher ? "↑" : "↓", decimal(metric.value, 4),
            "±", metric.standardError.map { decimal($0, 4) } ?? "   N/A",
          ])
      }
    }
    var isNumeric = numeric
    isNumeric[header.count - 1] = results.allSatisfy {
      $0.metrics.allSatisfy { $0.standardError != nil }
    }
    let widths = header.indices.map { column in max(3, rows.map { $0[column].count }.max() ?? 3) }
    let rule = zip(widths, isNumeric).map { width, isNumeric in
      String(repeating: "-", count: width - (isNumeric ? 1 : 0)) + (isNumeric ? ":" : "")
    }
    let lines =
      [zip(header, widths).map(centered), rule]
      + rows.dropFirst().map { row in
        row.indices.map { column in
          let space = String(repeating: " ", count: widths[column] - row[column].count)
          return isNumeric[column] ? space + row[column] : row[column] + space
        }
      }
    return lines.map { "|" + $0.joined(separator: "|") + "|\n" }.joined()
  }

  private static let header = [
    "Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr",
  ]
  /// Right-aligned columns; the last is one where it holds nothing but numbers.
  private static let numeric = [false, true, false, true, false, false, true, false, false]

  private static func centered(_ text: String, _ width: Int) -> String {
    let space = width - text.count
    return String(repeating: " ", count: space / 2) + text
      + String(repeating: " ", count: space - space / 2)
  }
}
