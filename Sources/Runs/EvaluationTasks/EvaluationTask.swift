// A task of `eleuther_eval`, by the name that lm-evaluation-harness gives it: its dataset, what it asks of
// a record, and its metrics. A task is one file here, and one line in `all`.

import Essentials

package struct EvaluationTask: Sendable {
  package static let all: [EvaluationTask] = [
    .wikitext,
    .truthfulQAWithOneRight,
    .truthfulQAWithSeveralRight,
    .hellaSwag,
    .arcEasy,
    .arcChallenge,
  ]

  package let name: String
  /// As the harness (0.4.13) numbers it; what it asks changes with that number.
  package let version: Int
  package let dataset: Dataset
  package let kind: Kind

  /// A dataset of the Hugging Face Hub.
  package struct Dataset: Sendable {
    package let repository: String
    /// One of the configurations that the dataset has.
    package let configuration: String?
    /// The split that is measured on.
    package let split: String

    init(_ repository: String, configuration: String? = nil, split: String) {
      self.repository = repository
      self.configuration = configuration
      self.split = split
    }
  }

  /// What a record becomes. Metrics are in the order of their names, as results show them.
  package enum Kind: Sendable {
    /// Text that the model predicts.
    case documents(
      metrics: [LikelihoodMetric], from: @Sendable (Record) throws -> EvaluationDocument)
    /// Questions with answers that the model chooses from.
    case questions(metrics: [ChoiceMetric], from: @Sendable (Record) throws -> ChoiceQuestion)
  }

  init(_ name: String, version: Int, dataset: Dataset, _ kind: Kind) {
    self.name = name
    self.version = version
    self.dataset = dataset
    self.kind = kind
  }

  package static let names = all.map(\.name)

  package init?(named name: String) {
    guard let task = Self.all.first(where: { $0.name == name }) else { return nil }
    self = task
  }
}

/// The name identifies a task.
extension EvaluationTask: Hashable, CustomStringConvertible {
  package static func == (a: Self, b: Self) -> Bool { a.name == b.name }
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
  package var description: String { name }
}
