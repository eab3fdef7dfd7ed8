// The tasks that `eleuther_eval` measures, by the names that lm-evaluation-harness gives them, and
// the datasets that they measure on.

package enum EvaluationTask: String, Sendable, CaseIterable {
  case wikitext
  case truthfulQAWithOneRight = "truthfulqa_mc1"
  case truthfulQAWithSeveralRight = "truthfulqa_mc2"
  case hellaSwag = "hellaswag"
  case arcEasy = "arc_easy"
  case arcChallenge = "arc_challenge"

  /// As the harness (0.4.13) numbers it; what it asks changes with that number.
  package var version: Int {
    switch self {
    case .truthfulQAWithSeveralRight: 3
    case .wikitext, .truthfulQAWithOneRight: 2
    case .hellaSwag, .arcEasy, .arcChallenge: 1
    }
  }

  /// Its dataset on the Hugging Face Hub, one of the configurations that the dataset has, and the
  /// split that is measured on.
  package var dataset: (repository: String, configuration: String?, split: String) {
    switch self {
    case .wikitext: ("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test")
    case .truthfulQAWithOneRight, .truthfulQAWithSeveralRight:
      ("truthfulqa/truthful_qa", "multiple_choice", "validation")
    case .hellaSwag: ("Rowan/hellaswag", nil, "validation")
    case .arcEasy: ("allenai/ai2_arc", "ARC-Easy", "test")
    case .arcChallenge: ("allenai/ai2_arc", "ARC-Challenge", "test")
    }
  }

  package static let names = allCases.map(\.rawValue)
}

extension Section {
  /// The tasks of an evaluation, each once, in the order of their names, as their results are shown.
  package func evaluationTasks() -> [EvaluationTask] {
    Set(strings("tasks")).sorted().compactMap(EvaluationTask.init)
  }
}
