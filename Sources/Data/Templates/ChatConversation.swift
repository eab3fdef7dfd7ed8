// A conversation put into a chat template as transformers' apply_chat_template does it, and where in the
// rendered text each message stands: that decides what a model is trained on.
import Essentials
import Foundation
import JinjaTemplates

/// What a chat template gets: the conversation, the tools, and the names of special tokens.
package struct ChatConversation: Sendable {
  /// Objects with `role`, `content` and what else a template reads.
  package var messages: [JSONObject]
  package var tools: JSON = .null
  package var documents: JSON = .null
  /// `bos_token` and the like by name, and variables of the template's own.
  package var variables: JSONObject

  package init(_ messages: [JSONObject], variables: JSONObject = [:]) {
    // Keys without a value only confuse templates.
    self.messages = messages.map { message in
      var kept = JSONObject()
      for (key, value) in message where !value.isNull { kept[key] = value }
      return Self.withReasoning(kept)
    }
    self.variables = variables
  }

  /// A message's reasoning under each of the names that templates read.
  private static func withReasoning(_ message: JSONObject) -> JSONObject {
    let names = ["reasoning_content", "thinking", "reasoning"]
    guard let reasoning = names.lazy.compactMap({ message[$0] }).first else { return message }
    var result = message
    if result["thinking"] == nil { result["thinking"] = reasoning }
    result["reasoning_content"] = reasoning
    return result
  }

  /// The text of the conversation.
  /// - Parameter addGenerationPrompt: with what makes the model answer.
  /// - Throws: as `ChatTemplate.render`.
  package func render(
    _ template: ChatTemplate, addGenerationPrompt: Bool = false, now: Date? = nil
  ) throws -> ChatTemplate.Rendering {
    var all: JSONObject = [
      "messages": .array(messages.map(JSON.object)), "tools": tools, "documents": documents,
      "add_generation_prompt": .bool(addGenerationPrompt),
    ]
    for (name, value) in variables { all[name] = value }
    return try template.render(all, now: now)
  }

  /// The text up to the end of the last message's content, so that a model continues it.
  /// - Throws: `TuneError` `.data` where the last message has no text, or the template changes it.
  package func renderContinuing(_ template: ChatTemplate, now: Date? = nil) throws -> String {
    let tag = "CONTINUE_FINAL_MESSAGE_TAG"
    guard let content = messages.last?["content"]?.string else {
      throw TuneError(
        .data, "the last message has no text to continue", at: .init(file: template.file))
    }
    var tagged = self
    tagged.messages[messages.count - 1]["content"] = .string(content + tag + " ")
    let text = try tagged.render(template, now: now).text
    guard let place = text.range(of: tag, options: [.literal, .backwards]),
      text.range(of: content.strippedLikePython, options: .literal) != nil
        || content.strippedLikePython.isEmpty
    else {
      throw TuneError(
        .data, "the chat template changes the last message, so that it cannot be continued",
        remedy: "Put the text into a new message.", at: .init(file: template.file))
    }
    let before = String(text[..<place.lowerBound])
    // A template that trims the message trims what is continued too.
    return text[place.upperBound...].hasPrefix(" ") ? before : before.stripped(nil, start: false)
  }
}

extension ChatConversation {
  /// The byte ranges of the full text that are trained on: what the assistant says in messages that
  /// are not masked, with its end-of-turn token, and all of other messages that are not masked.
  ///
  /// A template with `{% generation %}` says itself what the assistant says. For others, renderings
  /// of the first messages are compared with that of all of them.
  /// - Parameter isTrained: for each message.
  /// - Throws: `TuneError` `.unsupported` where the place of a message cannot be told for sure.
  package func trainedRanges(
    _ template: ChatTemplate, of full: ChatTemplate.Rendering, isTrained: [Bool], now: Date?
  ) throws -> [Range<Int>] {
    if !isTrained.contains(true) { return [] }
    var places = MessagePlaces(self, template, Array(full.text.utf8), now: now)
    let roles = messages.map { $0["role"]?.string == "assistant" }
    var ranges: [Range<Int>] = []
    let others = messages.indices.filter { isTrained[$0] && !roles[$0] }
    for run in others.split(whenNot: { $0 + 1 == $1 }) {
      ranges.append(try places.range(from: run.first!, through: run.last!))
    }
    let said = messages.indices.filter { roles[$0] }
    if template.hasGenerationBlocks {
      if said.allSatisfy({ isTrained[$0] }) {
        ranges += full.generated
      } else if full.generated.count == said.count {
        ranges += zip(said, full.generated).filter { isTrained[$0.0] }.map(\.1)
      } else if said.contains(where: { isTrained[$0] }) {
        throw TuneError(
          .unsupported,
          "the chat template has \(full.generated.count) generation blocks for \(said.count) "
            + "messages of the assistant, of which some are masked",
          remedy: "Mask all or none of them.", at: .init(file: template.file))
      }
    } else {
      for position in said {
        let range = try places.said(in: position)
        if isTrained[position] { ranges.append(range) }
      }
    }
    return ranges.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
  }
}

extension ChatConversation {
  /// Gives messages that only call tools an empty text where the template fails without one, as many do.
  package mutating func completeContents(for template: ChatTemplate, now: Date?) {
    let bare = messages.indices.filter { messages[$0]["content"] == nil }
    guard !bare.isEmpty, (try? render(template, now: now)) == nil else { return }
    for position in bare { messages[position]["content"] = "" }
  }

  /// - Throws: `TuneError` `.unsupported` where the template leaves out the tools or a call: the model would
  ///   learn to answer from nothing.
  package func checkTools(
    in full: ChatTemplate.Rendering, _ template: ChatTemplate, now: Date?
  ) throws {
    func failure(_ what: String) -> TuneError {
      TuneError(
        .unsupported, "the chat template leaves out \(what)",
        remedy: "Use a model whose chat template writes tools, or remove them from the data.",
        at: .init(file: template.file))
    }
    // A name may stand elsewhere in the text: another one shows which are written.
    var renamed = self
    var names: [(name: String, other: String, position: Int)] = []
    for (position, message) in messages.enumerated() {
      guard let calls = message["tool_calls"]?.array else { continue }
      renamed.messages[position]["tool_calls"] = .array(
        calls.map { call in
          let name = (call["function"] ?? call)["name"]?.string ?? ""
          names.append((name, "\(name)_mark\(names.count)x", position))
          return Self.renaming(call, names[names.count - 1].other)
        })
    }
    if !names.isEmpty {
      let text = try renamed.render(template, now: now).text
      for (name, other, position) in names where text.firstRange(of: other) == nil {
        throw failure("the call of '\(name)' in message \(position + 1)")
      }
    }
    guard !tools.isNull else { return }
    // A template that cannot do without them reads them.
    var without = self
    without.tools = .null
    if let rendering = try? without.render(template, now: now), rendering.text == full.text {
      throw failure("the tools that the record offers")
    }
  }

  private static func renaming(_ call: JSON, _ name: String) -> JSON {
    guard var object = call.object else { return call }
    if let function = object["function"] {
      object["function"] = renaming(function, name)
    } else {
      object["name"] = .string(name)
    }
    return .object(object)
  }
}

extension Array {
  /// Runs of elements of which each belongs to the one before it.
  fileprivate func split(whenNot belongs: (Element, Element) -> Bool) -> [[Element]] {
    var runs: [[Element]] = []
    for element in self {
      if let last = runs.last?.last, belongs(last, element) {
        runs[runs.count - 1].append(element)
      } else {
        runs.append([element])
      }
    }
    return runs
  }
}
