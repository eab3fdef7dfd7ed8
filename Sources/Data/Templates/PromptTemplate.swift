// torchtune's prompt templates: text put before and after what each role says. The text becomes
// tokens like any other text, and is masked like the message it surrounds.
import Essentials

/// Text around the messages of each role, as torchtune's `prompt_template` states it.
///
/// Source: torchtune 0.6.1, `torchtune.data.PromptTemplate`, `ChatMLTemplate` and
/// `torchtune.models.llama2.Llama2ChatTemplate`.
public struct PromptTemplate: Sendable, Equatable {
  /// What stands before and after a message.
  public struct Tags: Sendable, Equatable {
    /// The text before the message.
    public var prefix: String
    /// The text after the message.
    public var suffix: String
    /// Text before and after the messages of a role; either may be empty.
    public init(prefix: String, suffix: String) {
      self.prefix = prefix
      self.suffix = suffix
    }
  }
  package enum Style: Sendable, Equatable {
    /// Tags around the messages of the roles that have some.
    case plain
    /// As `plain`, but every role must have tags, and an empty last answer stays open.
    case chatML
    /// The system's message goes into each message of the user.
    case llama2
  }
  package let style: Style
  let tags: [Message.Role: Tags]

  private init(_ style: Style, _ tags: [Message.Role: Tags]) {
    (self.style, self.tags) = (style, tags)
  }

  /// A template of one's own: roles without tags stay as they are.
  public init(tags: [Message.Role: Tags]) { self.init(.plain, tags) }

  /// A template from a configuration: each role's name with its prefix and suffix.
  /// - Throws: `TuneError` `.configuration` for a role that does not exist, or other than two texts.
  public init(tags: [String: [String]]) throws {
    var known: [Message.Role: Tags] = [:]
    for (name, texts) in tags.sorted(by: { $0.key < $1.key }) {
      guard let role = Message.Role(rawValue: name) else {
        throw Self.mistake(
          "has the unknown role '\(name)'",
          "Known roles: \(Message.Role.allCases.map(\.rawValue).joined(separator: ", ")).")
      }
      guard texts.count == 2 else {
        throw Self.mistake(
          "gives the role '\(name)' \(texts.count) texts", "Give its prefix and its suffix.")
      }
      known[role] = Tags(prefix: texts[0], suffix: texts[1])
    }
    self.init(.plain, known)
  }

  /// OpenAI's chat markup language, for tokenizers without special tokens for it.
  public static let chatML = PromptTemplate(
    .chatML,
    [
      .system: Tags(prefix: "<|im_start|>system\n", suffix: "<|im_end|>\n"),
      .user: Tags(prefix: "<|im_start|>user\n", suffix: "<|im_end|>\n"),
      .assistant: Tags(prefix: "<|im_start|>assistant\n", suffix: "<|im_end|>\n"),
      .ipython: Tags(prefix: "", suffix: ""),
    ])
  /// Llama 2's `[INST]` and `<<SYS>>`.
  public static let llama2Chat = PromptTemplate(
    .llama2,
    [
      .system: Tags(prefix: "<<SYS>>\n", suffix: "\n<</SYS>>\n\n"),
      .user: Tags(prefix: "[INST] ", suffix: " [/INST] "),
    ])
  /// Asks to correct a sentence, as torchtune's `GrammarErrorCorrectionTemplate`.
  public static let grammarErrorCorrection = PromptTemplate(
    tags: [.user: Tags(prefix: "Correct this to standard English: ", suffix: "\n---\nCorrected: ")])
  /// Asks to summarize a dialogue, as torchtune's `SummarizeTemplate`.
  public static let summarize = PromptTemplate(
    tags: [.user: Tags(prefix: "Summarize this dialogue:\n", suffix: "\n---\nSummary:\n")])
  /// Asks a question, as torchtune's `QuestionAnswerTemplate`.
  public static let questionAnswer = PromptTemplate(
    tags: [.user: Tags(prefix: "Question: ", suffix: "\n\nAnswer: ")])

  /// The messages with the template's text as pieces of their own before and after them.
  /// - Throws: `TuneError` `.data` for a role that the template cannot express.
  public func apply(to messages: [Message]) throws -> [Message] {
    var result: [Message] = []
    var system: [String] = []
    for (position, message) in messages.enumerated() {
      var message = message
      switch (style, message.role) {
      case (.llama2, .system):
        system = surrounded(message.parts, by: tags[.system])
        continue
      case (.llama2, .user):
        message.parts = surrounded(system + message.parts, by: tags[.user])
      case (.chatML, let role):
        guard var tags = tags[role] else {
          throw TuneError(
            .data, "ChatMLTemplate has no tags for a \(role.rawValue) message",
            remedy: "Use the role ipython, or set \(Setting.promptTemplate) to your own.")
        }
        // The model goes on where an empty last answer is left open.
        let isOpen =
          role == .assistant && position == messages.count - 1 && message.content.isEmpty
        if isOpen { tags.suffix = "" }
        message.parts = surrounded(message.parts, by: tags)
      case (.plain, let role): message.parts = surrounded(message.parts, by: tags[role])
      case (.llama2, _): break
      }
      result.append(message)
    }
    return result
  }

  private func surrounded(_ parts: [String], by tags: Tags?) -> [String] {
    guard let tags else { return parts }
    func part(_ text: String) -> [String] { text.isEmpty ? [] : [text] }
    return part(tags.prefix) + parts + part(tags.suffix)
  }

  private static func mistake(_ what: String, _ remedy: String) -> TuneError {
    TuneError(
      .configuration, "the prompt template \(what)", remedy: remedy,
      at: .init(.promptTemplate))
  }
}
