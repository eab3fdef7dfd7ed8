// Questions with answers to choose from, the type `multiple_choice` of lm-evaluation-harness.

package struct ChoiceQuestion: Sendable, Equatable {
  /// What stands before each answer.
  package var context: String
  package var choices: [String]
  /// One a choice.
  package var isRight: [Bool]

  package init(context: String, choices: [String], isRight: [Bool]) {
    self.context = context
    self.choices = choices
    self.isRight = isRight
  }

  /// One right answer.
  package init(context: String, choices: [String], right: Int) {
    self.init(
      context: context, choices: choices, isRight: choices.indices.map { $0 == right })
  }

  /// What the model is asked for: each answer after a space.
  package var continuations: [String] { choices.map { " " + $0 } }
}
