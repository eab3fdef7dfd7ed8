// Ids, decoded text and conversations equal what torchtune and tiktoken make, id for id.
import Essentials
import TestSupport
import Testing
import Tokenizers

@testable import Templates

@Suite struct TokenizerGoldenTests {
  let goldens: JSON
  init() throws {
    goldens = try JSON.load(path: fixturePath("TokenizersTests/Fixtures/goldens.json"))
  }

  @Test(arguments: Fixtures.Name.allCases)
  func everyStringHasTheReferencesIDs(_ name: Fixtures.Name) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    let rows = try #require(goldens["strings"]?.array)
    #expect(rows.count == 200)
    for row in rows {
      let text = try #require(row["text"]?.string)
      let expected = try #require(row[name.golden]).ids
      #expect(try tokenizer.encode(text) == expected, "\(text.debugDescription)")
      let decoded = try #require(row[name.golden + "_decoded"]?.string)
      // Scalars, because Swift takes canonically equivalent strings for equal.
      #expect(Array(tokenizer.decode(expected).unicodeScalars) == Array(decoded.unicodeScalars))
      let closed = try tokenizer.encode(text, addBOS: true, addEOS: true)
      #expect(
        closed == (text.isEmpty ? [] : [tokenizer.bosID] + expected + [tokenizer.eosID]))
      if name.golden == "tiny" { #expect(closed == row["tiny_bos_eos"]?.ids) }
    }
  }

  @Test(arguments: Fixtures.Name.allCases)
  func sizesAndSpecialTokensAreTheReferences(_ name: Fixtures.Name) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    let golden = try #require(goldens["tokenizers"]?[name.golden])
    #expect(tokenizer.vocabularySize == golden["vocab_size"]?.integer)
    #expect(tokenizer.baseVocabularySize == golden["base_vocab_size"]?.integer)
    #expect(Int(tokenizer.padID) == golden["pad_id"]?.integer)
    #expect(Int(tokenizer.bosID) == golden["bos_id"]?.integer)
    #expect(Int(tokenizer.eosID) == golden["eos_id"]?.integer)
    #expect(tokenizer.stopTokens == golden["stop_tokens"]?.ids)
    let special = try #require(golden["special"]?.object)
    #expect(tokenizer.specialTokens.count == special.count)
    for (token, id) in special {
      #expect(tokenizer.specialTokens[token].map { Int($0) } == id.integer)
    }
  }

  @Test(arguments: Fixtures.Name.allCases)
  func conversationsHaveTheReferencesTokensAndMask(_ name: Fixtures.Name) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    let rows = try #require(goldens["chat"]?.array).filter {
      $0["tokenizer"]?.string == name.golden
    }
    #expect(rows.count == 3)
    for row in rows {
      let (tokens, mask) = try tokenizer.tokenize(
        try messages(row), addEndTokens: row["add_end_tokens"]?.bool ?? true)
      #expect(tokens == row["tokens"]?.ids)
      #expect(mask == row["mask"]?.array?.compactMap(\.bool))
    }
  }

  private func messages(_ row: JSON) throws -> [Message] {
    if row["kind"]?.string == "ipython" {
      return [
        Message(.user, "call it", masked: true),
        Message(.assistant, "f(x)", ipython: true, eot: false),
        Message(.ipython, "7", masked: true), Message(.assistant, "It is 7"),
      ]
    }
    return try #require(row["messages"]?.array).map {
      let role = try #require(Message.Role(rawValue: $0["role"]?.string ?? ""))
      return Message(role, $0["content"]?.string ?? "", masked: role != .assistant)
    }
  }

  @Test func decodingCanLeaveOutWhatIsNotText() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let (tokens, _) = try tokenizer.tokenize([
      Message(.user, "Hello"), Message(.assistant, "World"),
    ])
    #expect(
      tokenizer.decode(tokens, truncateAtEOS: false, skipSpecialTokens: true) == "HelloWorld")
    #expect(
      tokenizer.decode(tokens)
        == "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\nWorld<|eot_id|><|end_of_text|>")
    #expect(
      tokenizer.decode([tokenizer.eosID, 64], truncateAtEOS: true, skipSpecialTokens: false) == "")
    #expect(tokenizer.decode([1_000_000, -5]) == "\u{FFFD}\u{FFFD}")
  }
}
