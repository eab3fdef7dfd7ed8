// What the rest of the program asks of a tokenizer: text to ids and back, and a conversation to
// ids with a mask of what is not trained on.
import Essentials
import Templates

/// Text to token ids and back. Every tokenizer may be used by many threads at once.
///
/// Conforming types: `Llama3Tokenizer`, `Llama2Tokenizer` (SentencePiece), `QwenTokenizer` and
/// `HuggingFaceModelTokenizer` (any tokenizer.json). Their initializers read the files of published
/// models and throw `TuneError`, which names the file and the line or key at fault.
public protocol Tokenizer: AnyObject, Sendable {
  /// The highest id + 1, special tokens included: the least number of rows an embedding needs.
  var vocabularySize: Int { get }
  /// How many ids come before the special tokens.
  var baseVocabularySize: Int { get }
  /// The ids of the special tokens by their text.
  var specialTokens: [String: Int32] { get }
  /// What a text begins with. Tokenizers that put nothing there (Qwen's) name the token that ends a
  /// text, which stands before the first one where a model is asked how likely it is.
  var bosID: Int32 { get }
  /// What a text ends with.
  var eosID: Int32 { get }
  /// What fills up the shorter rows of a batch.
  var padID: Int32 { get }
  /// Generation ends at any of these.
  var stopTokens: [Int32] { get }
  /// Longer conversations are cut to this many tokens.
  var maxSeqLen: Int? { get }
  /// Whether longer texts and conversations lose their start instead of their end.
  var truncatesStart: Bool { get }

  /// The ids of a text. Whether the text of a special token is that token or plain text differs by
  /// family: those of Llama take it for plain text, the others for the token.
  /// - Throws: `TuneError` `.unsupported` where the file's own pattern cannot split the text.
  func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32]
  /// The text of ids. Bytes that are not UTF-8 and ids without a token become U+FFFD.
  /// - Parameters:
  ///   - truncateAtEOS: leave out `eosID` and what follows it.
  ///   - skipSpecialTokens: leave out special tokens.
  func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String
  /// The text of ids that follow others. SentencePiece's tokenizers drop a space from the start of
  /// a text; this keeps it.
  func decode(continuing ids: [Int32]) -> String
  /// A conversation in the family's chat format.
  /// - Parameter addEndTokens: whether the last message and the sequence are closed; not so when
  ///   the model is to continue the last message.
  /// - Returns: the tokens, and for each whether it is masked (not trained on).
  /// - Throws: `TuneError` `.data` for a message that the format cannot express.
  func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool])
}

extension Tokenizer {
  /// Truncation at the end, which is the default.
  public var truncatesStart: Bool { false }
  /// The ids of a text without BOS and EOS.
  public func encode(_ text: String) throws -> [Int32] {
    try encode(text, addBOS: false, addEOS: false)
  }
  /// The text of ids, special tokens included.
  public func decode(_ ids: [Int32]) -> String {
    decode(ids, truncateAtEOS: false, skipSpecialTokens: false)
  }
  /// The text of ids as it is alone, for tokenizers that drop nothing from the start of a text.
  public func decode(continuing ids: [Int32]) -> String { decode(ids) }
  /// A whole conversation, closed at its end.
  public func tokenize(_ messages: [Message]) throws -> (tokens: [Int32], mask: [Bool]) {
    try tokenize(messages, addEndTokens: true)
  }
}

/// A tokenizer whose chat format has places for tools.
package protocol ToolTokenizer: Tokenizer {
  /// A whole conversation with the tools that it offers: a list of objects, or null.
  /// - Throws: as `tokenize`; `TuneError` `.unsupported` where the format leaves tools or calls out.
  func tokenize(_ messages: [Message], offering tools: JSON) throws -> (
    tokens: [Int32], mask: [Bool]
  )
}

extension Tokenizer {
  /// A whole conversation, closed at its end, with tools where there are any.
  package func tokenize(_ messages: [Message], tools: JSON) throws -> (
    tokens: [Int32], mask: [Bool]
  ) {
    if tools.isNull, messages.allSatisfy({ $0.templateValues["tool_calls"] == nil }) {
      return try tokenize(messages)
    }
    guard let tokenizer = self as? any ToolTokenizer else {
      throw TuneError(
        .unsupported,
        "the conversation has tools or calls of tools, for which the tokenizer's chat "
          + "format has no place",
        remedy: "Use the chat template of the model's folder: "
          + "\(Setting.checkpointTokenizer), or remove the tools.",
        at: .init(.tokenizer))
    }
    return try tokenizer.tokenize(messages, offering: tools)
  }
}

/// - Throws: `TuneError` `.configuration` when no token would be left.
func checkMaxSeqLen(_ maxSeqLen: Int?) throws {
  if let maxSeqLen, maxSeqLen < 1 {
    throw TuneError(
      .configuration, "\(Setting.maxSeqLen) must be at least 1, not \(maxSeqLen)",
      at: .init(.maxSeqLen))
  }
}
