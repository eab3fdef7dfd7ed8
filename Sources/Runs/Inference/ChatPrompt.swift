// A prompt as tokens: a conversation whose next turn is the assistant's, in the tokenizer's chat
// format.
import Essentials
import Templates
import Tokenizers

package struct ChatPrompt: Sendable, Equatable {
  package var system: String?
  package var user: String

  package init(system: String? = nil, user: String) {
    self.system = system
    self.user = user
  }

  /// - Throws: `TuneError` when `max_seq_len` of the tokenizer would cut it.
  package func tokens(_ tokenizer: any Tokenizer) throws -> [Int32] {
    let messages =
      (system.map { [Message(.system, $0)] } ?? [])
      // The assistant's empty message is where the model goes on.
      + [Message(.user, user), Message(.assistant, "")]
    let tokens = try tokenizer.tokenize(messages, addEndTokens: false).tokens
    if let limit = tokenizer.maxSeqLen, tokens.count >= limit {
      throw TuneError(
        .configuration, "the prompt fills all of the tokenizer's \(limit) tokens",
        remedy: "Shorten the prompt, or set \(Setting.maxSeqLen) to null.",
        at: .init(.userPrompt))
    }
    return tokens
  }
}
