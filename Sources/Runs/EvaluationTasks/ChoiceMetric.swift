// How a model's likelihoods of the answers to questions are scored, as lm-evaluation-harness does for its
// tasks of the type `multiple_choice`.
import Foundation

/// What is averaged over the questions of a task.
package enum ChoiceMetric: Sendable, Equatable {
  /// Whether the likeliest answer is right.
  case accuracy
  /// Whether the likeliest answer by log likelihood a code point is right.
  case accuracyByLength
  /// The share of the right answers in the probability of all, which TruthfulQA calls MC2.
  case rightShare

  package var name: String { self == .accuracyByLength ? "acc_norm" : "acc" }

  /// - Parameter logLikelihoods: one a choice of `question`.
  package func value(of question: ChoiceQuestion, _ logLikelihoods: [Double]) -> Double {
    switch self {
    case .accuracy: return question.isRight[likeliest(logLikelihoods)] ? 1 : 0
    case .accuracyByLength:
      let each = zip(logLikelihoods, question.choices).map { $0 / Double($1.unicodeScalars.count) }
      return question.isRight[likeliest(each)] ? 1 : 0
    case .rightShare:
      // Relative to the largest: the harness divides numbers that for long answers are all zero.
      let largest = logLikelihoods.max() ?? 0
      let shares = logLikelihoods.map { exp($0 - largest) }
      let right = zip(shares, question.isRight).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }
      return right / shares.reduce(0, +)
    }
  }

  /// The first of equals.
  private func likeliest(_ values: [Double]) -> Int {
    values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
  }
}

/// The mean of a metric over questions.
package struct MeanScore: Sendable, Equatable {
  package let mean: Double
  /// Standard error of the mean; nil for a single question.
  package let standardError: Double?

  package init(of values: [Double]) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    self.mean = mean
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    standardError = values.count > 1 ? (squares / (count - 1) / count).squareRoot() : nil
  }
}
