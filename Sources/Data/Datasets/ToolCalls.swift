// Tools in conversations: those that a record offers, the calls of the assistant and what they answered. They reach
// the model's chat template as transformers hands them over.
import Essentials
import Records
import Templates

/// What a record holds for a conversation.
struct Conversation: Sendable {
  var messages: [Message]
  /// The list for `apply_chat_template(tools=…)`; null without any.
  var tools: JSON = .null

  var usesTools: Bool {
    !tools.isNull || messages.contains { $0.templateValues["tool_calls"] != nil }
  }
}

extension Record {
  /// The column `tools`: a list, or the JSON text of one.
  func tools() throws -> JSON {
    guard says("tools"), let value = fields["tools"] else { return .null }
    guard let list = value.parsed.array, list.allSatisfy({ $0.object != nil }) else {
      throw failure(
        "column 'tools' holds no list of objects",
        remedy: "Write each tool as an object with its name, description and parameters.")
    }
    return .array(list)
  }
}

extension ChatRule {
  /// What a message has for a template beside its role and content; empty for most.
  func templateValues(
    of turn: JSON, _ role: Message.Role, _ fail: (String, String?) -> TuneError
  ) throws -> JSONObject {
    var values = JSONObject()
    if let calls = turn["tool_calls"], calls.saysSomething {
      guard role == .assistant else {
        throw fail("has 'tool_calls', which only the assistant makes", nil)
      }
      values["tool_calls"] = .array(try Self.calls(calls.parsed, fail))
    }
    if role == .tool || role == .ipython {
      for key in ["name", "tool_call_id"] {
        if let value = turn[key], !value.isNull { values[key] = value }
      }
    }
    return values
  }

  /// Arguments that are the JSON text of an object, as OpenAI writes them, become that object: templates write
  /// both alike then.
  private static func calls(
    _ value: JSON, _ fail: (String, String?) -> TuneError
  ) throws -> [JSON] {
    guard let list = value.array else { throw fail("has 'tool_calls' that are no list", nil) }
    return try list.map { call in
      // OpenAI puts name and arguments into `function`; some templates read them beside it.
      let hasFunction = call["function"] != nil
      guard var call = call.object, var function = hasFunction ? call["function"]?.object : call,
        function["name"]?.string?.isEmpty == false
      else {
        throw fail(
          "has a tool call without a function's name",
          "Write it as {\"type\": \"function\", \"function\": {\"name\": …, \"arguments\": {…}}}.")
      }
      if let arguments = function["arguments"], !arguments.isNull {
        guard let object = arguments.parsed.object else {
          throw fail("has a tool call whose arguments are no object, nor the JSON text of one", nil)
        }
        function["arguments"] = .object(object)
      }
      if hasFunction { call["function"] = .object(function) } else { call = function }
      return .object(call)
    }
  }
}

extension JSON {
  /// The value of a text that is JSON; itself otherwise.
  fileprivate var parsed: JSON {
    guard let text = string, let value = try? JSON.parse(text) else { return self }
    return value
  }
}
