// What the rest of the program asks of a tokenizer: text to ids and back, and a conversation to
// ids with a mask of what is not trained on.

package protocol Tokenizer: AnyObject, Sendable {
  /// The highest id + 1, special tokens included: the least number of rows an embedding needs.
  var vocabularySize: Int { get }
  /// How many ids come before the special tokens.
  var baseVocabularySize: Int { get }
  var specialTokens: [String: Int32] { get }
  var bosID: Int32 { get }
  var eosID: Int32 { get }
  var padID: Int32 { get }
  /// Generation ends at any of these.
  var stopTokens: [Int32] { get }
  /// Longer conversations are cut to this many tokens.
  var maxSeqLen: Int? { get }

  /// The text of a special token is encoded as plain text; "" gives no ids, not even BOS and EOS.
  func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32]
  /// Bytes that are not UTF-8 and ids without a token become U+FFFD.
  func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String
  /// - Parameter addEndTokens: whether the last message and the sequence are closed; not so when
  ///   the model is to continue the last message.
  /// - Returns: the tokens, and for each whether it is masked (not trained on).
  func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool])
}

extension Tokenizer {
  package func encode(_ text: String) throws -> [Int32] {
    try encode(text, addBOS: false, addEOS: false)
  }
  package func decode(_ ids: [Int32]) -> String {
    decode(ids, truncateAtEOS: false, skipSpecialTokens: false)
  }
  package func tokenize(_ messages: [Message]) throws -> (tokens: [Int32], mask: [Bool]) {
    try tokenize(messages, addEndTokens: true)
  }
}
