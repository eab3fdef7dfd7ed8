// `tokenizer`, `dataset` and `dataset_val` sections as tokenizers and datasets; datasets of the Hub are
// fetched on the way.
import Catalog
import Configuration
import Datasets
import Essentials
import Foundation
import Hub
import Records
import Tokenizers

/// The tokenizer that the root's `tokenizer` section describes.
package func tokenizer(from root: Section) throws -> any Tokenizer {
  let section = root[Keys.tokenizer]
  for (key, path) in section.tokenizerFiles
  where !FileManager.default.fileExists(atPath: path) {
    throw TuneError(
      .missingFile, "no such tokenizer file: '\(path)'",
      remedy: "Download it with the model, or correct tokenizer.\(key).",
      at: section.location(of: key))
  }
  let longest = section[Keys.Tokenizer.longestSequence]
  func path() -> String { section[Keys.Tokenizer.path] }
  func truncation() -> HuggingFaceModelTokenizer.TruncationType {
    .init(rawValue: section[Keys.Tokenizer.truncatedEnd]) ?? .right
  }
  let specialTokens = section[ifDeclared: Keys.Tokenizer.specialTokens]
  func qwen(_ family: QwenFamily) throws -> QwenTokenizer {
    try QwenTokenizer(
      family, path: path(), mergesPath: section[Keys.Tokenizer.merges],
      specialTokensPath: specialTokens, maxSeqLen: longest,
      promptTemplate: section.promptTemplate())
  }
  return try locatingErrors(in: section) {
    switch section.choice(TokenizerChoice.self) {
    case .llama2:
      try Llama2Tokenizer(
        path: path(), maxSeqLen: longest, promptTemplate: section.promptTemplate())
    case .qwen2: try qwen(.qwen2)
    case .qwen25: try qwen(.qwen25)
    case .qwen3: try qwen(.qwen3)
    case .llama3:
      try Llama3Tokenizer(
        path: path(), specialTokensPath: specialTokens, maxSeqLen: longest,
        promptTemplate: section.promptTemplate())
    case .tokenizerJSON: try tokenizerJSON(from: section)
    case .huggingFace:
      try HuggingFaceModelTokenizer(
        tokenizerJSONPath: section[Keys.Tokenizer.json],
        tokenizerConfigJSONPath: section[Keys.Tokenizer.configuration],
        generationConfigPath: section[Keys.Tokenizer.generation], maxSeqLen: longest,
        truncationType: truncation())
    case .checkpoint:
      try HuggingFaceModelTokenizer(
        folder: section[Keys.Tokenizer.folder]
          ?? root[Keys.checkpointer][Keys.Checkpointer.folder],
        maxSeqLen: longest, truncationType: truncation())
    }
  }
}

/// Llama 3's conversations where the file has Llama 3's special tokens; else those of the chat template
/// beside the file.
private func tokenizerJSON(from section: Section) throws -> any Tokenizer {
  let (path, longest) = (section[Keys.Tokenizer.path], section[Keys.Tokenizer.longestSequence])
  if try Llama3Tokenizer.hasSpecialTokens(tokenizerJSON: path) {
    return try Llama3Tokenizer(
      path: path, maxSeqLen: longest, promptTemplate: section.promptTemplate())
  }
  if section[Keys.Tokenizer.template] != nil {
    throw section.error(
      at: Keys.Tokenizer.template, "is not supported for a tokenizer.json of another family",
      remedy: "Set it to null; the chat template of the folder is used.")
  }
  return try HuggingFaceModelTokenizer(tokenizerJSONPath: path, maxSeqLen: longest)
}

