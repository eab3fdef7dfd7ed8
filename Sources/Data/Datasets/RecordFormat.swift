// The formats of people's usual files, recognized by the columns of a record. A record whose columns
// fit two formats is refused, not guessed: `column_map` decides.
import Essentials
import Records

/// What a record holds, and in which columns.
package struct RecordFormat: Sendable, Equatable, CustomStringConvertible {
  enum Kind: Sendable, Equatable {
    /// A list of messages in the column `messages`.
    case chat(ChatRule.Style)
    /// Two lists of messages: `prompt` and `completion`.
    case messages(ChatRule.Style)
    /// Two plain texts: `prompt` and `completion`.
    case texts
    /// Alpaca's `instruction`, perhaps an input, and `output`.
    case instruction
    /// `question` and `answer`.
    case question
    /// Plain `text`.
    case text
  }
  let kind: Kind
  /// From the names above to the data's own.
  let columns: [String: String]

  func column(_ name: String) -> String { columns[name] ?? name }

  package var description: String {
    func column(_ name: String) -> String { "column '\(self.column(name))'" }
    return switch kind {
    case .chat(let style): "conversations with \(style.keyNames) (\(column("messages")))"
    case .messages(let style):
      "prompts and completions as messages with \(style.keyNames) "
        + "(\(column("prompt")), \(column("completion")))"
    case .texts:
      "prompts and completions as plain text (\(column("prompt")), \(column("completion")))"
    case .instruction:
      "instructions and outputs (\(column("instruction")), \(column("output")))"
    case .question: "questions and answers (\(column("question")), \(column("answer")))"
    case .text: "plain text (\(column("text")))"
    }
  }
}

extension ChatRule.Style {
  fileprivate var keyNames: String { self == .sharegpt ? "from and value" : "role and content" }
}

/// Finds the format of records: by the names of their columns, or by the configuration's `column_map`.
struct FormatRecognizer: Sendable {
  private enum Shape: Sendable { case chat, pair, instruction, question, text }
  private struct Form: Sendable {
    let shape: Shape
    let columns: [String: String]
  }
  let columnMap: [String: String]
  /// The form that `columnMap` chooses; nil where it is empty.
  private let chosen: Form?

  /// - Throws: `TuneError` `.configuration` for a map that describes no format.
  init(columnMap: [String: String]) throws {
    self.columnMap = columnMap
    guard !columnMap.isEmpty else {
      chosen = nil
      return
    }
    let choices: [(shape: Shape, required: Set<String>, optional: Set<String>)] = [
      (.chat, ["messages"], ["system"]), (.pair, ["prompt", "completion"], ["system"]),
      (.instruction, ["instruction", "output"], ["input", "system"]),
      (.question, ["question", "answer"], ["system"]), (.text, ["text"], []),
    ]
    let keys = Set(columnMap.keys)
    let choice = choices.first {
      keys.isSuperset(of: $0.required) && keys.isSubset(of: $0.required.union($0.optional))
    }
    guard let choice else {
      throw TuneError(
        .configuration,
        "\(Setting.columnMap) with \(keys.sorted().joined(separator: ", ")) is no format",
        remedy: Self.remedy, at: .init(.columnMap))
    }
    chosen = Form(
      shape: choice.shape, columns: columnMap.filter { choice.required.contains($0.key) })
  }

  /// - Throws: `TuneError` `.data` that names the record's file and line when its columns fit no format
  ///   or more than one.
  func format(of record: Record) throws -> RecordFormat {
    if let chosen { return try format(of: chosen, record) }
    let forms = Self.forms.filter { form in
      form.columns.values.allSatisfy(record.hasValue)
        // Beside an instruction they are its input and output.
        && !(form.columns.values.contains("input") && record.hasValue("instruction"))
    }
    guard let form = forms.first else { throw Self.unknown(record) }
    if let other = forms.dropFirst().first {
      let both = [form, other].map { $0.columns.values.sorted().joined(separator: " and ") }
      throw record.failure(
        "its columns fit two formats: \(both[0]), or \(both[1])",
        remedy: "Choose one with \(Setting.columnMap). " + Self.remedy)
    }
    let format = try format(of: form, record)
    try refuseLeftovers(of: format, record)
    return format
  }

