// The proof that a tokenizer's keys say what the folder's files say: they are read back as the importer reads a
// file, and a hard text is encoded both ways.
import Essentials
import Foundation
import GGUF
import Tokenizers

extension GGUFTokenizer {
  /// - Throws: `TuneError` `.unsupported` where the ids differ.
  func prove(vocabularySize: Int) throws {
    let place = NSTemporaryDirectory() + "tune-head-\(UUID().uuidString).gguf"
    defer { try? FileManager.default.removeItem(atPath: place) }
    try AtomicFile.write(Data(GGUFLayout(keys, []).header), to: place)
    let texts = try TokenizerTexts(
      try GGUFModel(path: place), vocabularySize: vocabularySize, contextLength: 1)
    let read = try DescribedTokenizer(try JSON.parse(texts.tokenizer), file: path)
    for addsSpecialTokens in [false, true] {
      let expected = try tokenizer.encode(HardText.text, addSpecialTokens: addsSpecialTokens)
      let found = try read.encode(HardText.text, addSpecialTokens: addsSpecialTokens)
      guard found == expected else {
        let place = zip(found, expected).prefix { $0 == $1 }.count
        let ids = [expected, found].map { ids in
          ids.indices.contains(place) ? String(ids[place]) : "no more"
        }
        throw refusal(
          "model",
          "llama.cpp's tokenizer would give other ids than this one: of a hard text, token \(place) "
            + "is \(ids[0]) and would be \(ids[1])")
      }
    }
  }
}