/// One dataset, or the several of a list: after one another, or mixed by their weights.
/// - Parameter log: is told the format that a dataset recognized.
package func dataset(
  from sections: [Section], tokenizer: any Tokenizer, log: RecipeLog
) throws -> any TextDataset {
  let datasets = try sections.map { section in
    try locatingErrors(in: section) {
      try dataset(from: section, try source(from: section), tokenizer, log)
    }
  }
  guard let first = sections.first, datasets.count > 1 else {
    return try Datasets.concatenated(datasets)
  }
  return try locatingErrors(in: first) {
    let weights = sections.compactMap { $0[Keys.Dataset.weight] }
    return weights.isEmpty
      ? try Datasets.concatenated(datasets) : try Datasets.mixed(datasets, weights: weights)
  }
}

private func dataset(
  from section: Section, _ source: DataSource, _ tokenizer: any Tokenizer, _ log: RecipeLog
) throws -> any TextDataset {
  typealias Key = Keys.Dataset
  let packed = section.packs
  func columns() -> [String: String] { section[Key.columns] ?? [:] }
  func trainsOnInput() -> Bool { section[Key.trainsOnInput] }
  func systemPrompt() -> String? { section[Key.systemPrompt] }
  func longest() -> Int? { section[Key.longestText] }
  switch section.choice(DatasetChoice.self) {
  case .alpaca, .cleanedAlpaca:
    return try Datasets.alpaca(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      packed: packed)
  case .instruct:
    return try Datasets.instruct(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case .grammar:
    return try Datasets.grammar(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case .samsum:
    return try Datasets.samsum(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case .slimOrca:
    return try Datasets.slimOrca(
      source, tokenizer: tokenizer, columnMap: columns(), trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case .chat:
    return try Datasets.chat(
      source, tokenizer: tokenizer, conversationColumn: section[Key.conversationColumn],
      conversationStyle: section[Key.conversationStyle], trainOnInput: trainsOnInput(),
      newSystemPrompt: systemPrompt(), packed: packed)
  case .textCompletion:
    return try Datasets.textCompletion(
      source, tokenizer: tokenizer, column: section[Key.column],
      addEOS: section[Key.endsTexts], packed: packed,
      splitAcrossPack: section[Key.splitsAcrossPacks])
  case .wikitext:
    return try Datasets.wikitext(source, tokenizer: tokenizer, maxSeqLen: longest(), packed: packed)
  case .cnnDailyMailArticles:
    return try Datasets.cnnDailyMailArticles(source, tokenizer: tokenizer, maxSeqLen: longest())
  case .auto:
    let (dataset, format) = try Datasets.auto(
      source, tokenizer: tokenizer, columnMap: section[Key.formatColumns] ?? [:],
      trainOnInput: trainsOnInput(), newSystemPrompt: systemPrompt(), packed: packed)
    log.info("\(source.dataFiles.values.joined().min() ?? source.source) holds \(format)")
    return dataset
  }
}

/// Where a dataset's records are, on this machine by the time it returns.
private func source(from section: Section) throws -> DataSource {
  typealias Key = Keys.Dataset
  var source = DataSource(
    source: section[Key.source], dataFiles: section[Key.files] ?? [:], split: section[Key.split],
    sampleBy: .init(rawValue: section[Key.sampledBy]) ?? .line,
    keepLinebreaks: section[Key.keepsLineBreaks])
  source.name =
    section.declares(Key.subset) ? section[Key.subset] : section[Key.configurationName]
  source.dataDir = section[Key.folder]
  source.delimiter = section[Key.delimiter] ?? section[Key.separator]
  source.field = section[Key.field]
  source.isStreamed = section[Key.streams]
  source.shuffleBufferSize = section[Key.shuffleBufferSize]
  guard let repository = source.hubRepository else {
    if section[Key.revision] != nil {
      throw section.error(
        at: Key.revision, "does nothing for data that is not on the Hub", remedy: "Remove the key.")
    }
    return source
  }
  source.resolvedFolder = try folder(
    of: repository, source, revision: section[Key.revision] ?? "main")
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
    text = String(
      decoding: try RegularFile.read(try folder([card]) + "/" + card), as: UTF8.self)
  } catch let error as TuneError where error.code == .data {
    // It has no card, and its files are read by their names.
  }
  return try folder(try source.hubPatterns(card: text) + [card])
}
