// tokenizer.json files of kinds that readers reported: the ids are those of Hugging Face's tokenizers.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite struct TokenizerReportTests {
  private func expectLibrarysIDs(_ name: String) throws {
    let folder = fixturePath("TokenizersTests/Fixtures/tokenizer_reports")
    let tokenizer = try HuggingFaceModelTokenizer(
      tokenizerJSONPath: "\(folder)/\(name).json",
      tokenizerConfigJSONPath: "\(folder)/tokenizer_config.json")
    let ids = try JSON.load(path: "\(folder)/ids.json")
    let asked = try #require(ids[name]?.array)
    #expect(asked.count == 26)
    for entry in asked {
      let text = try #require(entry["text"]?.string)
      #expect(try tokenizer.encode(text) == entry["ids"]?.ids, "\(name): \(text.debugDescription)")
    }
  }

  @Test func eachDigitIsAPiece() throws { try expectLibrarysIDs("digits") }

  @Test func aByteWithoutATokenIsLeftOut() throws { try expectLibrarysIDs("missing_bytes") }

  @Test func textIsComposedAsUnicodeSays() throws { try expectLibrarysIDs("nfc") }
}
