// The windows that ask a model for the answers of a question: the context and one answer in tokens,
// split as lm-evaluation-harness's `TemplateLM` splits them.
import Essentials
import EvaluationTasks
import Tokenizers

extension ChoiceQuestion {
  /// One window a choice, whose targets are the tokens of the answer.
  /// - Parameter length: tokens of a window at most; a longer context loses its start.
  /// - Throws: `TuneError` for an answer that is no token, or more than a window holds.
  package func windows(_ tokenizer: any Tokenizer, length: Int) throws -> [RollingWindow] {
    // Spaces belong to the answer: tokenizers attach them to what follows.
    let scalars = context.unicodeScalars
    let end = scalars.lastIndex { !$0.isPythonSpace }.map(scalars.index(after:))
    let asked = String(scalars[..<(end ?? scalars.startIndex)])
    let spaces = String(scalars[(end ?? scalars.startIndex)...])
    let before = try tokenizer.encode(asked)
    if before.isEmpty { throw TuneError(.data, "a question has no text before its answers") }
    return try continuations.map { continuation in
      let all = try tokenizer.encode(asked + spaces + continuation)
      let targetCount = all.count - before.count
      guard targetCount > 0 else {
        throw TuneError(.data, "the answer '\(continuation)' is no token of its own")
      }
      guard targetCount <= length else {
        throw TuneError(
          .data, "an answer of \(targetCount) tokens is longer than a window of \(length)",
          remedy: "Raise \(Setting.windowLength).", at: .init(.windowLength))
      }
      return RollingWindow(
        input: Array(all.suffix(length + 1).dropLast()), targets: Array(all.suffix(targetCount)))
    }
  }
}
