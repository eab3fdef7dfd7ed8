// Conversations become tokens by the model's own template, and the mask leaves what the assistant says
// to training, whatever way the template writes it. The tokenizer has a token for each byte.
import Essentials
import Foundation
import Templates
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct ChatTokenTests {
  private static let talk = [
    Message(.system, "Sé.", masked: true), Message(.user, "Hi", masked: true),
    Message(.assistant, " Yes \n"), Message(.user, "no?", masked: true),
    Message(.assistant, "日本"),
  ]
  private static let markup =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
  private static let plain =
    markup + "{{ m.content + '<|im_end|>\n' }}{% endfor %}"
    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
  private static let trimming = plain.replacingOccurrences(
    of: "m.content +", with: "m.content | trim +")
  private static let generating =
    markup + "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>"
    + "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n\n{% endfor %}"
  /// Only the last answer keeps its thoughts: earlier renderings are no prefix of later ones.
  private static let thinking =
    markup
    + "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    + "{{ m.content + '<|im_end|>\n' }}{% endfor %}"
    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

  private static func tokenizer(
    _ template: String, maxSeqLen: Int? = nil
  ) throws -> HuggingFaceModelTokenizer {
    var vocabulary = JSONObject()
    for (position, byte) in ByteAlphabet.order.enumerated() {
      vocabulary[String(ByteAlphabet.characters[Int(byte)])] = .integer(position)
    }
    let special = ["<|im_start|>", "<|im_end|>"]
    let added = special.enumerated().map { position, token -> JSON in
      ["id": .integer(256 + position), "content": .string(token), "special": true]
    }
    let bytes: JSON = ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true]
    let root: JSON = [
      "version": "1.0", "added_tokens": .array(added), "normalizer": .null, "pre_tokenizer": bytes,
      "post_processor": bytes, "decoder": bytes,
      "model": ["type": "BPE", "vocab": .object(vocabulary), "merges": []],
    ]
    let configuration: JSON = [
      "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "chat_template": .string(template),
    ]
    let folder = try Fixtures.folder()
    for (name, json) in ["tokenizer.json": root, "tokenizer_config.json": configuration] {
      try Data(json.text().utf8).write(to: folder.appendingPathComponent(name))
    }
    return try HuggingFaceModelTokenizer(folder: folder.path, maxSeqLen: maxSeqLen)
  }

  /// The texts of runs of tokens that are trained on.
  private static func trained(
    _ template: String, _ messages: [Message] = talk
  ) throws -> [String] {
    let tokenizer = try tokenizer(template)
    let (tokens, mask) = try tokenizer.tokenize(messages)
    var runs: [[Int32]] = []
    for position in tokens.indices where !mask[position] {
      if position == 0 || mask[position - 1] { runs.append([]) }
      runs[runs.count - 1].append(tokens[position])
    }
    return runs.map { tokenizer.decode($0) }
  }

  @Test func whatTheAssistantSaysIsTrainedOn() throws {
    #expect(try Self.trained(Self.plain) == [" Yes \n<|im_end|>\n", "日本<|im_end|>\n"])
    #expect(try Self.trained(Self.trimming) == ["Yes<|im_end|>\n", "日本<|im_end|>\n"])
    // A token of a space alone has no width where offsets are trimmed, and lies inside.
    #expect(try Self.trained(Self.generating).last == "日本<|im_end|>")
    #expect(
      try Self.trained(Self.thinking)
        == [" Yes \n<|im_end|>\n", "<think>\n\n</think>\n\n日本<|im_end|>\n"])
  }
  @Test(arguments: [plain, generating]) func maskedMessagesAreNot(_ template: String) throws {
    var talk = Self.talk
    talk[2].masked = true
    let texts = try Self.trained(template, talk)
    #expect(texts.count == 1 && texts[0].hasPrefix("日本<|im_end|>"))
    talk[4].masked = true
    #expect(try Self.trained(template, talk) == [])
  }
  @Test func usersAreTrainedOnWhereTheyAreNotMasked() throws {
    var talk = Self.talk
    talk[1].masked = false
    let texts = try Self.trained(Self.plain, talk)
    #expect(texts[0] == "<|im_start|>user\nHi<|im_end|>\n")
    #expect(texts.count == 3)
  }
  @Test func equalMessagesKeepTheirPlaces() throws {
    let talk = [
      Message(.user, "one", masked: true), Message(.assistant, "one"),
      Message(.user, "one", masked: true), Message(.assistant, "one"),
    ]
    #expect(try Self.trained(Self.plain, talk) == ["one<|im_end|>\n", "one<|im_end|>\n"])
    #expect(
      try Self.trained(Self.thinking, talk)
        == ["one<|im_end|>\n", "<think>\n\n</think>\n\none<|im_end|>\n"])
  }

  @Test func aTemplateThatHidesMessagesIsRefused() throws {
    for template in [
      "{{ messages | map(attribute='content') | reverse | join('|') }}", "nothing",
      "{{ messages[-1].content | upper }}",
    ] {
      let error = #expect(throws: TuneError.self) { try Self.trained(template) }
      #expect(error?.code == .unsupported)
      #expect(error?.remedy?.contains("{% generation %}") == true)
    }
  }

  @Test func anOpenConversationEndsWhereTheModelGoesOn() throws {
    let tokenizer = try Self.tokenizer(Self.plain)
    func text(_ last: String) throws -> String {
      let talk = [Message(.user, "Hi"), Message(.assistant, last)]
      let (tokens, mask) = try tokenizer.tokenize(talk, addEndTokens: false)
      #expect(!mask.contains(false))
      return tokenizer.decode(tokens)
    }
    let prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    #expect(try text("") == prompt)
    #expect(try text("The ") == prompt + "The ")
  }

  @Test func longConversationsAreCut() throws {
    let tokenizer = try Self.tokenizer(Self.plain, maxSeqLen: 20)
    let (tokens, mask) = try tokenizer.tokenize(Self.talk)
    #expect(tokens.count == 20 && mask.count == 20)
    #expect(tokens.last == tokenizer.eosID && mask.last == true)
  }
}
