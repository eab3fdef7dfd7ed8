// Tokens to text as they come. A token may end in the middle of a character; its bytes wait until
// the character is whole, so that what is printed is always valid.
import Tokenizers

package struct TokenText {
  private let tokenizer: any Tokenizer
  private var waiting: [Int32] = []
  private var isBegun = false

  package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

  /// The text that is whole now that this token is known; may be empty.
  package mutating func add(_ token: Int32) -> String {
    waiting.append(token)
    let text = waitingText
    // A character has four bytes at most: what is still broken after as many tokens stays so.
    if text.hasSuffix("\u{FFFD}"), waiting.count < 4 { return "" }
    (waiting, isBegun) = ([], true)
    return text
  }

  /// What is left at the end, broken or not.
  package mutating func finish() -> String {
    defer { waiting = [] }
    return waiting.isEmpty ? "" : waitingText
  }

  /// The space that SentencePiece puts before a first word is no part of it.
  private var waitingText: String {
    isBegun ? tokenizer.decode(continuing: waiting) : tokenizer.decode(waiting)
  }
}
