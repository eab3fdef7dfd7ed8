// Conversations of Llama 2's and Qwen's tokenizers, with every prompt template: tokens and masks are
// those of torchtune 0.6.1 (Fixtures/tokenizers/make_chats.py).
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Templates
@testable import Tokenizers

@Suite struct ConversationGoldenTests {
  let goldens: JSON
  init() throws {
    goldens = try JSON.load(path: fixturePath("TokenizersTests/Fixtures/tokenizers/chats.json"))
  }

  static func tokenizer(
    _ family: String, maxSeqLen: Int? = nil, template: PromptTemplate? = nil
  ) throws -> any Tokenizer {
    if family == "llama2" {
      return try Llama2Tokenizer(
        path: fixturePath("TokenizersTests/Fixtures/tokenizers/tokenizer.model"),
        maxSeqLen: maxSeqLen,
        promptTemplate: template)
    }
    return try QwenTokenizer(
      try #require(QwenFamily(rawValue: family)),
      path: fixturePath("TokenizersTests/Fixtures/tokenizers/vocab.json"),
      mergesPath: fixturePath("TokenizersTests/Fixtures/tokenizers/merges.txt"),
      maxSeqLen: maxSeqLen,
      promptTemplate: template)
  }

  private static let templates: [String: PromptTemplate] = [
    "torchtune.data.ChatMLTemplate": .chatML,
    "torchtune.data.GrammarErrorCorrectionTemplate": .grammarErrorCorrection,
    "torchtune.data.QuestionAnswerTemplate": .questionAnswer,
    "torchtune.data.SummarizeTemplate": .summarize,
    "torchtune.models.llama2.Llama2ChatTemplate": .llama2Chat,
  ]

  private func template(_ json: JSON) throws -> PromptTemplate? {
    if let component = json.string {
      let template: PromptTemplate = try #require(Self.templates[component])
      return template
    }
    guard let roles = json.object else { return nil }
    return try PromptTemplate(
      tags: Dictionary(
        uniqueKeysWithValues: roles.map { ($0.key, ($0.value.array ?? []).compactMap(\.string)) }))
  }

  private func messages(_ json: JSON) throws -> [Message] {
    try #require(json.array).map { row in
      let row = try #require(row.array)
      let role = try #require(Message.Role(rawValue: row[0].string ?? ""))
      let parts = try row[1].array?.compactMap(\.string) ?? [#require(row[1].string)]
      return Message(
        role, parts: parts, masked: role != .assistant, ipython: row[2] == true)
    }
  }

  @Test(arguments: ["llama2", "qwen2", "qwen2_5"])
  func conversationsAreTorchtunes(_ family: String) throws {
    let conversations = try #require(goldens["conversations"]?.array).map { try messages($0) }
    let cases = try #require(goldens["cases"]?.array).filter { $0["family"]?.string == family }
    #expect(cases.count >= 90)
    for row in cases {
      let tokenizer = try Self.tokenizer(
        family, maxSeqLen: row["max_seq_len"]?.integer,
        template: try template(row["template"] ?? .null))
      let (tokens, mask) = try tokenizer.tokenize(
        conversations[try #require(row["conversation"]?.integer)],
        addEndTokens: row["ends"] == true)
      #expect(tokens == row["tokens"]?.ids, "\(row.text())")
      #expect(mask.map { $0 ? "1" : "0" }.joined() == row["mask"]?.string, "\(row.text())")
    }
  }

  @Test(arguments: ["llama2", "qwen2_5"])
  func textsAreTorchtunes(_ family: String) throws {
    let tokenizer = try Self.tokenizer(family)
    for row in try #require(goldens["texts"]?.array) {
      let text = try #require(row["text"]?.string)
      let ids = try tokenizer.encode(text, addBOS: true, addEOS: true)
      #expect(ids == row[family]?.ids, "\(text)")
      let decoded = try #require(row[family + "_decoded"]?.string)
      #expect(Array(tokenizer.decode(ids).utf8) == Array(decoded.utf8))
    }
  }

