// Ids and decoded text equal those of the real libraries, sentencepiece and tokenizers, on 2,000
// hard strings, with models of every kind that are trained here and now.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct TokenizerInteropTests {
  private static let strings = HardStrings.make(2_000, seed: 20)
  private static let bytes = HardStrings.bytes(300, seed: 21)
  /// The folder with what the libraries wrote.
  private static let outcome = Result { () throws -> String in
    let folder = try Fixtures.folder()
    try rows(strings.map { Array($0.utf8) }).write(to: folder.appendingPathComponent("strings"))
    try rows(bytes).write(to: folder.appendingPathComponent("bytes"))
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
    let ids = try Self.ids("\(folder)/\(name).ids")
    let texts = try Self.read("\(folder)/\(name).text")
    try #require(ids.count == Self.strings.count && texts.count == ids.count)
    for (string, (ids, text)) in zip(Self.strings, zip(ids, texts)) {
      #expect(tokenizer.encode(string, addBOS: false, addEOS: false) == ids, "\(string.escaped)")
      let decoded = tokenizer.decode(ids)
      #expect(Array(decoded.utf8) == text, "\(string.escaped) gives \(decoded.escaped)")
    }
    for (bytes, ids) in zip(Self.bytes, try Self.ids("\(folder)/\(name).byteids")) {
      #expect(tokenizer.encode(utf8: bytes) == ids, "\(bytes)")
    }
  }

  @Test func qwensTokenizerJSONHasTheLibrarysIDs() throws {
    let folder = try Self.outcome.get()
    let tokenizer = try QwenTokenizer(.qwen25, path: folder + "/tokenizer.json")
    let texts = zip(
      try Self.read(folder + "/qwen.text"), try Self.read(folder + "/qwen.bare"))
    let ids = try Self.ids(folder + "/qwen.ids")
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
    let ids = try Self.ids(folder + "/qwen_files.ids")
    try #require(ids.count == Self.strings.count)
    for (string, ids) in zip(Self.strings, ids) {
      #expect(try tokenizer.encode(string) == ids, "\(string.escaped)")
    }
  }

  /// A length before each row.
  private static func rows(_ rows: [[UInt8]]) -> Data {
    var data = Data()
    for row in rows {
      withUnsafeBytes(of: Int32(row.count).littleEndian) { data.append(contentsOf: $0) }
      data.append(contentsOf: row)
    }
    return data
  }
  private static func read(_ path: String) throws -> [[UInt8]] {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    var (rows, position): ([[UInt8]], Int) = ([], 0)
    while position < bytes.count {
      let count = Int(bytes[position..<position + 4].int32)
      rows.append(Array(bytes[position + 4..<position + 4 + count]))
      position += 4 + count
    }
    return rows
  }
  private static func ids(_ path: String) throws -> [[Int32]] {
    try read(path).map { row in
      stride(from: 0, to: row.count, by: 4).map { row[$0..<$0 + 4].int32 }
    }
  }
}

extension ArraySlice<UInt8> {
  fileprivate var int32: Int32 {
    Int32(bitPattern: reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
  }
}

extension String {
  /// Every character that is not plain ASCII by its number.
  fileprivate var escaped: String {
    String(unicodeScalars.flatMap { Array($0.escaped(asASCII: true)) })
  }
}
