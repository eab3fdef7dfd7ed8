// Whether a tokenizer fits a model: by the ids that text and conversations become.
import Builtins
import Catalog
import Configuration
import Essentials
import Foundation
import Templates
import TestSupport
import Testing
import Tokenizers

@testable import Recipes

@Suite struct TokenizerFitTests {
  private func check(_ tokenizer: any Tokenizer, rows: Int) throws {
    try TrainingFolder.with { folder in
      let configuration = try ValidatedConfiguration.load(
        recipe: .qatDistributed, config: folder.path + "/train.yaml",
        overrides: ["model.vocab_size=\(rows)"])
      try Recipes.check(
        tokenizer, fits: decoderConfiguration(from: configuration.root),
        configuration.root[Keys.tokenizer])
    }
  }

  /// Llama 3's tokenizer.model has an image token behind the 128256 rows of its text models.
  @Test func idsThatNoTextBecomesNeedNoRow() throws {
    try check(Ids(base: 128_000, last: 128_256), rows: 128_256)
    #expect(throws: TuneError.self) { try check(Ids(base: 128_000, last: 0), rows: 128_009) }
    #expect(throws: TuneError.self) { try check(Ids(base: 128_300, last: 0), rows: 128_256) }
    try check(Ids(base: 128_000, last: 0), rows: 128_011)
  }

  /// transformers adds a token that tokenizer.json lacks, which then may have no row.
  @Test func aTokenThatOnlyTheConfigurationNamesNeedsARow() throws {
    try TrainingFolder.with { folder in
      try FileManager.default.copyItem(
        atPath: Fixtures.Name.tinyJSON.path, toPath: folder.path + "/tokenizer.json")
      try folder.write(#"{"eos_token": "<nonesuch>"}"#, to: "tokenizer_config.json")
      let tokenizer = try HuggingFaceModelTokenizer(folder: folder.path)
      let rows = Int(tokenizer.eosID)
      try check(tokenizer, rows: rows + 1)
      let error = try tuneError { try check(tokenizer, rows: rows) }
      #expect(error.message.contains("'<nonesuch>' is not in tokenizer.json"), "\(error)")
      #expect(error.location.key == "eos_token")
    }
  }
}

/// Llama 3's table of ids, without its vocabulary.
private final class Ids: Tokenizer {
  let baseVocabularySize: Int
  let vocabularySize: Int
  let (bosID, eosID, padID): (Int32, Int32, Int32) = (128_000, 128_001, 128_004)
  let stopTokens: [Int32] = [128_001, 128_008, 128_009]
  let maxSeqLen: Int? = nil
  let specialTokens: [String: Int32] = [
    "<|start_header_id|>": 128_006, "<|end_header_id|>": 128_007, "<|python_tag|>": 128_010,
    "<|image|>": 128_256,
  ]
  init(base: Int, last: Int) {
    baseVocabularySize = base
    vocabularySize = max(base + 256, last + 1)
  }
  func encode(_ text: String, addBOS: Bool, addEOS: Bool) -> [Int32] { [] }
  func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String { "" }
  func tokenize(_ messages: [Message], addEndTokens: Bool) -> (tokens: [Int32], mask: [Bool]) {
    ([], [])
  }
}
