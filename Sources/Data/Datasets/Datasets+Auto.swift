// The dataset that recognizes the format of its records.
import Essentials
import Records
import Tokenizers

extension Datasets {
  /// `auto_dataset`: conversations, prompts with completions, instructions, questions with answers, or
  /// plain text, by the columns of the first record.
  /// - Parameters:
  ///   - columnMap: chooses the format and names its columns: `messages`; `prompt` and `completion`;
  ///     `instruction`, `output` and perhaps `input`; `question` and `answer`; or `text`.
  ///   - newSystemPrompt: replaces the records' own. Conversations only.
  /// - Returns: the dataset, and the format for people to read.
  /// - Throws: `TuneError` that names file and line for a record that fits no format, more than one, or
  ///   another than the first.
  package static func auto(
    _ source: DataSource, tokenizer: any Tokenizer, columnMap: [String: String] = [:],
    trainOnInput: Bool = false, newSystemPrompt: String? = nil, packed: Bool = false
  ) throws -> (dataset: any TextDataset, format: RecordFormat) {
    let recognizer = try FormatRecognizer(columnMap: columnMap)
    try checkPacking(source, tokenizer, packed: packed)
    let opened = try OpenedRecords(source)
    let first = try opened.first()
    let format = try recognizer.format(of: first)
    let base: any SampleRule
    switch format.kind {
    case .text, .texts:
      for (setting, isGiven) in [
        (Setting.newSystemPrompt, newSystemPrompt != nil),
        (.columnMap, columnMap["system"] != nil),
      ] where isGiven {
        throw TuneError(
          .configuration, "the data has no messages that a system prompt could precede: \(format)",
          remedy: "Remove the system prompt.", at: .init(setting))
      }
      base =
        format.kind == .text
        ? CompletionSamples(
          column: format.column("text"), addEOS: true, limit: tokenizer.maxSeqLen,
          tokenizer: tokenizer)
        : PromptCompletionSamples(
          prompt: format.column("prompt"), completion: format.column("completion"),
          trainOnInput: trainOnInput, limit: tokenizer.maxSeqLen, tokenizer: tokenizer)
    case .chat, .messages, .instruction, .question:
      let rule = FormatRule(
        format: format, inputColumn: columnMap["input"], systemColumn: columnMap["system"],
        trainOnInput: trainOnInput, systemPrompt: newSystemPrompt)
      base = ConversationSamples(rule: rule, tokenizer: tokenizer)
    }
    let rule = UniformSamples(base: base, format: format, recognizer: recognizer)
    // A chat template that is missing or broken shows before any weight is read.
    _ = try rule.sample(from: first)
    let dataset = try samples(
      opened, rule, tokenizer, packed: packed, splitsSamples: format.kind == .text)
    return (dataset, format)
  }
}

/// A source's records, at hand or streamed as it says.
enum OpenedRecords {
  case indexed(Records)
  case streamed(StreamedRecords)

  init(_ source: DataSource) throws {
    self =
      source.isStreamed ? .streamed(try source.streamedRecords()) : .indexed(try source.records())
  }

  /// Neither kind is ever empty.
  func first() throws -> Record {
    switch self {
    case .indexed(let records): return try records.record(at: 0)
    case .streamed(let records):
      guard let raw = try records.reader().next() else {
        throw TuneError(.data, "the dataset is empty")
      }
      return try raw.record()
    }
  }
}
