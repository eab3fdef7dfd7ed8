// Broken and lying tokenizer files, and mutations of good ones: an error, never a crash.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct HostileFileTests {
  private func trained() throws -> TrainedTokenizer {
    let text = String(repeating: "the rain in spain stays mainly in the plain\n", count: 9)
    return try BytePairTrainer(vocabularySize: 270, specialTokenCount: 13).train(on: [text])
  }
  private func load(_ text: String, _ name: String) throws {
    let path = try Fixtures.write(text, name)
    defer {
      try? FileManager.default.removeItem(atPath: path.parentFolder)
    }
    let tokenizer = try Llama3Tokenizer(path: path)
    _ = tokenizer.decode(try tokenizer.encode("the rain \u{1F600} 123"))
  }

  @Test(arguments: [
    ("IQ==", "fields"), ("IQ== 0 1", "fields"), ("I?== 0", "base64"), ("IQ= 0", "base64"),
    ("==== 0", "base64"), ("IQ=A 0", "base64"), ("IQ== -1", "rank"), ("IQ== x", "rank"),
    ("IQ== 99999999999", "rank"), ("IQ== 300000000", "rank"), ("IQ== 1", "twice"),
    ("Ig== 900", "twice"), ("ISEhIQ== 900", "missing"),
    (String(repeating: "ISEh", count: 342) + " 5", "1026 bytes; at most 1024"),
  ])
  func aBrokenLineOfAModelIsNamed(_ line: String, _ complaint: String) throws {
    var lines = try trained().modelText.split(separator: "\n").map(String.init)
    lines.insert(line, at: 5)
    let error = try tuneError { try load(lines.joined(separator: "\n"), "tokenizer.model") }
    #expect(error.code == .malformedFile && error.message.contains(complaint))
    let isFoundLater = complaint == "twice"
    #expect(isFoundLater ? (error.location.line ?? 0) >= 6 : error.location.line == 6)
  }

  @Test func anIncompleteModelIsAnError() throws {
    #expect(try tuneError { try load("", "tokenizer.model") }.code == .malformedFile)
    let half = try trained().modelText.split(separator: "\n").prefix(200).joined(separator: "\n")
    #expect(try tuneError { try load(half, "tokenizer.model") }.message.contains("every byte"))
    let error = try tuneError { _ = try Llama3Tokenizer(path: "/nonexistent/tokenizer.model") }
    #expect(error.code == .missingFile)
  }

  /// Values for a key of tokenizer.json that make it unusable.
  static let wrongParts: [(key: String, values: [JSON])] = [
    ("model", [.null, [] as JSON]), ("model.type", ["Nonesuch", 3]),
    ("model.vocab", wrongVocabularies), ("model.merges", wrongMerges),
    ("model.byte_fallback", [3]), ("model.end_of_word_suffix", [3]),
    ("model.dropout", [0.1]), ("added_tokens", wrongAddedTokens),
    ("pre_tokenizer", wrongPreTokenizers), ("normalizer", [["type": "Nonesuch"], 3]),
  ]
  private static let wrongVocabularies: [JSON] = [
    [], ["a": "b"], ["a": -1], ["a": 1e9], ["a": 900_000_000], ["a": 1, "b": 1],
    ["\u{4F60}": 1], ["": 1], [:],
  ]
  private static let wrongMerges: [JSON] = [
    .null, [1], ["a"], ["a b c"], [["a"]], ["t \u{4F60}"], ["z q"],
  ]
  private static let wrongAddedTokens: [JSON] = [
    7, [["id": 1]], [], [["id": 5, "content": "<|begin_of_text|>"]],
  ]
  private static let wrongPreTokenizers: [JSON] = [
    3, ["type": "Nonesuch"], ["type": "Split", "pattern": ["Regex": "("]], ["type": "Sequence"],
  ]

  @Test(arguments: wrongParts)
  func aWrongPartOfATokenizerJSONIsRefused(_ key: String, _ values: [JSON]) throws {
    let whole = try #require(try trained().json.object)
    for value in values { try expectRefusal(of: whole, with: value, at: key) }
  }

  private func expectRefusal(of whole: JSONObject, with value: JSON, at key: String) throws {
    var root = whole
    let path = key.split(separator: ".").map(String.init)
    if path.count == 1 {
      root[key] = value
    } else {
      var model = try #require(root["model"]?.object)
      model[path[1]] = value
      root["model"] = .object(model)
    }
    let error = try tuneError { try load(JSON.object(root).text(), "tokenizer.json") }
    #expect(error.code == .malformedFile || error.code == .unsupported)
    #expect(error.location.file?.hasSuffix("tokenizer.json") == true)
    #expect(error.location.key != nil)
  }

  @Test func everyMutationLoadsOrIsAnError() throws {
    let trained = try trained()
    var random = MersenneTwister(seed: 11)
    var refused = 0
    for (text, name) in [(trained.modelText, "m.model"), (trained.json.text(), "t.json")] {
      for _ in 0..<300 {
        let mutated = mutate(Array(text.utf8), &random)
        do {
          try mutated.withUnsafeBytes { bytes in
            if name == "m.model" {
              let count = try TokenizerModel.parse(bytes, file: name).baseCount
              let ids = SpecialTokens.standard(after: count)
              _ = try SpecialTokens(ids, baseCount: count, file: name)
            } else {
              let pipeline = try TokenizerPipeline(try JSON.parse(bytes, file: name), file: name)
              _ = try SpecialTokens(pipeline.added.namedIDs, baseCount: 0, file: name)
              let ids = try pipeline.encode("the rain \u{1F600}<|eot_id|>e\u{301} 12")
              _ = pipeline.decode(ids + [-1, .max], skipsSpecialTokens: false)
            }
          }
        } catch let error as TuneError {
          #expect(error.location.file == name)
          refused += 1
        }
      }
    }
    #expect(refused > 300)
  }
}
