// Tokens to text as they come. A token may end in the middle of a character; its bytes wait until
// the character is whole, so that what is printed is always valid.
import Text

package struct TokenText {
  private let tokenizer: any Tokenizer
  private var waiting: [Int32] = []

  package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

  /// The text that is whole now that this token is known; may be empty.
  package mutating func add(_ token: Int32) -> String {
    waiting.append(token)
    let text = tokenizer.decode(continuing: waiting)
    // A character has four bytes at most: what is still broken after as many tokens stays so.
    if text.hasSuffix("\u{FFFD}"), waiting.count < 4 { return "" }
    waiting = []
    return text
  }

  /// What is left at the end, broken or not.
  package mutating func finish() -> String {
    defer { waiting = [] }
    return waiting.isEmpty ? "" : tokenizer.decode(continuing: waiting)
  }
}
