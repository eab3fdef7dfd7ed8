// Records with tools and their calls, as values and as the JSON text that files of OpenAI's format have.
import Essentials
import Foundation
import Records
import TestSupport
import Testing
import Tokenizers

@testable import Datasets
@testable import Templates

@Suite struct ToolDataTests {
  private static let template = """
    {%- for tool in tools or [] %}[{{ tool | tojson }}]{% endfor %}
    {%- for m in messages %}<s>{{ m.role }} {{ m.content }}{{ m.name }}{{ m.tool_call_id }}
    {%- for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}</s>{% endfor %}
    """

  private func tokenizer() throws -> HuggingFaceModelTokenizer {
    let folder = try Fixtures.folder()
    try FileManager.default.copyItem(
      atPath: Fixtures.Name.tinyJSON.path, toPath: folder.path + "/tokenizer.json")
    let configuration: JSON = [
      "eos_token": "<|eot_id|>", "chat_template": .string(Self.template),
    ]
    try Data(configuration.text().utf8).write(
      to: folder.appendingPathComponent("tokenizer_config.json"))
    return try HuggingFaceModelTokenizer(folder: folder.path)
  }

  private func sample(_ line: String, _ tokenizer: any Tokenizer) throws -> Sample {
    let path = try Fixtures.write(line + "\n", "data.jsonl")
    let source = DataSource(source: path)
    return try Datasets.auto(source, tokenizer: tokenizer).dataset.sample(at: 0)
  }

  private static let ask = #"{"role": "user", "content": "a"}"#
  private static func line(_ calls: String, tools: String = "null", role: String = "assistant")
    -> String
  {
    #"{"messages": [\#(ask), {"role": "\#(role)", "content": null, "tool_calls": \#(calls)}, "#
      + #"{"role": "tool", "name": "f", "tool_call_id": "1", "content": "7"}, "#
      + #"{"role": "assistant", "content": "b"}], "tools": \#(tools)}"#
  }
  private static let call =
    #"[{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]"#
  private static let tools = #"[{"type": "function", "function": {"name": "f"}}]"#

  private static func quoted(_ text: String) -> String { JSON.string(text).text() }

  @Test func valuesAndTextsGiveOneConversation() throws {
    let tokenizer = try tokenizer()
    let sample = try sample(Self.line(Self.call, tools: Self.tools), tokenizer)
    #expect(
      tokenizer.decode(sample.tokens)
        == #"[{"type": "function", "function": {"name": "f"}}]<s>user a</s><s>assistant "#
        + #"{"name": "f", "arguments": {"x": 1}}</s><s>tool 7f1</s><s>assistant b</s>"#)
    let trained = zip(sample.tokens, sample.labels).filter { $0.0 == $0.1 }.map(\.0)
    let text = tokenizer.decode(trained)
    #expect(text.contains(#"{"name": "f", "arguments": {"x": 1}}</s>"#) && text.hasSuffix("b</s>"))
    #expect(!text.contains("tool") && !text.contains("user"))
    let texts = [
      (Self.call.replacing(#"{"x": 1}"#, with: Self.quoted(#"{"x": 1}"#)), Self.tools),
      (Self.quoted(Self.call), Self.quoted(Self.tools)),
      (Self.call, Self.quoted(Self.tools)),
    ]
    for (calls, tools) in texts {
      #expect(try self.sample(Self.line(calls, tools: tools), tokenizer) == sample)
    }
    let bare = try self.sample(Self.line(Self.call), tokenizer)
    #expect(!tokenizer.decode(bare.tokens).contains("["))
  }

  /// With the record, before any training.
  @Test func formatsWithoutAPlaceForToolsRefuseTheRecord() throws {
    let plain = try Fixtures.tokenizer(.tinyJSON)
    for line in [
      Self.line(Self.call), Self.line("null", tools: Self.tools).replacing("null,", with: #""c","#),
    ] {
      let text = #"{"messages": [\#(Self.ask), {"role": "assistant", "content": "b"}]}"#
      let error = try tuneError { _ = try sample(text + "\n" + line, plain) }
      #expect(error.message.contains("no place") && error.location.line == 2, "\(error)")
    }
  }

  static let refused: [(line: String, complaint: String)] = [
    (line(#"{"name": "f"}"#), "'tool_calls' that are no list"),
    (line(#"[{"id": "1"}]"#), "without a function's name"),
    (line("[3]"), "without a function's name"),
    (line(#"[{"function": {"name": "f", "arguments": "x"}}]"#), "arguments are no object"),
    (line(#"[{"function": {"name": "f", "arguments": [1]}}]"#), "arguments are no object"),
    (line(call, role: "user"), "which only the assistant makes"),
    (line(call, tools: #""x""#), "'tools' holds no list of objects"),
    (line(call, tools: #"["f"]"#), "'tools' holds no list of objects"),
  ]
  @Test(arguments: refused.indices) func whatIsNoCallIsNamed(_ index: Int) throws {
    let tokenizer = try tokenizer()
    let (line, complaint) = Self.refused[index]
    let error = try tuneError { _ = try sample(line, tokenizer) }
    #expect(error.message.contains(complaint) && error.location.line == 1, "\(error)")
  }
}