  /// The usual names of the columns of each format.
  private static let forms: [Form] =
    ["messages", "conversations", "conversation"].map {
      Form(shape: .chat, columns: ["messages": $0])
    } + [Form(shape: .pair, columns: ["prompt": "prompt", "completion": "completion"])]
    + ["output", "response"].map {
      Form(shape: .instruction, columns: ["instruction": "instruction", "output": $0])
    }
    + [
      ("question", "answer"), ("question", "response"), ("prompt", "response"), ("input", "output"),
    ].map { Form(shape: .question, columns: ["question": $0, "answer": $1]) }
    + [Form(shape: .text, columns: ["text": "text"])]

  private static let remedy =
    "Give {messages: COLUMN}, {prompt: COLUMN, completion: COLUMN}, {instruction: COLUMN, output: "
    + "COLUMN}, {question: COLUMN, answer: COLUMN} or {text: COLUMN}, with input: COLUMN for "
    + "instructions and system: COLUMN for all but text."

  private static func unknown(_ record: Record) -> TuneError {
    let names = record.fields.keys.joined(separator: ", ")
    let isPreference = record.hasValue("chosen") && record.hasValue("rejected")
    return record.failure(
      isPreference
        ? "preference data is not supported yet (columns: \(names))"
        : "no known format has its columns (\(names))",
      remedy: isPreference
        ? "To train on the preferred answers, set \(Setting.columnMap) to {messages: chosen} "
          + "where they are lists of messages."
        : "Name the columns with \(Setting.columnMap). " + remedy)
  }

  private func format(of form: Form, _ record: Record) throws -> RecordFormat {
    func made(_ kind: RecordFormat.Kind) -> RecordFormat {
      RecordFormat(kind: kind, columns: form.columns)
    }
    for column in form.columns.values.sorted() where !record.hasValue(column) {
      throw record.failure(
        "missing column '\(column)' (columns: \(record.fields.keys.joined(separator: ", ")))",
        remedy: "Correct \(Setting.columnMap), or remove the record.")
    }
    switch form.shape {
    case .chat: return made(.chat(try record.style(of: form.columns["messages"] ?? "")))
    case .instruction: return made(.instruction)
    case .question: return made(.question)
    case .text: return made(.text)
    case .pair:
      let names = ["prompt", "completion"].compactMap { form.columns[$0] }
      let lists = names.filter { record.fields[$0]?.array != nil }
      if lists.isEmpty { return made(.texts) }
      guard lists.count == 2 else {
        throw record.failure(
          "columns '\(names[0])' and '\(names[1])' must both be text or both be lists of messages")
      }
      return made(.messages(try record.style(of: names[1])))
    }
  }

  /// - Throws: for a column that other files of this kind have as part of the prompt: to leave it out
  ///   without a word would train on something else.
  private func refuseLeftovers(of format: RecordFormat, _ record: Record) throws {
    var others: Set = [
      "messages", "conversations", "conversation", "prompt", "completion", "instruction", "input",
      "context", "output", "response", "question", "answer",
    ]
    switch format.kind {
    case .chat, .text: return
    case .instruction: others.subtract(["input", "context"])
    case .texts: others.formUnion(RecordFormat.systemColumns)
    case .messages, .question: break
    }
    others.subtract(format.columns.values)
    if let column = record.fields.keys.first(where: { others.contains($0) && record.says($0) }) {
      throw record.failure(
        "column '\(column)' has no place among \(format)",
        remedy: "Remove the column, or set \(Setting.columnMap) to train without it. "
          + Self.remedy)
    }
  }
}

extension RecordFormat {
  /// The usual names of a record's own system prompt.
  static let systemColumns = ["system", "system_prompt"]
}

extension Record {
  func hasValue(_ column: String) -> Bool { fields[column].map { !$0.isNull } ?? false }

  /// Whether a column holds something: not null, and no empty text, list or object, written out or not.
  func says(_ column: String) -> Bool { fields[column]?.saysSomething ?? false }

  fileprivate func style(of column: String) throws -> ChatRule.Style {
    let messages = try list(column, for: "conversation", from: .columnMap)
    guard let first = messages.first else { throw failure("column '\(column)' has no messages") }
    if first["role"] != nil { return .openai }
    if first["from"] != nil { return .sharegpt }
    throw failure(
      "message 1 in column '\(column)' has neither 'role' and 'content' nor 'from' and 'value'")
  }
}

extension JSON {
  var saysSomething: Bool {
    switch self {
    case .null: false
    case .string(let text): !["", "[]", "{}", "null"].contains(text.strippedLikePython)
    case .array(let elements): !elements.isEmpty
    case .object(let object): !object.keys.isEmpty
    default: true
    }
  }
}
