// How a record becomes a conversation, for each of torchtune's dataset builders.
import Essentials
import Records
import Templates

/// From a record to the messages the model is trained on.
protocol ConversationRule: Sendable {
  func messages(from record: Record) throws -> [Message]
  /// The tools that the record offers to the model, as chat templates read them.
  func tools(from record: Record) throws -> JSON
}

extension ConversationRule {
  func tools(from record: Record) throws -> JSON { .null }
}

/// Stanford Alpaca's prompt around an instruction, with or without an input.
struct AlpacaRule: ConversationRule {
  let instruction, input, output: String
  let trainOnInput: Bool

  init(columnMap: [String: String], trainOnInput: Bool) throws {
    try checkColumnMap(columnMap, known: ["instruction", "input", "output"], required: [])
    instruction = columnMap["instruction"] ?? "instruction"
    input = columnMap["input"] ?? "input"
    output = columnMap["output"] ?? "output"
    self.trainOnInput = trainOnInput
  }

  func messages(from record: Record) throws -> [Message] {
    let task = try record.text(instruction, for: "instruction")
    let context = try record.optionalText(input) ?? ""
    let answer = try record.text(output, for: "output")
    var prompt = "Below is an instruction that describes a task"
    if !context.isEmpty { prompt += ", paired with an input that provides further context" }
    prompt += ". Write a response that appropriately completes the request.\n\n"
    prompt += "### Instruction:\n\(task)\n\n"
    if !context.isEmpty { prompt += "### Input:\n\(context)\n\n" }
    prompt += "### Response:\n"
    return [Message(.user, prompt, masked: !trainOnInput), Message(.assistant, answer)]
  }
}

/// One column is the user's message, another the assistant's.
struct InstructRule: ConversationRule {
  let input, output: String
  let trainOnInput: Bool
  let systemPrompt: String?

  init(columnMap: [String: String], trainOnInput: Bool, systemPrompt: String?) throws {
    let names: [String] = ["input", "output"]
    try checkColumnMap(columnMap, known: names, required: columnMap.isEmpty ? [] : names)
    input = columnMap["input"] ?? "input"
    output = columnMap["output"] ?? "output"
    self.trainOnInput = trainOnInput
    self.systemPrompt = systemPrompt
  }

  func messages(from record: Record) throws -> [Message] {
    try record.refuseImage(in: "image")
    let prompt = try record.text(input, for: "input")
    let answer = try record.text(output, for: "output")
    let system = systemPrompt.map { [Message(.system, $0, masked: true)] } ?? []
    return system + [Message(.user, prompt, masked: !trainOnInput), Message(.assistant, answer)]
  }
}

/// A column holds a whole conversation, in the words of ShareGPT or of OpenAI.
struct ChatRule: ConversationRule {
  enum Style: String, CaseIterable { case sharegpt, openai }
  let column: String
  let style: Style
  let trainOnInput: Bool
  let systemPrompt: String?
  /// What names the column.
  var columnSetting = Setting.conversationColumn
  /// OpenAI's fine-tuning format: an answer of `weight` 0 is not trained on. torchtune does not know it.
  var readsWeights = false

  func messages(from record: Record) throws -> [Message] {
    if style == .sharegpt { try record.refuseImage(in: "image") }
    let system = systemPrompt.map { [Message(.system, $0, masked: true)] } ?? []
    return system + (try turns(from: record))
  }

