// Qwen's chat format (ChatML): each message between `<|im_start|>` with the role and `<|im_end|>`
// with a line break. From Qwen 2.5 on, what tools answer is the user's message, each answer between
// tags, and a tool call stands between special tokens. Masks as in torchtune.
import Essentials
import Templates

extension QwenTokenizer {
  /// A conversation in Qwen's chat format, each message between `<|im_start|>` and `<|im_end|>`.
  /// - Parameter addEndTokens: whether the last message and the sequence are closed.
  /// - Returns: the tokens, cut to `maxSeqLen`, and for each whether it is masked (not trained on).
  /// - Throws: `TuneError` `.data` for a message that the format or the prompt template cannot express.
  public func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    let messages = try promptTemplate?.apply(to: messages) ?? messages
    var (tokens, mask): ([Int32], [Bool]) = ([], [])
    for (position, message) in messages.enumerated() {
      tokens += try header(of: messages, at: position)
      for part in message.parts { tokens += try encode(part) }
      tokens += try footer(of: messages, at: position)
      mask += [Bool](repeating: message.masked, count: tokens.count - mask.count)
      if let maxSeqLen, tokens.count >= maxSeqLen { break }
    }
    if addEndTokens {
      tokens.append(eosID)
      mask.append(mask.last ?? true)
    }
    if let maxSeqLen, !tokens.isEmpty {
      tokens = Array(tokens.prefix(maxSeqLen))
      mask = Array(mask.prefix(maxSeqLen))
      // torchtune masks the end of every sequence of limited length, cut or not.
      if addEndTokens {
        tokens[tokens.count - 1] = eosID
        mask[mask.count - 1] = true
      }
    }
    return (tokens, mask)
  }

  private func header(of messages: [Message], at position: Int) throws -> [Int32] {
    let message = messages[position]
    guard message.role == .ipython else {
      var tokens = try start(message.role)
      if message.role == .assistant, message.ipython, let (call, _) = toolCallIDs {
        tokens += try [call] + encode("\n")
      }
      return tokens
    }
    if family == .qwen2 { return [] }
    let isFirst = position == 0 || messages[position - 1].role != .ipython
    return try isFirst
      ? start(.user) + encode("<tool_response>\n") : encode("\n<tool_response>\n")
  }

  private func footer(of messages: [Message], at position: Int) throws -> [Int32] {
    let message = messages[position]
    let isLast = position == messages.count - 1
    let close = try [endID] + encode("\n")
    if message.role == .ipython {
      if family == .qwen2 { return [] }
      let endsAnswers = isLast || messages[position + 1].role != .ipython
      return try encode("\n</tool_response>") + (endsAnswers ? close : [])
    }
    var tokens: [Int32] = []
    if message.role == .assistant, message.ipython, let (_, callEnd) = toolCallIDs {
      tokens += try encode("\n") + [callEnd]
    }
    return message.role == .assistant && isLast ? tokens : tokens + close
  }

  private func start(_ role: Message.Role) throws -> [Int32] {
    try [startID] + encode(role.rawValue + "\n")
  }
}
