// A conversation as torchtune's Llama2Tokenizer puts it together: BOS before a turn, EOS after the
// assistant's message, and between messages no space that was not written.
import Essentials
import Templates

extension Llama2Tokenizer {
  /// A conversation as torchtune's `Llama2Tokenizer` puts it together: each turn of the user and the
  /// assistant between `bosID` and `eosID`.
  /// - Parameter addEndTokens: whether the last message and the sequence are closed.
  /// - Returns: the tokens, cut to `maxSeqLen`, and for each whether it is masked (not trained on).
  /// - Throws: `TuneError` `.data` for a message that the format or the prompt template cannot express.
  public func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    let messages = try promptTemplate?.apply(to: messages) ?? messages
    var (tokens, mask): ([Int32], [Bool]) = ([], [])
    var (startsTurn, followsSpace, lastMasked) = (true, false, true)
    for message in messages {
      if startsTurn { tokens.append(bosID) }
      let continues = !startsTurn && !followsSpace
      for part in message.parts {
        let text = part.withoutTrailingSpaces
        tokens += continues ? encode(continuing: text) : try encode(text)
      }
      // The last part as it was written counts.
      if let last = message.parts.last { followsSpace = last.utf8.last == 0x20 }
      startsTurn = message.role == .assistant
      if startsTurn, addEndTokens { tokens.append(eosID) }
      mask += [Bool](repeating: message.masked, count: tokens.count - mask.count)
      lastMasked = message.masked
      if let maxSeqLen, tokens.count >= maxSeqLen { break }
    }
    if let maxSeqLen, !tokens.isEmpty {
      tokens = Array(tokens.prefix(maxSeqLen))
      mask = Array(mask.prefix(maxSeqLen))
      // torchtune ends every sequence of limited length so, cut or not.
      if addEndTokens {
        if tokens[tokens.count - 1] != eosID { tokens[tokens.count - 1] = eosID }
        mask[mask.count - 1] = lastMasked
      }
    }
    return (tokens, mask)
  }
}

extension String {
  fileprivate var withoutTrailingSpaces: String {
    let scalars = unicodeScalars
    guard let last = scalars.lastIndex(where: { $0 != " " }) else { return "" }
    return String(scalars[...last])
  }
}
