// Ids and decoded text equal those of the real libraries, sentencepiece and tokenizers, on 2,000
// hard strings, with models of every kind that are trained here and now.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
struct TokenizerInteropTests {
  private static let strings = HardStrings.make(2_000, seed: 20)
  private static let bytes = HardStrings.bytes(300, seed: 21)
  /// The folder with what the libraries wrote.
  private static let outcome = Result { () throws -> String in
    let folder = try Fixtures.folder()
    try InteropRows.write(
      strings.map { Array($0.utf8) }, to: folder.appendingPathComponent("strings").path)
    try InteropRows.write(bytes, to: folder.appendingPathComponent("bytes").path)
    try Program.python([fixturePath("TokenizersTests/Fixtures/tokenizers/encode.py"), folder.path])
    return folder.path
  }

  @Test(arguments: [
    "llama2", "bpe_nmt", "bpe_suffix", "bpe_across", "unigram", "unigram_nmt", "unigram_casefold",
    "word", "char",
  ])
  func sentencePieceHasTheLibrarysIDs(_ name: String) throws {
    let folder = try Self.outcome.get()
    let tokenizer = try Llama2Tokenizer(path: "\(folder)/\(name).model")
    let ids = try InteropRows.ids("\(folder)/\(name).ids")
    let texts = try InteropRows.read("\(folder)/\(name).text")
    try #require(ids.count == Self.strings.count && texts.count == ids.count)
    for (string, (ids, text)) in zip(Self.strings, zip(ids, texts)) {
      #expect(tokenizer.encode(string, addBOS: false, addEOS: false) == ids, "\(string.escaped)")
      let decoded = tokenizer.decode(ids)
      #expect(Array(decoded.utf8) == text, "\(string.escaped) gives \(decoded.escaped)")
    }
    for (bytes, ids) in zip(Self.bytes, try InteropRows.ids("\(folder)/\(name).byteids")) {
      #expect(tokenizer.encode(utf8: bytes) == ids, "\(bytes)")
    }
  }

  @Test func qwensTokenizerJSONHasTheLibrarysIDs() throws {
    let folder = try Self.outcome.get()
    let tokenizer = try QwenTokenizer(.qwen25, path: folder + "/tokenizer.json")
    let texts = zip(
      try InteropRows.read(folder + "/qwen.text"), try InteropRows.read(folder + "/qwen.bare"))
    let ids = try InteropRows.ids(folder + "/qwen.ids")
    try #require(ids.count == Self.strings.count)
    for (string, (ids, (text, bare))) in zip(Self.strings, zip(ids, texts)) {
      #expect(try tokenizer.encode(string) == ids, "\(string.escaped)")
      #expect(Array(tokenizer.decode(ids).utf8) == text, "\(string.escaped)")
      let shown = tokenizer.decode(ids, truncateAtEOS: false, skipSpecialTokens: true)
      #expect(Array(shown.utf8) == bare, "\(string.escaped)")
    }
  }

  @Test func qwensVocabularyAndMergesHaveTheLibrarysIDs() throws {
    let folder = try Self.outcome.get()
    let tokenizer = try QwenTokenizer(
      .qwen3, path: folder + "/vocab.json", mergesPath: folder + "/merges.txt",
      specialTokensPath: folder + "/tokenizer.json")
    let ids = try InteropRows.ids(folder + "/qwen_files.ids")
    try #require(ids.count == Self.strings.count)
    for (string, ids) in zip(Self.strings, ids) {
      #expect(try tokenizer.encode(string) == ids, "\(string.escaped)")
    }
  }
}
