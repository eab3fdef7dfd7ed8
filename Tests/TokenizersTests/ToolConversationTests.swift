// Conversations with tools: text, ids and mask are those of transformers' apply_chat_template.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Templates
@testable import Tokenizers

@Suite struct ToolConversationTests {
  static let root =
    (try? JSON.load(path: fixturePath("TokenizersTests/Fixtures/chat_templates/tools.json")))
    ?? .null
  static let names = (root["cases"]?.array ?? []).compactMap { $0["case"]?.string }
  private var tools: JSON { Self.root["tools"] ?? .null }

  private func tokenizer(_ template: String) throws -> HuggingFaceModelTokenizer {
    let real = try JSON.load(
      path: fixturePath("TokenizersTests/Fixtures/tokenizers/hugging_face.json"))
    let found = real["cases"]?.array?.first { $0["name"] == "digits" }
    let folder = try Fixtures.folder()
    let files: JSONObject = [
      "tokenizer.json": try #require(found?["tokenizer"]),
      "tokenizer_config.json": [
        "eos_token": "</s>", "bos_token": "<s>", "chat_template": .string(template),
      ],
    ]
    for (file, json) in files {
      try Data(json.text().utf8).write(to: folder.appendingPathComponent(file))
    }
    return try HuggingFaceModelTokenizer(folder: folder.path)
  }

  private func messages(_ entry: JSON) throws -> [Message] {
    try (entry["messages"]?.array ?? []).map { json in
      let role = try #require(json["role"]?.string.flatMap(Message.Role.init))
      var message = Message(
        role, parts: json["content"]?.string.map { [$0] } ?? [], masked: role != .assistant)
      for key in ["tool_calls", "tool_call_id", "name"] { message.templateValues[key] = json[key] }
      return message
    }
  }

  @Test func thereAreCases() { #expect(Self.names.count == 7) }

  @Test(arguments: names, ["marked", "plain"])
  func idsAndMaskAreThoseOfTransformers(name: String, template: String) throws {
    let entry = try #require(Self.root["cases"]?.array?.first { $0["case"]?.string == name })
    let tokenizer = try tokenizer(try #require(entry[template]?.string))
    let (tokens, mask) = try tokenizer.tokenize(messages(entry), tools: tools)
    #expect(tokens == entry["ids"]?.ids, "\(tokenizer.decode(tokens)) \(entry["text"] ?? .null)")
    #expect(mask.map { $0 ? 0 : 1 } == entry["mask"]?.ids)
  }

  @Test func aTemplateThatLeavesThemOutIsRefused() throws {
    let entry = try #require(Self.root["cases"]?.array?.first)
    let deaf = try tokenizer(
      "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}")
    let calls = try tuneError { _ = try deaf.tokenize(try messages(entry), tools: .null) }
    #expect(calls.code == .unsupported && calls.message.contains("'weather' in message 2"))
    let plain = [Message(.user, "a", masked: true), Message(.assistant, "b")]
    let offered = try tuneError { _ = try deaf.tokenize(plain, tools: tools) }
    #expect(offered.code == .unsupported && offered.message.contains("tools"), "\(offered)")
    #expect(try deaf.tokenize(plain, tools: .null) == deaf.tokenize(plain))
  }

  /// OpenAI's files have null there; templates such as Qwen 3's fail without a text.
  @Test func aCallWithoutTextIsAnEmptyText() throws {
    let entry = try #require(Self.root["cases"]?.array?.first)
    let strict = try tokenizer(
      "{{ tools[0].function.name }}{% for m in messages %}{{ m.role + m.content }}"
        + "{% for c in m.tool_calls %}{{ c.function.name }}{% endfor %}</s>{% endfor %}")
    let (tokens, _) = try strict.tokenize(messages(entry), tools: tools)
    #expect(
      strict.decode(tokens)
        == "weatheruserthe weather</s>assistantweather</s>tool1 b</s>assistantthe dog is lazy</s>")
    // A template that cannot do without tools reads them.
    let needy = try tokenizer(
      "{% for t in tools %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}"
        + "</s>{% endfor %}")
    let plain = [Message(.user, "a", masked: true), Message(.assistant, "b")]
    #expect(
      needy.decode(try needy.tokenize(plain, tools: tools).tokens) == "weathertimea</s>b</s>")
  }

  /// torchtune's formats have no place for them.
  @Test func otherTokenizersRefuseTools() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let plain = [Message(.user, "a", masked: true), Message(.assistant, "b")]
    let error = try tuneError { _ = try tokenizer.tokenize(plain, tools: tools) }
    #expect(error.code == .unsupported && error.location.key == "tokenizer")
    #expect(try tokenizer.tokenize(plain, tools: .null) == tokenizer.tokenize(plain))
  }
}
