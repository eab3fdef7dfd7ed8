// `tokenizer`, `dataset` and `dataset_val` sections as tokenizers and datasets; datasets of the Hub are
// fetched on the way.
import Datasets
import Essentials
import Foundation
import Hub
import Records
import RunConfiguration
import Tokenizers

package func tokenizer(from section: Section) throws -> any Tokenizer {
  for key in ["path", "merges_file", "special_tokens_path"] where section.declares(key) {
    guard let path = section.optionalString(key),
      !FileManager.default.fileExists(atPath: path)
    else { continue }
    throw TuneError(
      .missingFile, "there is no tokenizer file '\(path)'",
      remedy: "Download it with the model, or correct tokenizer.\(key).",
      at: section.location(of: key))
  }
  let (path, longest) = (section.string("path"), section.optionalInt("max_seq_len"))
  let specialTokens =
    section.declares("special_tokens_path") ? section.optionalString("special_tokens_path") : nil
  func qwen(_ family: QwenFamily) throws -> QwenTokenizer {
    try QwenTokenizer(
      family, path: path, mergesPath: section.optionalString("merges_file"),
      specialTokensPath: specialTokens, maxSeqLen: longest,
      promptTemplate: section.promptTemplate())
  }
  return try locatingErrors(in: section) {
    switch section.component {
    case "torchtune.models.llama2.llama2_tokenizer":
      try Llama2Tokenizer(
        path: path, maxSeqLen: longest, promptTemplate: section.promptTemplate())
    case "torchtune.models.qwen2.qwen2_tokenizer": try qwen(.qwen2)
    case "torchtune.models.qwen2_5.qwen2_5_tokenizer": try qwen(.qwen25)
    case "torchtune.models.qwen3.qwen3_tokenizer": try qwen(.qwen3)
    case "torchtune.models.llama3.llama3_tokenizer", "swift_tune.tokenizers.tokenizer_json":
      try Llama3Tokenizer(
        path: path, specialTokensPath: specialTokens, maxSeqLen: longest,
        promptTemplate: section.promptTemplate())
    case let other:
      preconditionFailure("the schema lets through an unknown tokenizer: \(other ?? "none")")
    }
  }
}

/// One dataset, or the several of a list: after one another, or mixed by their weights.
package func dataset(
  from sections: [Section], tokenizer: any Tokenizer
) throws -> any TextDataset {
  let datasets = try sections.map { section in
    try locatingErrors(in: section) {
      try dataset(from: section, try source(from: section), tokenizer)
    }
  }
  guard let first = sections.first, datasets.count > 1 else {
    return try Datasets.concatenated(datasets)
  }
  return try locatingErrors(in: first) {
    let weights = sections.compactMap { $0.optionalDouble("weight") }
    return weights.isEmpty
      ? try Datasets.concatenated(datasets) : try Datasets.mixed(datasets, weights: weights)
  }
}

private func dataset(
  from section: Section, _ source: DataSource, _ tokenizer: any Tokenizer
) throws -> any TextDataset {
  let packed = section.declares("packed") && section.bool("packed")
  func columns() -> [String: String] { section.stringMap("column_map") ?? [:] }
  func trainsOnInput() -> Bool { section.bool("train_on_input") }
  func systemPrompt() -> String? { section.optionalString("new_system_prompt") }
  func longest() -> Int? { section.optionalInt("max_seq_len") }
  switch section.component {
  case "torchtune.datasets.alpaca_dataset", "torchtune.datasets.alpaca_cleaned_dataset":
    return try Datasets.alpaca(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      packed: packed)
  case "torchtune.datasets.instruct_dataset":
    return try Datasets.instruct(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case "torchtune.datasets.grammar_dataset":
    return try Datasets.grammar(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case "torchtune.datasets.samsum_dataset":
    return try Datasets.samsum(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case "torchtune.datasets.slimorca_dataset":
    return try Datasets.slimOrca(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case "torchtune.datasets.chat_dataset":
    return try Datasets.chat(
      source, tokenizer: tokenizer, conversationColumn: section.string("conversation_column"),
      conversationStyle: section.string("conversation_style"), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case "torchtune.datasets.text_completion_dataset":
    return try Datasets.textCompletion(
      source, tokenizer: tokenizer, column: section.string("column"),
      addEOS: section.bool("add_eos"), packed: packed,
      splitAcrossPack: section.bool("split_across_pack"))
  case "torchtune.datasets.wikitext_dataset":
    return try Datasets.wikitext(source, tokenizer: tokenizer, maxSeqLen: longest(), packed: packed)
  case "torchtune.datasets.cnn_dailymail_articles_dataset":
    return try Datasets.cnnDailyMailArticles(source, tokenizer: tokenizer, maxSeqLen: longest())
  case let other:
    preconditionFailure("the schema lets through a dataset that is not built: \(other ?? "none")")
  }
}

/// Where a dataset's records are, on this machine by the time it returns.
private func source(from section: Section) throws -> DataSource {
  let files: [String: [String]] =
    section.holdsMap("data_files")
    ? section.stringsMap("data_files") ?? [:]
    : (section.optionalStrings("data_files")).map { ["train": $0] } ?? [:]
  var source = DataSource(
    source: section.string("source"), dataFiles: files, split: section.string("split"),
    sampleBy: .init(rawValue: section.string("sample_by")) ?? .line,
    keepLinebreaks: section.bool("keep_linebreaks"))
  source.name =
    section.declares("subset") ? section.string("subset") : section.optionalString("name")
  source.dataDir = section.optionalString("data_dir")
  source.delimiter = section.optionalString("delimiter") ?? section.optionalString("sep")
  source.field = section.optionalString("field")
  source.isStreamed = section.bool("streaming")
  source.shuffleBufferSize = section.int("shuffle_buffer_size")
  guard let repository = source.hubRepository else {
    if section.optionalString("revision") != nil {
      throw section.error(
        at: "revision", "does nothing for data that is not on the Hub", remedy: "Remove the key.")
    }
    return source
  }
  source.resolvedFolder = try folder(
    of: repository, source, revision: section.optionalString("revision") ?? "main")
  return source
}

/// The dataset's card first, which says where its splits are, then the files that the split needs.
func folder(of repository: String, _ source: DataSource, revision: String) throws -> String {
  let card = "README.md"
  func folder(_ patterns: [String]) throws -> String {
    try HubClient.folder(
      forDataset: repository, revision: revision, FileSelection(allowing: patterns))
  }
  var text: String?
  do {
    text = try String(contentsOfFile: try folder([card]) + "/" + card, encoding: .utf8)
  } catch let error as TuneError where error.code == .data {
    // It has no card, and its files are read by their names.
  }
  return try folder(try source.hubPatterns(card: text) + [card])
}
