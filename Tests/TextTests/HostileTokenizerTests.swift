// Broken and lying SentencePiece and Qwen files, and mutations of good ones: an error that names
// the file, or a tokenizer that works; never a crash.
import Essentials
import Foundation
import Testing

@testable import Tokenizers

@Suite struct HostileTokenizerTests {
  private func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: try Fixtures.path("tokenizers/" + name))))
  }

  /// A model as SentencePiece writes it: pieces with their kinds, and the two specifications.
  private func model(
    _ pieces: [(String, Int)], trainer: [UInt8] = [], normalizer: [UInt8] = [], score: Float = -1
  ) -> [UInt8] {
    var message: [UInt8] = []
    for (text, kind) in pieces {
      var piece = field(1, Array(text.utf8))
      piece += [0x15] + withUnsafeBytes(of: score.bitPattern.littleEndian) { Array($0) }
      message += field(1, piece + [0x18, UInt8(kind)])
    }
    return message + field(2, trainer) + field(3, normalizer)
  }
  private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    var (count, length): (Int, [UInt8]) = (bytes.count, [])
    while count > 0x7F {
      length.append(UInt8(count & 0x7F | 0x80))
      count >>= 7
    }
    return [number << 3 | 2] + length + [UInt8(count)] + bytes
  }
  private static let basics = [("<unk>", 2), ("<s>", 3), ("</s>", 3)]

  private func load(_ bytes: [UInt8]) throws -> SentencePieceEncoder {
    try bytes.withUnsafeBytes { SentencePieceEncoder(try SentencePieceModel($0, file: "m.model")) }
  }
  private func refusal(_ bytes: [UInt8]) throws -> TuneError {
    let error = try tuneError { _ = try load(bytes) }
    #expect(error.location.file == "m.model")
    return error
  }

  @Test func whatIsWrongWithAModelIsNamed() throws {
    let good = model(Self.basics + [("a", 1)])
    var ids: [Int32] = []
    Array("ab".utf8).withUnsafeBufferPointer { text in
      do { try load(good).encode(text, into: &ids) } catch { Issue.record(error) }
    }
    #expect(ids == [0, 3, 0])
    let cases: [([UInt8], String)] = [
      ([], "no unknown piece"), (Array("not protobuf".utf8), "not a SentencePiece model"),
      (Array(good.dropLast(7)), "longer than the file"), (model([("<s>", 3)]), "no unknown piece"),
      (model(Self.basics + [("<unk2>", 2)]), "second unknown"),
      (model(Self.basics + [("a", 1), ("a", 4)]), "twice"), (model([("", 1)]), "no text"),
      (model([("a", 9)]), "unknown kind"), (model(Self.basics, score: .nan), "finite"),
      (model(Self.basics + [("<0x41>", 6)]), "byte_fallback is off"),
      (model(Self.basics + [("<0x41>", 6)], trainer: [0x98, 2, 1]), "every byte"),
      (model(Self.basics + [("<0x4g>", 6)], trainer: [0x98, 2, 1]), "not written as a byte"),
      (model([(String(repeating: "a", count: 2000), 1)]), "longer than"),
      (field(1, field(1, [0xFF, 0x61])), "not valid UTF-8"),
      (model(Self.basics, normalizer: field(2, [1, 2])), "cut off"),
      (
        model(Self.basics, normalizer: field(2, [0xFC, 0xFF, 0xFF, 0xFF, 0])), "lies about its size"
      ),
      ([0x0B], "unknown kind"), ([0x80], "inside a number"), ([0x00], "no number"),
      ([UInt8](repeating: 0xFF, count: 11), "64 bits"), ([0x0D, 1], "cut off"),
    ]
    for (bytes, complaint) in cases {
      let error = try refusal(bytes)
      #expect(error.code == .malformedFile && error.message.contains(complaint), "\(error)")
    }
    for (trainer, pieces) in [([UInt8]([0x18, 9]), [("a", 1)]), ([0x18, 2], [("a", 5)])] {
      #expect(try refusal(model(Self.basics + pieces, trainer: trainer)).code == .unsupported)
    }
    let folder = try Fixtures.folder()
    let path = folder.appendingPathComponent("m.model").path
    try Data(model([("<unk>", 2), ("a", 1)])).write(to: URL(fileURLWithPath: path))
    #expect(try tuneError { _ = try Llama2Tokenizer(path: path) }.code == .unsupported)
    #expect(
      try tuneError { _ = try Llama2Tokenizer(path: path, maxSeqLen: 0) }.code == .configuration)
    #expect(try tuneError { _ = try Llama2Tokenizer(path: "/nonexistent") }.code == .missingFile)
  }

  /// A trie whose steps lead out of it, and replacements that begin outside of the texts.
  @Test func aLyingTableOfReplacementsLeadsNowhere() throws {
    var random = MersenneTwister(seed: 3)
    let text = Array("abc \u{FF46}\u{2460}".utf8)
    for _ in 0..<500 {
      let units = (0..<64).flatMap { _ -> [UInt8] in
        var unit = random.next32()
        // Often a label that is in the text, and a leaf.
        if unit % 3 > 0 { unit = unit & 0x7FFF_FF00 | UInt32(text[Int(unit) % text.count]) | 0x100 }
        return withUnsafeBytes(of: unit.littleEndian) { Array($0) }
      }
      let table = [0, 1, 0, 0] + units + Array("x\u{0}yz\u{0}".utf8)
      let encoder = try load(model(Self.basics, normalizer: field(2, table)))
      var ids: [Int32] = []
      text.withUnsafeBufferPointer { encoder.encode($0, into: &ids) }
      #expect(ids.allSatisfy { (0..<3).contains($0) })
    }
  }

  @Test func everyMutationOfAModelLoadsOrIsAnError() throws {
    let good = try bytes("tokenizer.model")
    let text = Array("the rain \u{1F600} 123 \u{2581}\u{FB01}".utf8) + [0xFF, 0xC3]
    var random = MersenneTwister(seed: 31)
    var (refused, worked) = (0, 0)
    for round in 0..<2_000 {
      // The specifications lie at the end, where one change in two hits them.
      let cut = round % 2 == 0 ? 0 : good.count - 150
      let mutated = Array(good[..<cut]) + mutate(Array(good[cut...]), &random)
      do {
        var model = try mutated.withUnsafeBytes { try SentencePieceModel($0, file: "m.model") }
        let algorithms: [SentencePieceModel.Algorithm] = [.bytePair, .unigram, .word, .character]
        model.algorithm = algorithms[round / 2 % 4]
        let encoder = SentencePieceEncoder(model)
        var ids: [Int32] = []
        text.withUnsafeBufferPointer { encoder.encode($0, into: &ids) }
        _ = encoder.decode(ids + [-1, 0, .max], isContinuation: false)
        worked += 1
      } catch let error as TuneError {
        #expect(error.location.file == "m.model")
        refused += 1
      }
    }
    #expect(refused > 200 && worked > 200)
  }

  @Test func everyMutationOfQwensFilesLoadsOrIsAnError() throws {
    let names = ["vocab.json", "merges.txt", "tokenizer.json"]
    let folder = try Fixtures.folder()
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    var good: [String: [UInt8]] = [:]
    for name in names.prefix(2) { good[name] = try bytes(name) }
    good["tokenizer.json"] = Array(try tokenizerJSON().text().utf8)
    for (name, bytes) in good { try Data(bytes).write(to: URL(fileURLWithPath: path(name))) }
    var random = MersenneTwister(seed: 32)
    var (refused, worked) = (0, 0)
    for round in 0..<900 {
      let name = names[round % 3]
      let bytes = try #require(good[name])
      try Data(mutate(bytes, &random)).write(to: URL(fileURLWithPath: path(name)))
      do {
        let tokenizer =
          name == "tokenizer.json"
          ? try QwenTokenizer(.qwen25, path: path(name))
          : try QwenTokenizer(
            .qwen25, path: path("vocab.json"), mergesPath: path("merges.txt"))
        let ids = try tokenizer.encode("the rain \u{1F600}<|im_end|>e\u{301} 12")
        _ = tokenizer.decode(ids + [-1, .max])
        worked += 1
      } catch is TuneError {
        refused += 1
      }
      try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    }
    #expect(refused > 200 && worked > 50)
  }

  /// The fixture's vocabulary in one file, with Qwen's special tokens behind it.
  private func tokenizerJSON() throws -> JSON {
    let merges = String(decoding: try bytes("merges.txt"), as: UTF8.self).split(separator: "\n")
    let names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
    let added = names.enumerated().map { index, name -> JSON in
      [
        "id": .integer(5000 + index), "content": .string(name), "special": true,
        "normalized": false, "lstrip": false, "rstrip": false, "single_word": false,
      ]
    }
    let split: JSON = [
      "type": "Split", "pattern": ["Regex": .string(PieceSplitter.qwenPattern)],
      "behavior": "Isolated", "invert": false,
    ]
    return [
      "added_tokens": .array(added), "normalizer": ["type": "NFC"],
      "pre_tokenizer": [
        "type": "Sequence",
        "pretokenizers": [
          split, ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
        ],
      ],
      "decoder": ["type": "ByteLevel"],
      "model": [
        "type": "BPE", "vocab": try Fixtures.json("tokenizers/vocab.json"),
        "merges": .array(merges.dropFirst().map { .string(String($0)) }),
      ],
    ]
  }

  @Test func whatIsWrongWithQwensFilesIsNamed() throws {
    let whole = try #require(try tokenizerJSON().object)
    func write(_ text: String, _ name: String) throws -> String { try Fixtures.write(text, name) }
    func added(_ change: (inout JSONObject) -> Void) throws -> String {
      var root = whole
      var tokens = root["added_tokens"]?.array ?? []
      var last = try #require(tokens.last?.object)
      change(&last)
      tokens[tokens.count - 1] = .object(last)
      root["added_tokens"] = .array(tokens)
      return try write(JSON.object(root).text(), "tokenizer.json")
    }
    func refusal(_ path: String, merges: String? = nil) throws -> TuneError {
      try tuneError { _ = try QwenTokenizer(.qwen3, path: path, mergesPath: merges) }
    }
    let good = try added { _ in }
    _ = try QwenTokenizer(.qwen3, path: good)
    let missing = try refusal(try added { $0["content"] = "<x>" })
    #expect(missing.code == .malformedFile && missing.message.contains("</tool_call>"))
    // The tokenizers library numbers added tokens itself, whatever the file says.
    let ids = try QwenTokenizer(.qwen3, path: good).specialTokens
    for id in [5_000, 5] {
      let other = try added { $0["id"] = .integer(id) }
      #expect(try QwenTokenizer(.qwen3, path: other).specialTokens == ids)
    }
    let vocabulary = try Fixtures.path("tokenizers/vocab.json")
    let merges = try Fixtures.path("tokenizers/merges.txt")
    #expect(try refusal(good, merges: merges).code == .configuration)
    #expect(try refusal(vocabulary).code == .malformedFile)
    #expect(try refusal(try write("[]", "vocab.json"), merges: merges).code == .malformedFile)
    #expect(
      try refusal(try write("{\"a\": 0}", "vocab.json"), merges: merges).code == .malformedFile)
    #expect(try refusal(vocabulary, merges: "/nonexistent").code == .missingFile)
    let broken = try refusal(
      vocabulary, merges: try write("#version: 1\n\nq z x\n", "merges.txt"))
    #expect(broken.code == .malformedFile && broken.location.line == 3)
  }
}
