// Conversations by the model's own chat template: the whole text is rendered and encoded once, as
// transformers' apply_chat_template does, and the mask follows from where each message stands in it.
import Essentials
import Foundation
import Synchronization
import Templates

extension HuggingFaceModelTokenizer {
  /// A conversation in the format of the model's chat template.
  ///
  /// A token is trained on when a part of it belongs to what is trained on: with `{% generation %}`
  /// in the template, the mask is that of transformers' `return_assistant_tokens_mask`. Without, what
  /// the assistant says begins after the prompt that the template adds for it and includes its
  /// end-of-turn token.
  /// - Parameter addEndTokens: if false, the model goes on: an empty last message of the assistant
  ///   becomes the prompt for its answer, another one stays open. Then all tokens are masked.
  /// - Throws: `TuneError` with the template's file: `.data` for a conversation that the template
  ///   refuses, `.unsupported` where the mask cannot be told.
  public func tokenize(
    _ messages: [Message], addEndTokens: Bool
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    try tokenize(messages, addEndTokens: addEndTokens, tools: .null)
  }

  private func tokenize(
    _ messages: [Message], addEndTokens: Bool, tools: JSON
  ) throws -> (tokens: [Int32], mask: [Bool]) {
    let template = try chatTemplate(hasTools: !tools.isNull)
    if messages.isEmpty {
      throw TuneError(
        .data, "a chat template needs at least one message",
        at: .init(file: configuration.file, key: "chat_template"))
    }
    let now = Date()
    var conversation = ChatConversation(
      try messages.map(object), variables: templateVariables)
    conversation.tools = tools
    conversation.completeContents(for: template, now: now)
    guard addEndTokens else {
      if messages.last?.role == .assistant, messages.last?.content.isEmpty == true {
        conversation.messages.removeLast()
        let text = try conversation.render(template, addGenerationPrompt: true, now: now).text
        let tokens = try pipeline.encode(text)
        return truncated(tokens, [Bool](repeating: true, count: tokens.count), ends: false)
      }
      let tokens = try pipeline.encode(try conversation.renderContinuing(template, now: now))
      return truncated(tokens, [Bool](repeating: true, count: tokens.count), ends: false)
    }
    let rendering = try conversation.render(template, now: now)
    try conversation.checkTools(in: rendering, template, now: now)
    let ranges = try conversation.trainedRanges(
      template, of: rendering, isTrained: messages.map { !$0.masked }, now: now)
    let tokens = try pipeline.encode(rendering.text)
    return truncated(tokens, try mask(of: tokens, rendering.text, trained: ranges), ends: true)
  }

  /// The template that transformers takes: `tool_use` for a conversation with tools, if there is one.
  package func chatTemplate(hasTools: Bool) throws -> ChatTemplate {
    let templates = configuration.chatTemplates
    let name = hasTools && templates["tool_use"] != nil ? "tool_use" : "default"
    guard let source = templates[name] else {
      let others = templates.keys.sorted().joined(separator: ", ")
      throw TuneError(
        .unsupported,
        templates.isEmpty
          ? "the tokenizer has no chat template"
          : "no chat template is the default one; there are \(others)",
        remedy: "Add a chat_template.jinja, or use a dataset of plain text.",
        at: .init(file: configuration.file, key: "chat_template"))
    }
    return try parsedTemplates.withLock { parsed in
      if let template = parsed[name] { return template }
      let template = try ChatTemplate(source, file: configuration.place(ofTemplate: name))
      parsed[name] = template
      return template
    }
  }

  /// The names of special tokens, as every chat template gets them.
  private var templateVariables: JSONObject {
    var variables = JSONObject()
    for (name, token) in configuration.specialTokenNames.sorted(by: { $0.key < $1.key }) {
      variables[name] = .string(token)
    }
    return variables
  }

  private func object(_ message: Message) throws -> JSONObject {
    guard !message.ipython, message.eot else {
      throw TuneError(
        .unsupported, "a chat template cannot write a tool call that is given as plain text",
        remedy: "Use the tokenizer of the model's family, or write the call into the text.",
        at: .init(file: configuration.file, key: "chat_template"))
    }
    // What a tool answers has this name in chat templates.
    let role = message.role == .ipython ? Message.Role.tool : message.role
    var object: JSONObject = ["role": .string(role.rawValue)]
    let hasContent = !message.parts.isEmpty || message.templateValues["tool_calls"] == nil
    if hasContent { object["content"] = .string(message.content) }
    for (key, value) in message.templateValues { object[key] = value }
    return object
  }

  /// Masked, but for the tokens of which a part lies in a trained range.
  private func mask(
    of tokens: [Int32], _ text: String, trained: [Range<Int>]
  ) throws -> [Bool] {
    var mask = [Bool](repeating: true, count: tokens.count)
    if trained.isEmpty { return mask }
    let bytes = Array(text.utf8)
    guard let places = pipeline.offsets(of: tokens, in: bytes) else {
      for range in trained {
        let start = try count(tokens, before: range.lowerBound, of: bytes)
        let end = try count(tokens, before: range.upperBound, of: bytes)
        for position in start..<max(start, end) { mask[position] = false }
      }
      return mask
    }
    var next = 0
    for (position, place) in places.enumerated() {
      while next < trained.count, place.lowerBound >= trained[next].upperBound { next += 1 }
      if next == trained.count { break }
      if place.upperBound > trained[next].lowerBound { mask[position] = false }
    }
    return mask
  }

  /// How many tokens stand for the text up to a place, where a token ends there.
  private func count(_ tokens: [Int32], before place: Int, of text: [UInt8]) throws -> Int {
    let first = try pipeline.encode(String(decoding: text[..<place], as: UTF8.self))
    guard tokens.starts(with: first) else {
      throw TuneError(
        .unsupported,
        "cannot tell which tokens the assistant says: the tokenizer rewrites the text across a "
          + "message's edge", remedy: "Use texts in Unicode's normal form C.",
        at: .init(file: configuration.file, key: "chat_template"))
    }
    return first.count
  }

  private func truncated(
    _ tokens: [Int32], _ mask: [Bool], ends: Bool
  ) -> (tokens: [Int32], mask: [Bool]) {
    guard let maxSeqLen, tokens.count > maxSeqLen else { return (tokens, mask) }
    if truncationType == .left {
      return (Array(tokens.suffix(maxSeqLen)), Array(mask.suffix(maxSeqLen)))
    }
    var (tokens, mask) = (Array(tokens.prefix(maxSeqLen)), Array(mask.prefix(maxSeqLen)))
    // A cut sequence still ends, so that the model does not learn to run on.
    if ends { (tokens[maxSeqLen - 1], mask[maxSeqLen - 1]) = (eosID, true) }
    return (tokens, mask)
  }
}

extension HuggingFaceModelTokenizer: ToolTokenizer {
  package func tokenize(_ messages: [Message], offering tools: JSON) throws -> (
    tokens: [Int32], mask: [Bool]
  ) {
    try tokenize(messages, addEndTokens: true, tools: tools)
  }
}
