// A learned vocabulary: both of its files give equal ids, and it is the same every time.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct TrainerTests {
  private let text = String(
    repeating: """
      The cat sat on the mat; the bat didn't. Caf\u{E9} 1234!
        Every good boy deserves fudge, and whoever reads this far has found another sentence.
      func encode(_ text: String) -> [Int32] { text.isEmpty ? [] : merge(pieces(of: text)) }\n
      """, count: 20)

  @Test func bothFormatsGiveEqualIDs() throws {
    let trained = try BytePairTrainer(vocabularySize: 300, specialTokenCount: 16).train(on: [text])
    #expect(trained.tokens.count == 300 && trained.vocabularySize == 316)
    #expect(Set(trained.tokens).count == 300)
    let folder = try Fixtures.folder().path
    try trained.write(toFolder: folder)
    let model = try Llama3Tokenizer(path: folder + "/tokenizer.model")
    let json = try Llama3Tokenizer(path: folder + "/tokenizer.json")
    #expect(model.vocabularySize == 316 && json.vocabularySize == 316)
    #expect(model.specialTokens == json.specialTokens && model.bosID == 300)
    let ids = try model.encode(text)
    #expect(try json.encode(text) == ids)
    #expect(model.decode(ids) == text)
    // Frequent words became tokens.
    #expect(try model.encode(" the").count == 1)
    let config = try JSON.load(path: folder + "/tokenizer_config.json")
    #expect(config["bos_token"] == "<|begin_of_text|>")
  }

  /// Worked by hand: "ab" occurs 5 times, then "abc" 3 times, then "bd" twice.
  @Test func theMostFrequentPairMergesFirst() throws {
    let trained = try BytePairTrainer(vocabularySize: 259, specialTokenCount: 13)
      .train(on: ["abc\nabc\nabc\nab\nab\nbd\nbd"])
    let learned = trained.tokens.dropFirst(256).map { String(decoding: $0, as: UTF8.self) }
    #expect(learned == ["ab", "abc", "bd"])
  }

  @Test func trainingIsRepeatable() throws {
    let trainer = try BytePairTrainer(vocabularySize: 290)
    #expect(try trainer.train(on: [text]).tokens == trainer.train(on: [text]).tokens)
  }

  @Test func impossibleSizesAreErrors() throws {
    #expect(try tuneError { _ = try BytePairTrainer(vocabularySize: 255) }.code == .configuration)
    #expect(
      try tuneError { _ = try BytePairTrainer(vocabularySize: 256, specialTokenCount: 12) }.code
        == .configuration)
    let trainer = try BytePairTrainer(vocabularySize: 400)
    #expect(try tuneError { _ = try trainer.train(on: ["abc abc"]) }.code == .data)
  }
}
