// Ids and decoded text equal those of the real `tokenizers` library on 2,000 hard strings, with
// tokenizers of every kind that it trains here and now, and with each component alone.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Tokenizers

@Suite(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
struct HuggingFaceInteropTests {
  private static let strings = HardStrings.make(2_000, seed: 20)
  /// The folder with what the library wrote.
  private static let outcome = Result { () throws -> String in
    let folder = try Fixtures.folder()
    try InteropRows.write(
      strings.map { Array($0.utf8) }, to: folder.appendingPathComponent("strings").path)
    try Program.python(
      [fixturePath("TokenizersTests/Fixtures/tokenizers/hugging_face.py"), folder.path] + published)
    return folder.path
  }
  /// Published files on this machine, `:` between them; none where the variable is not set.
  private static let published =
    ProcessInfo.processInfo.environment["TOKENIZER_JSON_FILES"]?
    .split(separator: ":").map(String.init) ?? []

  @Test func everyKindHasTheLibrarysIDs() throws {
    let folder = try Self.outcome.get()
    let names = try String(contentsOfFile: folder + "/names", encoding: .utf8).split(
      separator: "\n")
    try #require(names.count >= 60)
    for name in names { try compare(String(name), in: folder) }
  }

  private func compare(_ name: String, in folder: String) throws {
    let pipeline = try TokenizerPipeline(path: "\(folder)/\(name).json")
    func ids(_ kind: String) throws -> [[Int32]] {
      try InteropRows.ids("\(folder)/\(name).\(kind)")
    }
    func texts(_ kind: String) throws -> [[UInt8]] {
      try InteropRows.read("\(folder)/\(name).\(kind)")
    }
    let (plain, special) = (try ids("ids"), try ids("special"))
    let (text, bare) = (try texts("text"), try texts("bare"))
    // Of those that stand for a single component the first strings do.
    try #require(plain.count == Self.strings.count || plain.count == 600)
    for (position, string) in Self.strings.prefix(plain.count).enumerated() {
      let found = try pipeline.encode(string)
      #expect(found == plain[position], "\(name): \(string.escaped)")
      let whole = special[position]
      #expect(pipeline.postProcessor.apply(to: found) == whole, "\(name): \(string.escaped)")
      let decoded = pipeline.decode(whole, skipsSpecialTokens: false)
      #expect(Array(decoded.utf8) == text[position], "\(name): \(decoded.escaped)")
      let shown = pipeline.decode(whole, skipsSpecialTokens: true)
      #expect(Array(shown.utf8) == bare[position], "\(name): \(shown.escaped)")
    }
    // The library's Strip decoder fails on an empty token: then there is nothing to compare with.
    guard FileManager.default.fileExists(atPath: "\(folder)/\(name).randomtext") else { return }
    for (ids, text) in zip(try ids("random"), try texts("randomtext")) {
      let decoded = pipeline.decode(ids, skipsSpecialTokens: true)
      #expect(Array(decoded.utf8) == text, "\(name): \(ids)")
    }
  }

  /// Every character and 6,000 sequences of marks, as Python's unicodedata writes them.
  @Test func textIsNormalizedAsUnicodeSays() throws {
    let folder = try Self.outcome.get()
    let texts = try InteropRows.read(folder + "/forms")
    try #require(texts.count > 10_000)
    let forms: [(String, UnicodeForm)] = [
      ("NFC", .nfc), ("NFD", .nfd), ("NFKC", .nfkc), ("NFKD", .nfkd),
    ]
    for (name, form) in forms {
      let expected = try InteropRows.read("\(folder)/forms.\(name)")
      for (text, expected) in zip(texts, expected) {
        #expect(form.apply(to: text) == expected, "\(name)")
      }
    }
  }
}
