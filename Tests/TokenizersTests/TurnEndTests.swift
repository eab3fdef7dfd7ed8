// Templates that end the last message unlike the others: the mask of every turn is transformers'.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Templates
@testable import Tokenizers

@Suite struct TurnEndTests {
  static let root =
    (try? JSON.load(path: fixturePath("TokenizersTests/Fixtures/chat_templates/endings.json")))
    ?? .null
  static let names = (root["cases"]?.array ?? []).compactMap { $0["case"]?.string }

  @Test func thereAreCases() { #expect(Self.names.count == 10) }

  @Test(arguments: names) func theMaskIsThatOfTransformers(name: String) throws {
    let entry = try #require(Self.root["cases"]?.array?.first { $0["case"]?.string == name })
    let real = try JSON.load(
      path: fixturePath("TokenizersTests/Fixtures/tokenizers/hugging_face.json"))
    let found = real["cases"]?.array?.first { $0["name"] == "digits" }
    let folder = try Fixtures.folder()
    let files: JSONObject = [
      "tokenizer.json": try #require(found?["tokenizer"]),
      "tokenizer_config.json": [
        "eos_token": "</s>", "additional_special_tokens": ["<|end|>", "<|return|>"],
        "chat_template": try #require(entry["template"]),
      ],
    ]
    for (file, json) in files {
      try Data(json.text().utf8).write(to: folder.appendingPathComponent(file))
    }
    let tokenizer = try HuggingFaceModelTokenizer(folder: folder.path)
    let messages = try (entry["messages"]?.array ?? []).map { json in
      let role = try #require(json["role"]?.string.flatMap(Message.Role.init))
      return Message(role, json["content"]?.string ?? "", masked: role != .assistant)
    }
    let (tokens, mask) = try tokenizer.tokenize(messages)
    #expect(tokens == entry["ids"]?.ids)
    #expect(mask.map { $0 ? 0 : 1 } == entry["mask"]?.ids)
  }
}
