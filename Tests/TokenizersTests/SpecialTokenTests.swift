// Where the special tokens of Llama 3 come from, and what is refused.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct SpecialTokenTests {
  /// torchtune's table for Meta's tokenizer.model of 128,000 ranks.
  @Test func llama3HasItsCanonicalIDs() throws {
    let ids = SpecialTokens.standard(after: 128_000)
    let special = try SpecialTokens(ids, baseCount: 128_000, file: "f")
    #expect(ids.count == 256)
    #expect(special.beginOfText == 128_000 && special.endOfText == 128_001)
    #expect(special.pad == 128_004 && special.startHeader == 128_006)
    #expect(special.endHeader == 128_007 && special.endOfMessage == 128_008)
    #expect(special.endOfTurn == 128_009 && special.pythonTag == 128_010)
    #expect(ids["<|image|>"] == 128_256 && ids["<|video|>"] == 128_012)
    #expect(ids["<|reserved_special_token_0|>"] == 128_002)
    #expect(ids["<|reserved_special_token_2|>"] == 128_013)
    #expect(ids["<|reserved_special_token_244|>"] == 128_255)
  }

  @Test func smallerVocabulariesFollowTheSameOrder() {
    let ids = SpecialTokens.standard(after: 500)
    #expect(ids.count == 256 && ids["<|begin_of_text|>"] == 500 && ids["<|image|>"] == 511)
    #expect(ids.values.max() == 755)
  }

  /// The first Llama 3 has no tokens for padding, messages and tools.
  @Test func missingTokensHaveStandIns() throws {
    let ids: [String: Int32] = [
      "<|begin_of_text|>": 10, "<|end_of_text|>": 11, "<|start_header_id|>": 12,
      "<|end_header_id|>": 13, "<|eot_id|>": 14,
    ]
    let special = try SpecialTokens(ids, baseCount: 10, file: "f")
    #expect(special.pad == 11 && special.endOfMessage == 14 && special.pythonTag == nil)
    for name in ids.keys {
      var fewer = ids
      fewer[name] = nil
      let error = try tuneError { _ = try SpecialTokens(fewer, baseCount: 10, file: "f") }
      #expect(error.code == .malformedFile && error.message.contains(name))
    }
  }

  @Test func idsMustBelongToOneTokenOnly() throws {
    let ids = SpecialTokens.standard(after: 100)
    #expect(
      try tuneError { _ = try SpecialTokens(ids, baseCount: 101, file: "f") }.code == .malformedFile
    )
    let twice = ids.merging(["<|other|>": 105]) { $1 }
    #expect(
      try tuneError { _ = try SpecialTokens(twice, baseCount: 100, file: "f") }.code
        == .malformedFile)
  }

  @Test func aTokenizerJSONCanNameThem() throws {
    let json = fixturePath("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.json")
    let model = fixturePath("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.model")
    let named = try Llama3Tokenizer(path: model, specialTokensPath: json)
    #expect(named.specialTokens.count == 32 && named.bosID == 1_024)
    // The folder above counts too: that is where Meta's `original/` lies.
    let folder = try Fixtures.folder()
    let original = folder.appendingPathComponent("original")
    try FileManager.default.createDirectory(at: original, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: model, toPath: original.path + "/tokenizer.model")
    let derived = try Llama3Tokenizer(path: original.path + "/tokenizer.model")
    #expect(derived.specialTokens.count == 256)
    try FileManager.default.copyItem(atPath: json, toPath: folder.path + "/tokenizer.json")
    let above = try Llama3Tokenizer(path: original.path + "/tokenizer.model")
    #expect(above.specialTokens == named.specialTokens)
    let small = fixturePath("TokenizersTests/Fixtures/tokenizer_small/tokenizer.model")
    let mismatch = try tuneError { _ = try Llama3Tokenizer(path: small, specialTokensPath: json) }
    #expect(mismatch.code == .malformedFile)
    #expect(
      try tuneError { _ = try Llama3Tokenizer(path: model, maxSeqLen: 0) }.code == .configuration)
  }

  @Test func manyThreadsGetTheSameIDs() async throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let text = String(repeating: "Many threads encode this at once: 12345, \u{1F600}!\n", count: 50)
    let expected = try tokenizer.encode(text)
    try await withThrowingTaskGroup(of: [Int32].self) { group in
      for _ in 0..<16 { group.addTask { try tokenizer.encode(text) } }
      for try await ids in group { #expect(ids == expected) }
    }
  }
}
