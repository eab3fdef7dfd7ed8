// How records of a recognized format become samples. All records of a dataset have one format; one of
// another is an error, since it is most likely a mistake in the file.
import Essentials
import Records
import Templates
import Tokenizers

/// Conversations of any of the formats that are made of messages.
struct FormatRule: ConversationRule {
  let format: RecordFormat
  /// The column with the prompt's input, and that with the system prompt, where the configuration names
  /// them.
  let inputColumn, systemColumn: String?
  let trainOnInput: Bool
  let systemPrompt: String?

  func messages(from record: Record) throws -> [Message] {
    try record.refuseUnsupportedColumns(takesTools: takesTools)
    let system = try systemMessage(of: record)
    return (system.map { [$0] } ?? []) + (try turns(of: record))
  }

  func tools(from record: Record) throws -> JSON { takesTools ? try record.tools() : .null }

  /// Conversations have places for calls and answers.
  private var takesTools: Bool {
    switch format.kind {
    case .chat, .messages: true
    case .texts, .instruction, .question, .text: false
    }
  }

  private func turns(of record: Record) throws -> [Message] {
    switch format.kind {
    case .chat(let style):
      return try chat("messages", style).turns(from: record)
    case .messages(let style):
      let prompt = try chat("prompt", style).turns(from: record)
      return prompt.map { message in
        var message = message
        message.masked = !trainOnInput
        return message
      } + (try chat("completion", style).turns(from: record))
    case .instruction:
      let rule = try AlpacaRule(
        columnMap: [
          "instruction": format.column("instruction"), "output": format.column("output"),
          "input": try inputColumn(of: record),
        ], trainOnInput: trainOnInput)
      return try rule.messages(from: record)
    case .texts, .text: preconditionFailure("plain text has no messages")
    case .question:
      let question = try record.text(format.column("question"), for: "question")
      let answer = try record.text(format.column("answer"), for: "answer")
      return [Message(.user, question, masked: !trainOnInput), Message(.assistant, answer)]
    }
  }

  private func chat(_ name: String, _ style: ChatRule.Style) -> ChatRule {
    ChatRule(
      column: format.column(name), style: style, trainOnInput: trainOnInput,
      systemPrompt: systemPrompt, columnSetting: .columnMap, readsWeights: true)
  }

  private func inputColumn(of record: Record) throws -> String {
    if let inputColumn { return inputColumn }
    guard record.says("context") else { return "input" }
    if record.says("input") {
      throw record.failure(
        "columns 'input' and 'context' both hold an input",
        remedy:
          "Choose one with \(Setting.columnMap): {instruction: COLUMN, input: COLUMN, output: "
          + "COLUMN}.")
    }
    return "context"
  }

  /// The configuration's system prompt, else the record's own where it has one outside its messages.
  private func systemMessage(of record: Record) throws -> Message? {
    if let systemPrompt { return Message(.system, systemPrompt, masked: true) }
    let names = systemColumn.map { [$0] } ?? RecordFormat.systemColumns
    let given = names.filter(record.says)
    if given.count > 1 {
      throw record.failure(
        "columns '\(given[0])' and '\(given[1])' both hold a system prompt",
        remedy: "Choose one with \(Setting.columnMap): add system: COLUMN.")
    }
    guard let column = given.first, let text = try record.optionalText(column) else { return nil }
    return Message(.system, text, masked: !trainOnInput)
  }
}

extension Record {
  /// - Throws: when a column holds what belongs to the conversation and cannot be trained on yet.
  fileprivate func refuseUnsupportedColumns(takesTools: Bool = false) throws {
    let unsupported =
      (takesTools ? [] : ["tools"]) + [
        "functions", "history", "image", "images", "video", "videos", "audio", "audios",
      ]
    if let column = unsupported.first(where: says) {
      throw failure(
        "column '\(column)' is not supported yet",
        remedy: "Remove the column if the messages stand for themselves.")
    }
    if let label = fields["label"]?.bool {
      throw failure(
        "column 'label' is \(label): preference data is not supported yet",
        remedy: "Remove the records labeled false, then the column.")
    }
  }
}

/// A plain prompt and its completion, tokenized as one text and closed by EOS. The loss is on the
/// completion.
struct PromptCompletionSamples: SampleRule {
  let prompt, completion: String
  let trainOnInput: Bool
  let limit: Int?
  let tokenizer: any Tokenizer

  func check(_ record: Record) throws { _ = try texts(of: record) }

  private func texts(of record: Record) throws -> (prompt: String, completion: String) {
    try record.refuseUnsupportedColumns()
    return (
      try record.text(prompt, for: "prompt"), try record.text(completion, for: "completion")
    )
  }

  /// Masks the tokens that the whole text begins with as the prompt alone does. A token that spans the
  /// boundary differs, and is trained on: it holds the start of the completion. (TRL masks as many
  /// tokens as the prompt alone has.)
  func sample(from record: Record) throws -> Sample {
    let (prompt, completion) = try texts(of: record)
    var tokens = try tokenizer.encode(prompt + completion, addBOS: true, addEOS: true)
    // A completion may end in the text of EOS, which some tokenizers read as the token.
    if tokens.suffix(2) == [tokenizer.eosID, tokenizer.eosID] { tokens.removeLast() }
    var labels = tokens
    if !trainOnInput {
      let alone = try tokenizer.encode(prompt, addBOS: true, addEOS: false)
      for index in 0..<min(tokens.count, alone.count) {
        guard tokens[index] == alone[index] else { break }
        labels[index] = ignoreIndex
      }
    }
    // One less than the limit, as of plain text.
    let count = limit.map { max(0, $0 - 1) } ?? tokens.count
    return Sample(
      tokens: tokenizer.truncate(tokens, to: count), labels: tokenizer.truncate(labels, to: count))
  }
}

/// Records that all have one format.
struct UniformSamples: SampleRule {
  let base: any SampleRule
  let format: RecordFormat
  let recognizer: FormatRecognizer

  func check(_ record: Record) throws {
    try checkFormat(of: record)
    try base.check(record)
  }

  func sample(from record: Record) throws -> Sample {
    try checkFormat(of: record)
    return try base.sample(from: record)
  }

  private func checkFormat(of record: Record) throws {
    let other = try recognizer.format(of: record)
    guard other != format else { return }
    throw record.failure(
      "it holds \(other), but the first record holds \(format)",
      remedy: "Put the records of each format into files of their own, and list them as two "
        + "datasets.")
  }
}
