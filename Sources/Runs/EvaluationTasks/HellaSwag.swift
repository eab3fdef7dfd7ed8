// HellaSwag (Zellers et al. 2019): how a described scene goes on. The wording is that of
// lm-evaluation-harness 0.4.13: other words give other numbers.
import Essentials

extension EvaluationTask {
  package static let hellaSwag = EvaluationTask(
    "hellaswag", version: 1, dataset: Dataset("Rowan/hellaswag", split: "validation"),
    .questions(metrics: [.accuracy, .accuracyByLength]) { try ChoiceQuestion(hellaSwag: $0) })
}

extension ChoiceQuestion {
  fileprivate init(hellaSwag record: Record) throws {
    let endings = try record.texts(try record.value("endings"), "endings")
    guard let label = Int(try record.text("label")), endings.indices.contains(label) else {
      throw record.failure("its label is not the number of one of its endings, from 0")
    }
    let scene = try record.text("ctx_a") + " " + record.text("ctx_b").capitalizedLikePython
    self.init(
      context: Self.withoutMarks(try record.text("activity_label") + ": " + scene),
      choices: endings.map(Self.withoutMarks), right: label)
  }

  /// Part of HellaSwag comes from WikiHow, and some of its marks in brackets are still there.
  private static func withoutMarks(_ text: String) -> String {
    let plain = text.strippedLikePython.replacing(" [title]", ". ")
    var result = String.UnicodeScalarView()
    var rest = plain.unicodeScalars[...]
    while let open = rest.firstIndex(of: "[") {
      // Within a line.
      guard let close = rest[open...].firstIndex(where: { $0 == "]" || $0 == "\n" }) else { break }
      let isMark = rest[close] == "]"
      result.append(contentsOf: rest[..<(isMark ? open : rest.index(after: open))])
      rest = rest[rest.index(after: isMark ? close : open)...]
    }
    result.append(contentsOf: rest)
    return String(result).replacing("  ", " ")
  }
}

extension String {
  /// `str.capitalize`: the first in title case, the rest in lower case.
  fileprivate var capitalizedLikePython: String {
    guard let first = unicodeScalars.first else { return self }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }
}