  /// The column's own messages, without the configuration's system prompt.
  func turns(from record: Record) throws -> [Message] {
    var messages: [Message] = []
    let turns = try record.list(column, for: "conversation", from: columnSetting)
    for (position, turn) in turns.enumerated() {
      func fail(_ what: String, _ remedy: String? = nil) -> TuneError {
        record.failure("message \(position + 1) in column '\(column)' \(what)", remedy: remedy)
      }
      let (roleKey, contentKey) = style == .sharegpt ? ("from", "value") : ("role", "content")
      guard let name = turn[roleKey]?.string else { throw fail("has no text '\(roleKey)'") }
      guard let role = role(name) else {
        throw fail("has the unknown role '\(name)' (known: \(roleNames.joined(separator: ", ")))")
      }
      try refuseUnsupported(in: turn, fail)
      // The prompt given in the configuration replaces the record's own.
      if role == .system, systemPrompt != nil { continue }
      let values = style == .openai ? try templateValues(of: turn, role, fail) : [:]
      let content = turn[contentKey] ?? .null
      guard
        let parts = content.isNull && values["tool_calls"] != nil
          ? [] : try parts(of: content, fail)
      else { throw fail("has no text '\(contentKey)'") }
      let isLeftOut = try readsWeights && hasNoWeight(turn, fail)
      var message = Message(
        role, parts: parts, masked: isLeftOut || role != .assistant && !trainOnInput)
      message.templateValues = values
      messages.append(message)
    }
    return messages
  }

  /// - Throws: for what belongs to the message and would be left out.
  private func refuseUnsupported(
    in turn: JSON, _ fail: (String, String?) -> TuneError
  ) throws {
    var unsupported = ["function_call", "reasoning_content", "thinking"]
    if style == .sharegpt { unsupported.append("tool_calls") }
    guard let key = unsupported.first(where: { turn[$0]?.saysSomething ?? false }) else { return }
    throw fail("has '\(key)', which is not supported yet", "Remove the record or the key.")
  }

  private func hasNoWeight(
    _ turn: JSON, _ fail: (String, String?) -> TuneError
  ) throws -> Bool {
    guard let weight = turn["weight"], !weight.isNull else { return false }
    guard let number = weight.double, number == 0 || number == 1 else {
      throw fail("has a 'weight' other than 0 and 1", nil)
    }
    return number == 0
  }

  private static let shareGPTRoles: [String: Message.Role] = [
    "system": .system, "human": .user, "gpt": .assistant, "user": .user, "assistant": .assistant,
  ]
  private var roleNames: [String] {
    style == .sharegpt
      ? Self.shareGPTRoles.keys.sorted() : Message.Role.allCases.map(\.rawValue)
  }
  private func role(_ name: String) -> Message.Role? {
    style == .sharegpt ? Self.shareGPTRoles[name] : Message.Role(rawValue: name)
  }

  /// OpenAI's content may be a list of parts, of which text is supported.
  private func parts(
    of value: JSON, _ fail: (String, String?) -> TuneError
  ) throws -> [String]? {
    guard style == .openai, let parts = value.array else { return value.string.map { [$0] } }
    return try parts.map { part in
      guard part["type"]?.string == "text", let text = part["text"]?.string else {
        let kind = part["type"]?.string ?? part.kind
        throw fail(
          "has a part that is not text (\(kind))",
          "Only text can be trained on here: remove the record or its other parts.")
      }
      return text
    }
  }
}

extension Record {
  /// - Throws: when the record comes with an image: its text alone would say something else.
  fileprivate func refuseImage(in column: String) throws {
    guard let image = fields[column], !image.isNull else { return }
    throw failure(
      "column '\(column)' holds an image, and only text can be trained on here",
      remedy: "Remove the column if the text stands for itself.")
  }
}

func checkColumnMap(
  _ map: [String: String], known: [String], required: [String]
) throws {
  if let unknown = map.keys.sorted().first(where: { !known.contains($0) }) {
    throw TuneError(
      .configuration, "\(Setting.columnMap) has the unknown key '\(unknown)'",
      remedy: "Known keys: \(known.joined(separator: ", ")).", at: .init(.columnMap))
  }
  if let missing = required.first(where: { map[$0] == nil }) {
    throw TuneError(
      .configuration, "\(Setting.columnMap) needs the key '\(missing)'", at: .init(.columnMap))
  }
}