  /// Qwen 3 has no release of torchtune: its format is Qwen 2.5's, its thoughts are tokens.
  @Test func qwen3SpeaksLikeQwen25() throws {
    let (old, new) = (try Self.tokenizer("qwen2_5"), try Self.tokenizer("qwen3"))
    let messages = [
      Message(.user, "call", masked: true), Message(.assistant, "f(42)", ipython: true),
      Message(.ipython, "7", masked: true), Message(.assistant, "It is 7"),
    ]
    let (tokens, mask) = try new.tokenize(messages)
    #expect(tokens.contains(151_665) && tokens.contains(151_666))
    #expect(new.decode(tokens) == old.decode(try old.tokenize(messages).tokens))
    #expect(mask.count == tokens.count && new.vocabularySize == 151_669)
    #expect(try new.encode("<think></think>") == [151_667, 151_668])
    #expect(try old.encode("<think>").count > 1)
    #expect(new.decode([151_667, 64], truncateAtEOS: false, skipSpecialTokens: true) == "a")
    #expect(new.decode([64, new.eosID, 64], truncateAtEOS: true, skipSpecialTokens: false) == "a")
  }

  @Test func aTextThatGoesOnKeepsItsSpace() throws {
    let llama = try Self.tokenizer("llama2")
    let ids = try llama.encode("the rain in")
    #expect(llama.decode(ids) == "the rain in")
    #expect(llama.decode(continuing: ids) == " the rain in")
    let pieces = ids.enumerated().map {
      $0 == 0 ? llama.decode([$1]) : llama.decode(continuing: [$1])
    }
    #expect(pieces.joined() == "the rain in")
    let qwen = try Self.tokenizer("qwen2")
    #expect(qwen.decode(continuing: try qwen.encode(" the")) == " the")
    #expect(llama.specialTokens == ["<unk>": 0, "<s>": 1, "</s>": 2] && llama.stopTokens == [2])
    #expect(llama.padID == 0 && llama.vocabularySize == llama.baseVocabularySize)
    #expect(qwen.stopTokens == [151_645, 151_643] && qwen.bosID == 151_643)
  }

  @Test func manyThreadsGetTheSameIDs() async throws {
    let text = String(repeating: "the rain in spain 42 \u{1F600}caf\u{E9}\n", count: 60)
    for family in ["llama2", "qwen2_5"] {
      let tokenizer = try Self.tokenizer(family)
      let expected = try tokenizer.encode(text)
      try await withThrowingTaskGroup(of: [Int32].self) { group in
        for _ in 0..<16 { group.addTask { try tokenizer.encode(text) } }
        for try await ids in group { #expect(ids == expected) }
      }
    }
  }

  @Test func templatesThatCannotBeAreNamed() throws {
    func error(_ body: () throws -> Void) throws -> TuneError {
      let error = try tuneError(body)
      #expect(error.code == .configuration && error.location.key == "promptTemplate")
      return error
    }
    #expect(
      try error { _ = try PromptTemplate(tags: ["human": ["", ""]]) }.message.contains("human"))
    #expect(
      try error { _ = try PromptTemplate(tags: ["user": [""]]) }.message.contains("1 texts"))
    _ = try error { _ = try Self.tokenizer("qwen2", template: .chatML) }
    let tool = [Message(.user, "a"), Message(.tool, "b")]
    #expect(try tuneError { _ = try PromptTemplate.chatML.apply(to: tool) }.code == .data)
    let open = try PromptTemplate.chatML.apply(to: [Message(.user, "a"), Message(.assistant, "")])
    #expect(open[1].content == "<|im_start|>assistant\n")
  }

  @Test func llama3TakesATemplateToo() throws {
    let path = Fixtures.Name.tinyJSON.path
    let plain = try Llama3Tokenizer(path: path)
    let templated = try Llama3Tokenizer(path: path, promptTemplate: .questionAnswer)
    let asked = Message(.user, parts: ["Question: ", "why?", "\n\nAnswer: "])
    #expect(
      try templated.tokenize([Message(.user, "why?")]).tokens == plain.tokenize([asked]).tokens)
  }
}
