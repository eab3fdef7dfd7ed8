// The pre-tokenizer of tiktoken's and Qwen's files: a regular expression cuts text into pieces
// (words, numbers, runs of spaces) that are encoded each on its own. What lies between two matches
// is a piece too.
import Essentials

struct PieceSplitter: Sendable {
  /// Llama 3's rule, also known as cl100k with numbers of at most three digits.
  static let llama3Pattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"#
    + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Qwen's rule: Llama 3's with each digit alone.
  static let qwenPattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
    + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// GPT-2's rule, which tokenizers use that name no pattern.
  static let gpt2Pattern =
    #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private let expression: RegularExpression

  /// - Throws: `TuneError` `.malformedFile` when the pattern is no regular expression.
  init(pattern: String, file: String? = nil) throws {
    let place = TuneError.Location(file: file, key: "pre_tokenizer")
    expression = try RegularExpression(
      pattern: try OnigurumaPattern.translate(pattern, at: place), at: place)
  }

  /// Visits the pieces of valid UTF-8 in order; together they are the whole text.
  func forEachPiece(
    in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) throws {
    func visit(_ range: Range<Int>) {
      if !range.isEmpty { body(UnsafeBufferPointer(rebasing: text[range])) }
    }
    var covered = 0
    try expression.withMatcher { matcher in
      try matcher.forEachMatch(in: text) { start, end in
        visit(covered..<start)
        visit(start..<end)
        covered = end
      }
    }
    visit(covered..<text.count)
  }
}
