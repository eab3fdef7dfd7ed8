// The merge itself: against the plain definition, on long runs, and the cutting of text before it.
import Essentials
import Foundation
import Testing

@testable import Tokenizers

@Suite struct BytePairTests {
  /// The definition: merge the leftmost pair of lowest rank, again and again.
  private func merged(_ piece: [UInt8], _ vocabulary: Vocabulary) -> [Int32] {
    let tokens = vocabulary.encoder.tokens
    if let whole = tokens.id(of: piece) { return [whole] }
    var parts = piece.compactMap { tokens.id(of: [$0]) }
    while true {
      var best: (rank: UInt64, place: Int)?
      for place in 0..<max(0, parts.count - 1) {
        let rank = vocabulary.encoder.pairs.merge(parts[place], parts[place + 1])
        if rank != PairTable.none, rank >> 32 < best?.rank ?? .max { best = (rank >> 32, place) }
      }
      guard let best else { return parts }
      let both =
        Array(tokens.bytes(of: parts[best.place])) + tokens.bytes(of: parts[best.place + 1])
      parts.replaceSubrange(best.place...best.place + 1, with: [tokens.id(of: both) ?? -1])
    }
  }

  @Test func theHeapGivesWhatTheDefinitionGives() throws {
    let path = try Fixtures.path(Fixtures.Name.tinyModel.rawValue)
    let vocabulary = try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes {
      try TokenizerModel.parse($0, file: path)
    }
    var random = MersenneTwister(seed: 3)
    let alphabet = Array("aabcdeeilnorst \n".utf8)
    var cache = PieceCache()
    for round in 0..<400 {
      let count = 1 + Int(random.next32() % (round % 10 == 0 ? 200 : 20))
      let piece = (0..<count).map { _ in alphabet[Int(random.next32()) % alphabet.count] }
      let expected = merged(piece, vocabulary)
      // Twice: the second time from the cache.
      for _ in 0..<2 {
        var found: [Int32] = []
        piece.withUnsafeBufferPointer { vocabulary.encoder.encode($0, into: &found, cache: &cache) }
        #expect(found == expected)
      }
    }
  }

  @Test func aFullCacheStillGivesTheSameIDs() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let words = (0..<40_000).map { "w\($0 &* 2_654_435_761 % 1_000_003)" }
    let first = try words.map { try tokenizer.encode($0) }
    for index in stride(from: 0, to: words.count, by: 97) {
      #expect(try tokenizer.encode(words[index]) == first[index])
    }
    #expect(try tokenizer.encode(words.joined()).count > 40_000)
  }

  @Test func piecesCoverTheText() throws {
    let splitter = try PieceSplitter(pattern: PieceSplitter.llama3Pattern)
    func pieces(_ text: String, _ splitter: PieceSplitter) throws -> [String] {
      var text = text
      var pieces: [String] = []
      try text.withUTF8 {
        try splitter.forEachPiece(in: $0) { pieces.append(String(decoding: $0, as: UTF8.self)) }
      }
      return pieces
    }
    #expect(
      try pieces("I'LL go  12345!\n\n x", splitter) == [
        "I", "'LL", " go", " ", " ", "123", "45", "!\n\n", " x",
      ])
    // U+180E is no space: it joins the punctuation.
    #expect(try pieces("!\u{180E}", splitter) == ["!\u{180E}"])
    let gaps = try PieceSplitter(pattern: "[0-9]+")
    #expect(try pieces("ab12\u{E9}3", gaps) == ["ab", "12", "\u{E9}", "3"])
    let empty = try PieceSplitter(pattern: "x*")
    #expect(try pieces("\u{E9}xx\u{1F600}", empty).joined() == "\u{E9}xx\u{1F600}")
    #expect(
      try pieces("don't 1234", try PieceSplitter(pattern: PieceSplitter.gpt2Pattern)) == [
        "don", "'t", " 1234",
      ])
    #expect(try tuneError { _ = try PieceSplitter(pattern: "(") }.code == .malformedFile)
    #expect(try tuneError { _ = try PieceSplitter(pattern: "a\\") }.code == .malformedFile)
  }

  @Test func longTextsAreCutWhereTheReferenceCutsThem() {
    func parts(_ text: String) -> [Int] {
      var text = text
      return text.withUTF8 { LongText.parts(of: $0).map(\.count) }
    }
    #expect(parts("") == [])
    #expect(parts(String(repeating: "a", count: 25_000)) == [25_000])
    #expect(parts(String(repeating: "a", count: 25_001)) == [25_000, 1])
    #expect(parts(String(repeating: "\u{E9}", count: 25_001)) == [50_000, 2])
    #expect(
      parts(String(repeating: "a", count: 20_000) + " " + String(repeating: "b", count: 20_000))
        == [40_001])
    #expect(parts(String(repeating: "\u{3000}", count: 26_000)) == [75_000, 3_000])
    #expect(parts(String(repeating: "a b ", count: 100_001)) == [400_000, 4])
  }

  @Test func textIsStrippedAsPythonStripsIt() {
    #expect("\u{1F} \u{3000}a\u{200B} b\u{85}\n".strippedLikePython == "a\u{200B} b")
    #expect(" \t\u{2028}".strippedLikePython == "")
  }
}
