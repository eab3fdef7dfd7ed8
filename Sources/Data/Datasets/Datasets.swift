// torchtune's dataset builders. A dataset of moderate size checks all its records when it is made:
// a broken line or a missing column is found before any training. Of larger and streamed ones
// each record is checked when it comes. Tokens are made at access.
import Essentials
import Records
import Tokenizers

package enum Datasets {
  /// `alpaca_dataset` and `alpaca_cleaned_dataset`.
  package static func alpaca(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = true, packed: Bool = false
  ) throws -> any TextDataset {
    let rule = try AlpacaRule(columnMap: columnMap, trainOnInput: trainOnInput)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `instruct_dataset` and `grammar_dataset`.
  package static func instruct(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    let rule = try InstructRule(
      columnMap: columnMap, trainOnInput: trainOnInput, systemPrompt: newSystemPrompt)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `grammar_dataset`: sentences and their corrections, in the columns `input` and `output`.
  package static func grammar(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    try instruct(
      source, tokenizer: tokenizer, columnMap: columnMap, trainOnInput: trainOnInput,
      newSystemPrompt: newSystemPrompt, packed: packed)
  }

  /// `samsum_dataset`: conversations and their summaries, in the columns `dialogue` and `summary`.
  package static func samsum(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    try instruct(
      source, tokenizer: tokenizer,
      columnMap: columnMap.isEmpty ? ["input": "dialogue", "output": "summary"] : columnMap,
      trainOnInput: trainOnInput, newSystemPrompt: newSystemPrompt, packed: packed)
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
        remedy: "Known styles: sharegpt, openai.", at: .init(.conversationStyle))
    }
    let rule = ChatRule(
      column: conversationColumn, style: style, trainOnInput: trainOnInput,
      systemPrompt: newSystemPrompt)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `slimorca_dataset`: ShareGPT conversations in the column `conversations`.
  package static func slimOrca(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    try checkColumnMap(
      columnMap, known: ["conversations"], required: columnMap.isEmpty ? [] : ["conversations"])
    let rule = ChatRule(
      column: columnMap["conversations"] ?? "conversations", style: .sharegpt,
      trainOnInput: trainOnInput, systemPrompt: newSystemPrompt, columnSetting: .columnMap)
    return try conversations(source, rule, tokenizer, packed: packed)
  }

  /// `text_completion_dataset`. A text is cut to `max_seq_len - 1` tokens, as in torchtune, packed
  /// or not.
  /// - Parameter maxSeqLen: where it is less than the tokenizer's.
  package static func textCompletion(
    _ source: DataSource, tokenizer: any Tokenizer, column: String = "text", addEOS: Bool = true,
    packed: Bool = false, splitAcrossPack: Bool = true, maxSeqLen: Int? = nil
  ) throws -> any TextDataset {
    if let maxSeqLen, maxSeqLen < 2 {
      throw TuneError(
        .configuration, "\(Setting.maxSeqLen) must be at least 2, not \(maxSeqLen)",
        at: .init(.maxSeqLen))
    }
    let limits = [maxSeqLen, tokenizer.maxSeqLen].compactMap { $0 }
    let rule = CompletionSamples(
      column: column, addEOS: addEOS, limit: limits.min(), tokenizer: tokenizer)
    return try samples(source, rule, tokenizer, packed: packed, splitsSamples: splitAcrossPack)
  }

  /// `wikitext_dataset`: the pages of Wikipedia in the column `page`. Which of them is the source's
  /// `name`; a local copy may do without.
  package static func wikitext(
    _ source: DataSource, tokenizer: any Tokenizer, maxSeqLen: Int? = nil, packed: Bool = false
  ) throws -> any TextDataset {
    try textCompletion(
      source.droppingLocalName("wikitext-103-v1"), tokenizer: tokenizer, column: "page",
      packed: packed, maxSeqLen: maxSeqLen)
  }

  /// `cnn_dailymail_articles_dataset`: the column `article` of version 3.0.0.
  package static func cnnDailyMailArticles(
    _ source: DataSource, tokenizer: any Tokenizer, maxSeqLen: Int? = nil
  ) throws -> any TextDataset {
    var source = source
    source.name = source.name ?? "3.0.0"
    return try textCompletion(
      source.droppingLocalName("3.0.0"), tokenizer: tokenizer, column: "article",
      maxSeqLen: maxSeqLen)
  }

  /// Several datasets one after another; all packed or none.
  package static func concatenated(_ datasets: [any TextDataset]) throws -> any TextDataset {
    try checkAlike(datasets)
    if datasets.count == 1 { return datasets[0] }
    return datasets.contains { $0 is any StreamedDataset }
      ? ConcatenatedStream(datasets: datasets) : ConcatenatedDataset(datasets)
  }

  /// Several datasets mixed by weight, as `MixedDataset` says; all packed or none.
  /// - Parameters:
  ///   - weights: one a dataset, more than 0; they need not sum up to 1.
  ///   - seed: equal on all ranks.
  package static func mixed(
    _ datasets: [any TextDataset], weights: [Double], seed: UInt64 = 0
  ) throws -> any TextDataset {
    try checkAlike(datasets)
    guard weights.count == datasets.count else {
      throw TuneError(
        .configuration, "\(datasets.count) datasets have \(weights.count) weights",
        remedy: "Give every dataset of the list a weight, or none.", at: .init(.weights))
    }
    if let wrong = weights.first(where: { !($0 > 0 && $0 < 1e12) }) {
      throw TuneError(
        .configuration, "a weight must be more than 0, not \(wrong)", at: .init(.weights))
    }
    guard datasets.count <= 1000, datasets.allSatisfy({ $0.count < Int(UInt32.max) }) else {
      throw TuneError(
        .unsupported, "so many or so large datasets cannot be mixed", at: .init(.dataset))
    }
    return datasets.contains { $0 is any StreamedDataset }
      ? MixedStream(datasets, weights: weights, seed: seed)
      : MixedDataset(datasets, weights: weights, seed: seed)
  }

  private static func checkAlike(_ datasets: [any TextDataset]) throws {
    guard let first = datasets.first else {
      throw TuneError(.configuration, "the list of datasets is empty", at: .init(.dataset))
    }
    guard datasets.allSatisfy({ $0.isPacked == first.isPacked }) else {
      throw TuneError(
        .configuration, "packed and unpacked datasets cannot be concatenated",
        remedy: "Set \(Setting.packed) to the same value in each.", at: .init(.dataset))
    }
  }

  private static func conversations(
    _ source: DataSource, _ rule: any ConversationRule, _ tokenizer: any Tokenizer, packed: Bool
  ) throws -> any TextDataset {
    try samples(
      source, ConversationSamples(rule: rule, tokenizer: tokenizer), tokenizer, packed: packed,
      splitsSamples: false)
  }

  private static func samples(
    _ source: DataSource, _ rule: any SampleRule, _ tokenizer: any Tokenizer, packed: Bool,
    splitsSamples: Bool
  ) throws -> any TextDataset {
    try checkPacking(source, tokenizer, packed: packed)
    return try samples(
      OpenedRecords(source), rule, tokenizer, packed: packed, splitsSamples: splitsSamples)
  }

  static func samples(
    _ records: OpenedRecords, _ rule: any SampleRule, _ tokenizer: any Tokenizer, packed: Bool,
    splitsSamples: Bool
  ) throws -> any TextDataset {
    switch records {
    case .streamed(let records): return RecordStream(records: records, rule: rule)
    case .indexed(let records):
      let dataset = try RecordDataset(records, rule: rule)
      guard packed, let length = tokenizer.maxSeqLen else { return dataset }
      return try PackedDataset(
        dataset, length: length, padID: tokenizer.padID, splitsSamples: splitsSamples)
    }
  }

  /// - Throws: where packs cannot be made, before any record is read.
  static func checkPacking(
    _ source: DataSource, _ tokenizer: any Tokenizer, packed: Bool
  ) throws {
    guard packed else { return }
    if source.isStreamed {
      throw TuneError(
        .configuration, "a packed dataset cannot be streamed",
        remedy: "Remove \(Setting.isStreamed): packs larger than memory are kept on disk.",
        at: .init(.isStreamed))
    }
    guard tokenizer.maxSeqLen != nil else {
      throw TuneError(
        .configuration, "a packed dataset needs \(Setting.maxSeqLen), the length of a pack",
        remedy:
          "Set \(Setting.maxSeqLen), for example to 2048, or set \(Setting.packed) to False.",
        at: .init(.maxSeqLen))
    }
  }
}

extension DataSource {
  /// A local copy of a dataset need not have the configurations of the hub's.
  fileprivate func droppingLocalName(_ usual: String) -> DataSource {
    guard name == usual, resolvedFolder == nil, hubRepository == nil else { return self }
    var source = self
    source.name = nil
    return source
  }
}
