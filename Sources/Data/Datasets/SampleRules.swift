// How a record becomes a sample, for datasets at hand and streamed ones alike.
import Essentials
import Records
import Templates
import Tokenizers

protocol SampleRule: Sendable {
  /// - Throws: `TuneError` naming file and record when it has not what the rule needs.
  func check(_ record: Record) throws
  func sample(from record: Record) throws -> Sample
}

/// Conversations, masked as their messages say.
struct ConversationSamples: SampleRule {
  let rule: any ConversationRule
  let tokenizer: any Tokenizer

  func check(_ record: Record) throws { _ = try conversation(from: record) }

  func sample(from record: Record) throws -> Sample {
    try Sample(of: try conversation(from: record), tokenizer)
  }

  private func conversation(from record: Record) throws -> Conversation {
    let conversation = Conversation(
      messages: try rule.messages(from: record), tools: try rule.tools(from: record))
    if let mistake = Message.mistake(in: conversation.messages) { throw record.failure(mistake) }
    if conversation.usesTools, !(tokenizer is any ToolTokenizer) {
      throw record.failure(
        "it has tools or calls of tools, for which the tokenizer's chat format has no place",
        remedy: "Use the chat template of the model's folder: "
          + "\(Setting.checkpointTokenizer), or remove the record.")
    }
    return conversation
  }
}

extension Sample {
  init(of messages: [Message], _ tokenizer: any Tokenizer) throws {
    try self.init(of: Conversation(messages: messages), tokenizer)
  }

  init(of conversation: Conversation, _ tokenizer: any Tokenizer) throws {
    let (tokens, mask) = try tokenizer.tokenize(conversation.messages, tools: conversation.tools)
    self.init(tokens: tokens, labels: zip(tokens, mask).map { $1 ? ignoreIndex : $0 })
  }
}

/// Plain text, all of which is trained on.
struct CompletionSamples: SampleRule {
  let column: String
  let addEOS: Bool
  let limit: Int?
  let tokenizer: any Tokenizer

  func check(_ record: Record) throws { _ = try record.text(column, for: "text") }

  func sample(from record: Record) throws -> Sample {
    let text = try record.text(column, for: "text")
    var tokens = try tokenizer.encode(text, addBOS: true, addEOS: addEOS)
    // One less than the limit: torchtune leaves room for the shifted label.
    if let limit { tokens = tokenizer.truncate(tokens, to: max(0, limit - 1)) }
    return Sample(tokens: tokens, labels: tokens)
  }
}

extension Tokenizer {
  /// At most `count` of them, without their start or their end.
  func truncate(_ tokens: [Int32], to count: Int) -> [Int32] {
    Array(truncatesStart ? tokens.suffix(count) : tokens.prefix(count))
  }
}

/// The samples that a rule makes of records at hand.
struct RecordDataset: TextDataset {
  private let records: Records
  private let rule: any SampleRule
  let isPacked = false
  /// Datasets of up to so many bytes are checked whole when they are made: that takes seconds.
  private static let checkLimit = 512 << 20

  init(_ records: Records, rule: any SampleRule, checkLimit: Int = Self.checkLimit) throws {
    (self.records, self.rule) = (records, rule)
    guard records.byteCount <= checkLimit else { return }
    for index in 0..<records.count { try rule.check(try records.record(at: index)) }
  }

  var count: Int { records.count }
  func sample(at index: Int) throws -> Sample {
    try rule.sample(from: try records.record(at: index))
  }
}
