// Conversations: by the folder's chat template.
import Essentials
import Templates

extension HuggingFaceModelTokenizer {
  public func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    throw TuneError(
      .unsupported, "the tokenizer has no chat template",
      remedy: "Add a chat_template.jinja, or use a dataset of plain text.",
      at: .init(file: configuration.file, key: "chat_template"))
  }
}
