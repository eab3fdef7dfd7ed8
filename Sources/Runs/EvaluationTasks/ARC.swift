// The AI2 Reasoning Challenge (Clark et al. 2018): school questions on science. The wording is that of
// lm-evaluation-harness 0.4.13: other words give other numbers.
import Essentials

extension EvaluationTask {
  package static let arcEasy = arc("arc_easy", "ARC-Easy")
  package static let arcChallenge = arc("arc_challenge", "ARC-Challenge")

  private static func arc(_ name: String, _ configuration: String) -> EvaluationTask {
    EvaluationTask(
      name, version: 1,
      dataset: Dataset("allenai/ai2_arc", configuration: configuration, split: "test"),
      .questions(metrics: [.accuracy, .accuracyByLength]) { try ChoiceQuestion(arc: $0) })
  }
}

extension ChoiceQuestion {
  fileprivate init(arc record: Record) throws {
    let answers = try record.value("choices")
    let choices = try record.texts(answers["text"], "choices.text")
    let labels = try record.texts(answers["label"], "choices.label")
    guard labels.count == choices.count,
      let right = labels.firstIndex(of: try record.text("answerKey"))
    else { throw record.failure("its answerKey is the label of none of its choices") }
    self.init(
      context: "Question: " + (try record.text("question")) + "\nAnswer:", choices: choices,
      right: right)
  }
}
