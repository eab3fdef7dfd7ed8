// tokenizer.json files of the real library, recorded with its ids; which tokens a model folder's files
// name; and broken and lying files.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct HuggingFaceTests {
  private func cases() throws -> (strings: [String], cases: [JSON]) {
    let root = try JSON.load(
      path: fixturePath("TokenizersTests/Fixtures/tokenizers/hugging_face.json"))
    return (root["strings"]?.array?.compactMap(\.string) ?? [], root["cases"]?.array ?? [])
  }
  private func tokenizer(_ name: String) throws -> JSONObject {
    let found = try cases().cases.first { $0["name"]?.string == name }
    return try #require(found?["tokenizer"]?.object)
  }

  @Test func idsAndTextsAreTheLibrarys() throws {
    let (strings, cases) = try cases()
    try #require(strings.count == 9 && cases.count == 7)
    for entry in cases {
      let name = entry["name"]?.string ?? ""
      let pipeline = try TokenizerPipeline(entry["tokenizer"] ?? .null, file: name)
      for (position, string) in strings.enumerated() {
        func row(_ key: String) -> JSON { entry[key]?.array?[position] ?? .null }
        func ids(_ key: String) -> [Int32] {
          row(key).array?.compactMap(\.integer).map { Int32($0) } ?? []
        }
        let found = try pipeline.encode(string)
        #expect(found == ids("plain"), "\(name): \(string)")
        #expect(pipeline.postProcessor.apply(to: found) == ids("ids"), "\(name): \(string)")
        for (key, skips) in [("text", false), ("bare", true)] {
          let decoded = pipeline.decode(ids("ids"), skipsSpecialTokens: skips)
          #expect(Array(decoded.utf8) == Array((row(key).string ?? "").utf8), "\(name): \(string)")
        }
      }
    }
  }

  /// Writes a folder with the tokenizer of that name and other files.
  private func folder(_ name: String, _ files: [String: JSON]) throws -> String {
    let folder = try Fixtures.folder()
    for (file, json) in files.merging(
      ["tokenizer.json": .object(try tokenizer(name))], uniquingKeysWith: { $1 })
    {
      try Data(json.text().utf8).write(to: folder.appendingPathComponent(file))
    }
    return folder.path
  }

  @Test func theFilesOfAFolderNameTheSpecialTokens() throws {
    let path = try folder(
      "unigram",
      [
        "tokenizer_config.json": [
          "bos_token": ["content": "<s>", "lstrip": false], "eos_token": "</s>",
          "chat_template": [["name": "default", "template": "x"]],
        ],
        "generation_config.json": ["eos_token_id": [1, 7], "bos_token_id": 5],
      ])
    let tokenizer = try HuggingFaceModelTokenizer(folder: path)
    let ids = try #require(tokenizer.id(ofToken: "</s>"))
    #expect(tokenizer.bosID == 0 && tokenizer.eosID == ids && tokenizer.padID == ids)
    #expect(
      tokenizer.stopTokens == [1, 7] && tokenizer.configuration.chatTemplates["default"] == "x")
    #expect(tokenizer.specialTokens == ["<s>": 0, "</s>": 1, "<unk>": 2])
    let plain = try tokenizer.encode("over")
    #expect(!plain.isEmpty && !plain.contains(0) && !plain.contains(1))
    #expect(try tokenizer.encode("over", addBOS: true, addEOS: true) == [0] + plain + [1])
    #expect(try tokenizer.encode("over", addSpecialTokens: true) == [0] + plain + [1])
    #expect(try tokenizer.encode("<s>over", addBOS: true, addEOS: false).filter { $0 == 0 } == [0])
    #expect(tokenizer.decode(plain) == "over" && tokenizer.decode(continuing: plain) == " over")
    let named = try HuggingFaceModelTokenizer(
      tokenizerJSONPath: path + "/tokenizer.json",
      generationConfigPath: path + "/generation_config.json")
    #expect(named.eosID == 1 && named.bosID == 5 && named.stopTokens == [1, 7])
    #expect(try tuneError { _ = try named.tokenize([]) }.message.contains("chat template"))
  }

  @Test func aFolderThatNamesNoEndIsRefused() throws {
    let bare = try folder("digits", [:])
    let error = try tuneError { _ = try HuggingFaceModelTokenizer(folder: bare) }
    #expect(error.code == .configuration && error.location.key == "eos_token")
    let wrong = try folder("digits", ["tokenizer_config.json": ["eos_token": 3]])
    #expect(
      try tuneError { _ = try HuggingFaceModelTokenizer(folder: wrong) }.code == .malformedFile)
    // Nothing names a token that texts begin with, so none is put there.
    let endOnly = try folder("digits", ["tokenizer_config.json": ["eos_token": "</s>"]])
    let tokenizer = try HuggingFaceModelTokenizer(folder: endOnly)
    #expect(tokenizer.bosID == tokenizer.eosID)
    #expect(
      try tokenizer.encode("a", addBOS: true, addEOS: true)
        == tokenizer.encode("a") + [tokenizer.eosID])
    try FileManager.default.removeItem(atPath: endOnly + "/tokenizer.json")
    try Data("{}".utf8).write(to: URL(fileURLWithPath: endOnly + "/tokenizer.model"))
    let missing = try tuneError { _ = try HuggingFaceModelTokenizer(folder: endOnly) }
    #expect(missing.code == .missingFile && missing.remedy?.contains("`Llama2Tokenizer`") == true)
  }

  /// Foundation on Linux leaves these apart.
  @Test func whatUnicodeComposesIsComposed() {
    let cases: [(String, [UInt32])] = [
      ("\u{AC00}\u{11A8}", [0xAC01]), ("\u{1100}\u{1161}\u{11A8}", [0xAC01]),
      ("\u{AC00}\u{11A7}", [0xAC00, 0x11A7]), ("\u{CCA}\u{CD5}", [0xCCB]),
      ("\u{CC6}\u{CC2}\u{CD5}", [0xCCB]), ("e\u{327}\u{301}", [0x229, 0x301]),
    ]
    for (text, scalars) in cases {
      #expect(text.composed.unicodeScalars.map(\.value) == scalars)
    }
  }

  @Test func whatIsWrongIsNamedByItsKey() throws {
    func deep(_ count: Int) -> JSON {
      (0..<count).reduce(["type": "NFC"]) { inner, _ in
        ["type": "Sequence", "normalizers": [inner]]
      }
    }
    let cases: [(name: String, path: [String], value: JSON, key: String)] = [
      ("digits", ["normalizer"], ["type": "Nonesuch"], "normalizer"),
      ("digits", ["normalizer"], deep(40), "normalizer"),
      (
        "digits", ["normalizer"], ["type": "Precompiled", "precompiled_charsmap": "AAAA"],
        "charsmap"
      ),
      ("digits", ["normalizer"], ["type": "Precompiled", "precompiled_charsmap": "!"], "charsmap"),
      ("digits", ["pre_tokenizer"], ["type": "FixedLength", "length": 0], "length"),
      ("digits", ["pre_tokenizer"], ["type": "Metaspace", "replacement": "ab"], "replacement"),
      (
        "digits", ["pre_tokenizer"],
        ["type": "Split", "pattern": ["Regex": "[a&&b]"], "behavior": "Isolated", "invert": false],
        "pattern"
      ),
      (
        "digits", ["pre_tokenizer"],
        ["type": "Split", "pattern": ["String": "a"], "behavior": "Nonesuch", "invert": false],
        "behavior"
      ),
      ("digits", ["decoder"], ["type": "Nonesuch"], "decoder"),
      ("digits", ["post_processor"], ["type": "BertProcessing", "cls": ["a", -1]], "cls"),
      (
        "digits", ["post_processor"],
        ["type": "TemplateProcessing", "single": [["SpecialToken": ["id": "x"]]]], "special_tokens"
      ),
      ("digits", ["model", "merges"], [["nonesuch", "a"]], "merges[0]"),
      ("digits", ["model", "vocab"], ["a": 4_294_967_295], "vocab['a']"),
      ("digits", ["model", "dropout"], 0.5, "dropout"),
      ("unigram", ["model", "vocab"], [["a", .null]], "vocab[0]"),
      ("unigram", ["model", "unk_id"], 1_000_000, "unk_id"),
      ("digits", ["version"], "2.0", "version"),
    ]
    for (name, path, value, key) in cases {
      var root = try tokenizer(name)
      if path.count == 1 {
        root[path[0]] = value
      } else {
        var part = try #require(root[path[0]]?.object)
        part[path[1]] = value
        root[path[0]] = .object(part)
      }
      let error = try tuneError { _ = try TokenizerPipeline(.object(root), file: "t.json") }
      #expect(error.location.file == "t.json", "\(path)")
      #expect(error.location.key?.contains(key) == true, "\(error)")
    }
  }

  @Test func aPatternThatExplodesIsAnErrorAndALongWordIsNot() throws {
    var root = try tokenizer("digits")
    let long = String(repeating: "ab", count: 500_000)
    let ids = try TokenizerPipeline(.object(root), file: "t").encode(long)
    #expect(ids.count > 100_000)
    root["pre_tokenizer"] = [
      "type": "Split", "pattern": ["Regex": "(a+)+!"], "behavior": "Isolated", "invert": false,
    ]
    let pipeline = try TokenizerPipeline(.object(root), file: "t")
    let text = String(repeating: "a", count: 60) + "?!"
    #expect(try tuneError { _ = try pipeline.encode(text) }.code == .unsupported)
  }

  @Test func everyMutationLoadsOrIsAnError() throws {
    var random = MersenneTwister(seed: 41)
    var (refused, worked) = (0, 0)
    for entry in try cases().cases {
      let bytes = Array((entry["tokenizer"] ?? .null).text().utf8)
      for _ in 0..<80 {
        do {
          let json = try mutate(bytes, &random).withUnsafeBytes {
            try JSON.parse($0, file: "t.json")
          }
          let pipeline = try TokenizerPipeline(json, file: "t.json")
          let ids = try pipeline.encode("the caf\u{E9} \u{1F600}<s>e\u{301} 12")
          _ = pipeline.decode(ids + [-1, .max], skipsSpecialTokens: true)
          worked += 1
        } catch is TuneError {
          refused += 1
        }
      }
    }
    #expect(refused > 100 && worked > 50)
  }
}
