// Tokens that the files beside a tokenizer.json name, against transformers; and ids that contradict.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct ConfiguredTokenTests {
  static let root =
    (try? JSON.load(path: fixturePath("TokenizersTests/Fixtures/tokenizers/configured.json")))
    ?? .null
  static let names = (root["cases"]?.array ?? []).compactMap { $0["case"]?.string }

  private func folder(_ name: String, _ files: JSONObject) throws -> String {
    let real = try JSON.load(
      path: fixturePath("TokenizersTests/Fixtures/tokenizers/hugging_face.json"))
    let found = real["cases"]?.array?.first { $0["name"]?.string == name }
    let folder = try Fixtures.folder()
    var files = files
    files["tokenizer.json"] = try #require(found?["tokenizer"])
    for (file, json) in files {
      try Data(json.text().utf8).write(to: folder.appendingPathComponent(file))
    }
    return folder.path
  }

  @Test func thereAreCases() { #expect(Self.names.count == 20) }

  @Test(arguments: names) func tokensAreThoseOfTransformers(name: String) throws {
    let entry = try #require(Self.root["cases"]?.array?.first { $0["case"]?.string == name })
    let tokenizer = try HuggingFaceModelTokenizer(
      folder: folder(
        try #require(entry["tokenizer"]?.string), try #require(entry["files"]?.object)))
    var added = JSONObject()
    for (id, token) in tokenizer.pipeline.added.tokens.sorted(by: { $0.key < $1.key }) {
      added[String(id)] = .array(
        [.string(String(decoding: token.content, as: UTF8.self))]
          + [
            token.isSpecial, token.isNormalized, token.stripsLeft, token.stripsRight,
            token.isSingleWord,
          ].map(JSON.bool))
    }
    #expect(added == entry["added"]?.object)
    #expect(Int(tokenizer.eosID) == entry["eos"]?.integer)
    #expect(Int(tokenizer.bosID) == entry["bos"]?.integer ?? entry["eos"]?.integer)
    #expect(Int(tokenizer.padID) == entry["pad"]?.integer ?? entry["eos"]?.integer)
    for (position, string) in (Self.root["strings"]?.array ?? []).enumerated() {
      let text = try #require(string.string)
      let ids = entry["ids"]?.array?[position].ids ?? []
      #expect(try tokenizer.encode(text, addSpecialTokens: true) == ids, "\(text)")
      #expect(try tokenizer.encode(text) == entry["plain"]?.array?[position].ids, "\(text)")
      // What a text of a dataset begins with is what transformers begins it with.
      let begun = try tokenizer.encode(text, addBOS: true, addEOS: false)
      let suffix = tokenizer.pipeline.postProcessor.suffix
      #expect(begun == Array(ids.dropLast(suffix.count)), "\(text)")
      #expect(
        tokenizer.decode(ids, truncateAtEOS: false, skipSpecialTokens: true)
          == entry["bare"]?.array?[position].string, "\(text)")
    }
  }

  @Test func whatOtherFilesAddIsSaid() throws {
    let path = try folder(
      "digits",
      ["tokenizer_config.json": ["eos_token": "<|a|>", "pad_token": "</s>"]])
    let tokenizer = try HuggingFaceModelTokenizer(folder: path)
    let others = tokenizer.tokensOfOtherFiles
    #expect(others.map(\.text) == ["<|a|>"] && others.first?.id == 142)
    #expect(
      others.first?.key == "eos_token" && others.first?.file.hasSuffix("_config.json") == true)
  }

  /// torchtune's component puts BOS before every text; the tokenizer of a folder what the file says.
  @Test func onlyTorchtunesTokenizerAlwaysBeginsWithBOS() throws {
    let path = try folder(
      "digits", ["tokenizer_config.json": ["eos_token": "</s>", "bos_token": "<s>"]])
    let folder = try HuggingFaceModelTokenizer(folder: path)
    let component = try HuggingFaceModelTokenizer(
      tokenizerJSONPath: path + "/tokenizer.json",
      tokenizerConfigJSONPath: path + "/tokenizer_config.json")
    let plain = try folder.encode("the dog")
    #expect(try folder.encode("the dog", addBOS: true, addEOS: true) == plain + [141])
    #expect(try component.encode("the dog", addBOS: true, addEOS: true) == [140] + plain + [141])
  }

  private func object(_ content: JSON) -> JSON { ["content": content, "special": true] }

  @Test func idsThatContradictAreRefused() throws {
    func decoder(_ tokens: JSON) -> JSONObject {
      ["tokenizer_config.json": ["eos_token": "</s>", "added_tokens_decoder": tokens]]
    }
    let cases: [(files: JSONObject, file: String, key: String, part: String)] = [
      (
        decoder(["147": object("<|a|>")]), "tokenizer_config.json", "added_tokens_decoder.147",
        "142"
      ),
      (decoder(["3": object("</s>")]), "tokenizer_config.json", "added_tokens_decoder.3", "141"),
      // The id of another token.
      (
        decoder(["141": object("<|a|>")]), "tokenizer_config.json", "added_tokens_decoder.141",
        "142"
      ),
      (decoder(["x": object("<|a|>")]), "tokenizer_config.json", "added_tokens_decoder", "'x'"),
      (decoder(["142": "<|a|>"]), "tokenizer_config.json", "added_tokens_decoder.142", "object"),
      (
        decoder(["142": object(1)]), "tokenizer_config.json", "added_tokens_decoder.142.content",
        "string"
      ),
      (decoder([1]), "tokenizer_config.json", "added_tokens_decoder", "object"),
      (
        ["tokenizer_config.json": ["eos_token": "</s>"], "added_tokens.json": ["<|a|>": 150]],
        "added_tokens.json", "<|a|>", "142"
      ),
      (
        ["tokenizer_config.json": ["eos_token": "</s>"], "added_tokens.json": ["<|a|>": -1]],
        "added_tokens.json", "<|a|>", "id"
      ),
      (
        ["tokenizer_config.json": ["eos_token": "</s>", "additional_special_tokens": [3]]],
        "tokenizer_config.json", "additional_special_tokens[0]", "text"
      ),
      (
        [
          "tokenizer_config.json": ["eos_token": "</s>"],
          "special_tokens_map.json": ["pad_token": 3],
        ],
        "special_tokens_map.json", "pad_token", "text"
      ),
    ]
    for (files, file, key, part) in cases {
      let path = try folder("digits", files)
      let error = try tuneError { _ = try HuggingFaceModelTokenizer(folder: path) }
      #expect(error.location.file == path + "/" + file, "\(error)")
      #expect(error.location.key == key && error.message.contains(part), "\(error)")
    }
  }
}
