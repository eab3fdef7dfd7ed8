// torchtune's dataset builders on local files. Each checks all its records when it is made: a
// broken line or a missing column is found before any training. Tokens are made at access.
import Essentials

package enum Datasets {
  /// `alpaca_dataset` and `alpaca_cleaned_dataset`.
  package static func alpaca(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = true, packed: Bool = false
  ) throws -> any TextDataset {
    let rule = try AlpacaRule(columnMap: columnMap, trainOnInput: trainOnInput)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `instruct_dataset`.
  package static func instruct(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    let rule = try InstructRule(
      columnMap: columnMap, trainOnInput: trainOnInput, systemPrompt: newSystemPrompt)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `chat_dataset`.
  package static func chat(
    _ source: DataSource, tokenizer: any Tokenizer, conversationColumn: String,
    conversationStyle: String, trainOnInput: Bool = false, newSystemPrompt: String? = nil,
    packed: Bool = false
  ) throws -> any TextDataset {
    guard let style = ChatRule.Style(rawValue: conversationStyle) else {
      throw TuneError(
        .configuration, "unknown conversation style '\(conversationStyle)'",
        remedy: "Known styles: sharegpt, openai.", at: .init(key: "conversation_style"))
    }
    let rule = ChatRule(
      column: conversationColumn, style: style, trainOnInput: trainOnInput,
      systemPrompt: newSystemPrompt)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `text_completion_dataset`. A text is cut to `max_seq_len - 1` tokens, as in torchtune, packed
  /// or not.
  package static func textCompletion(
    _ source: DataSource, tokenizer: any Tokenizer, column: String = "text", addEOS: Bool = true,
    packed: Bool = false, splitAcrossPack: Bool = true
  ) throws -> any TextDataset {
    let dataset = try CompletionDataset(
      records: source.records(), column: column, addEOS: addEOS, tokenizer: tokenizer)
    return packed
      ? try pack(dataset, tokenizer, splitsSamples: splitAcrossPack) : dataset
  }

  /// Several datasets one after another; all packed or none.
  package static func concatenated(_ datasets: [any TextDataset]) throws -> any TextDataset {
    if datasets.count == 1 { return datasets[0] }
    return try ConcatenatedDataset(datasets)
  }

  private static func conversations(
    _ source: DataSource, _ rule: any ConversationRule, _ tokenizer: any Tokenizer, packed: Bool
  ) throws -> any TextDataset {
    let dataset = try ConversationDataset(
      records: source.records(), rule: rule, tokenizer: tokenizer)
    return packed ? try pack(dataset, tokenizer, splitsSamples: false) : dataset
  }

  private static func pack(
    _ dataset: any TextDataset, _ tokenizer: any Tokenizer, splitsSamples: Bool
  ) throws -> PackedDataset {
    guard let length = tokenizer.maxSeqLen else {
      throw TuneError(
        .configuration, "a packed dataset needs tokenizer.max_seq_len, the length of a pack",
        remedy: "Set tokenizer.max_seq_len, for example to 2048, or packed: False.",
        at: .init(key: "tokenizer.max_seq_len"))
    }
    return try PackedDataset(
      dataset, length: length, padID: tokenizer.padID, splitsSamples: splitsSamples)
  }
}

/// Conversations, masked as their messages say.
struct ConversationDataset: TextDataset {
  let records: Records
  let rule: any ConversationRule
  let tokenizer: any Tokenizer
  let isPacked = false

  init(records: Records, rule: any ConversationRule, tokenizer: any Tokenizer) throws {
    (self.records, self.rule, self.tokenizer) = (records, rule, tokenizer)
    for index in 0..<records.count { _ = try messages(at: index) }
  }

  var count: Int { records.count }

  func sample(at index: Int) throws -> Sample {
    let (tokens, mask) = try tokenizer.tokenize(try messages(at: index))
    return Sample(tokens: tokens, labels: zip(tokens, mask).map { $1 ? ignoreIndex : $0 })
  }

  private func messages(at index: Int) throws -> [Message] {
    let record = try records.record(at: index)
    let messages = try rule.messages(from: record)
    if let mistake = Message.mistake(in: messages) { throw record.failure(mistake) }
    return messages
  }
}

/// Plain text, all of which is trained on.
struct CompletionDataset: TextDataset {
  let records: Records
  let column: String
  let addEOS: Bool
  let tokenizer: any Tokenizer
  let isPacked = false

  init(records: Records, column: String, addEOS: Bool, tokenizer: any Tokenizer) throws {
    (self.records, self.column, self.addEOS, self.tokenizer) = (records, column, addEOS, tokenizer)
    for index in 0..<records.count { _ = try text(at: index) }
  }

  var count: Int { records.count }

  func sample(at index: Int) throws -> Sample {
    var tokens = try tokenizer.encode(try text(at: index), addBOS: true, addEOS: addEOS)
    // One less than the limit: torchtune leaves room for the shifted label.
    if let limit = tokenizer.maxSeqLen { tokens = Array(tokens.prefix(limit - 1)) }
    return Sample(tokens: tokens, labels: tokens)
  }

  private func text(at index: Int) throws -> String {
    try records.record(at: index).text(column, for: "text")
  }
}

struct ConcatenatedDataset: TextDataset {
  private let datasets: [any TextDataset]
  /// Where each dataset begins, and the end.
  private let starts: [Int]
  let isPacked: Bool

  init(_ datasets: [any TextDataset]) throws {
    guard let first = datasets.first else {
      throw TuneError(.configuration, "the list of datasets is empty", at: .init(key: "dataset"))
    }
    guard datasets.allSatisfy({ $0.isPacked == first.isPacked }) else {
      throw TuneError(
        .configuration, "packed and unpacked datasets cannot be concatenated",
        remedy: "Set packed to the same value in each.", at: .init(key: "dataset"))
    }
    self.datasets = datasets
    isPacked = first.isPacked
    starts = datasets.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
  }

  var count: Int { starts.last ?? 0 }

  func sample(at index: Int) throws -> Sample {
    let next = starts.firstIndex { $0 > index } ?? datasets.count
    return try datasets[next - 1].sample(at: index - starts[next - 1])
  }
}
