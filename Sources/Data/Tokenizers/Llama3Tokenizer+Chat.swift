// Llama 3's chat format: BOS, then for each message a header with the role, its stripped text and
// an end mark; EOS at the end. BOS and EOS are always masked, a message's tokens as it says.
import Essentials
import Templates

extension Llama3Tokenizer {
  /// A conversation in Llama 3's chat format, each message with its header and end token.
  /// - Parameter addEndTokens: whether the last message and the sequence are closed.
  /// - Returns: the tokens, cut to `maxSeqLen`, and for each whether it is masked (not trained on).
  /// - Throws: `TuneError` `.data` for a message that the format or the prompt template cannot express.
  public func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    let messages = try promptTemplate?.apply(to: messages) ?? messages
    var tokens = [bosID]
    var mask = [true]
    for (position, message) in messages.enumerated() {
      let closes = addEndTokens || position < messages.count - 1
      tokens += try tokenize(message, addEndToken: closes)
      mask += [Bool](repeating: message.masked, count: tokens.count - mask.count)
      if let maxSeqLen, tokens.count >= maxSeqLen { break }
    }
    if addEndTokens {
      tokens.append(eosID)
      mask.append(true)
    }
    if let maxSeqLen, tokens.count > maxSeqLen {
      tokens = Array(tokens.prefix(maxSeqLen))
      mask = Array(mask.prefix(maxSeqLen))
      // A cut sequence still ends, so that the model does not learn to run on.
      if addEndTokens {
        tokens[maxSeqLen - 1] = eosID
        mask[maxSeqLen - 1] = true
      }
    }
    return (tokens, mask)
  }

  private func tokenize(_ message: Message, addEndToken: Bool) throws -> [Int32] {
    var tokens = [special.startHeader]
    tokens += try encode(message.role.rawValue)
    tokens.append(special.endHeader)
    tokens += try encode("\n\n")
    if message.ipython {
      guard let pythonTag = special.pythonTag, message.role == .assistant else {
        throw TuneError(
          .data, "a \(message.role.rawValue) message cannot be a tool call with this tokenizer")
      }
      tokens.append(pythonTag)
    }
    for part in message.parts { tokens += try encode(part.strippedLikePython) }
    if addEndToken { tokens.append(message.eot ? special.endOfTurn : special.endOfMessage) }
    return tokens
  }
}
