// Learns a byte-level BPE vocabulary from text: starting from the 256 bytes, the neighbours that
// occur most often become one token, again and again. Text is split by Llama 3's pattern first, so
// no token spans two pieces. Only the words that hold a merged pair are touched again.
import Essentials

package struct BytePairTrainer: Sendable {
  package let vocabularySize: Int
  package let specialTokenCount: Int

  /// - Parameters:
  ///   - vocabularySize: how many tokens to learn, the 256 bytes included, special tokens not.
  ///   - specialTokenCount: how many special tokens follow them; Llama 3 has 256, at least 13.
  package init(
    vocabularySize: Int, specialTokenCount: Int = SpecialTokens.count
  ) throws {
    guard (256...Vocabulary.idLimit / 2).contains(vocabularySize) else {
      throw TuneError(
        .configuration,
        "a vocabulary has from 256 to \(Vocabulary.idLimit / 2) tokens, not "
          + "\(vocabularySize)")
    }
    guard (SpecialTokens.names.count...100_000).contains(specialTokenCount) else {
      throw TuneError(
        .configuration,
        "there are from \(SpecialTokens.names.count) to 100000 special tokens, not "
          + "\(specialTokenCount)")
    }
    self.vocabularySize = vocabularySize
    self.specialTokenCount = specialTokenCount
  }

  /// - Throws: `TuneError` `.data` when the text is too small for so many tokens.
  package func train(on texts: [String]) throws -> TrainedTokenizer {
    var training = MergeTraining(words: try Self.countPieces(of: texts))
    while training.tokens.count < vocabularySize {
      guard training.mergeMostFrequentPair() else {
        throw TuneError(
          .data, "the text yields only \(training.tokens.count) tokens, not \(vocabularySize)",
          remedy: "Train on more text or ask for a smaller vocabulary.")
      }
    }
    return TrainedTokenizer(tokens: training.tokens, specialTokenCount: specialTokenCount)
  }

  /// The distinct pieces in the order of their first appearance, with how often each occurs.
  private static func countPieces(of texts: [String]) throws -> [(piece: [UInt8], count: Int)] {
    let splitter = try PieceSplitter(pattern: PieceSplitter.llama3Pattern)
    var places: [[UInt8]: Int] = [:]
    var words: [(piece: [UInt8], count: Int)] = []
    for var text in texts {
      try text.withUTF8 { bytes in
        for part in LongText.parts(of: bytes) {
          try splitter.forEachPiece(in: UnsafeBufferPointer(rebasing: bytes[part])) { piece in
            let piece = Array(piece)
            if let place = places[piece] {
              words[place].count += 1
            } else {
              places[piece] = words.count
              words.append((piece, 1))
            }
          }
        }
      }
    }
    return words
  }
}

private struct MergeTraining {
  private struct Word {
    var tokens: [Int32]
    let count: Int
  }
  private(set) var tokens: [[UInt8]]
  private var ids: [[UInt8]: Int32] = [:]
  private var words: [Word]
  private var counts: [UInt64: Int] = [:]
  /// Words that hold a pair, or once held it.
  private var holders: [UInt64: Set<Int32>] = [:]
  private var heap = PairHeap()

  init(words: [(piece: [UInt8], count: Int)]) {
    tokens = ByteAlphabet.order.map { [$0] }
    var byteIDs = [Int32](repeating: 0, count: 256)
    for (id, byte) in ByteAlphabet.order.enumerated() {
      byteIDs[Int(byte)] = Int32(id)
      ids[[byte]] = Int32(id)
    }
    self.words = words.map { piece, count in
      Word(tokens: piece.map { byteIDs[Int($0)] }, count: count)
    }
    for index in self.words.indices {
      addPairs(of: index, sign: 1) { _ in true }
    }
    for (pair, count) in counts { heap.push(.init(count: count, pair: pair)) }
  }

  /// False when no pair is left.
  mutating func mergeMostFrequentPair() -> Bool {
    guard let pair = popMostFrequent() else { return false }
    let (left, right) = (Int32(pair >> 32), Int32(pair & 0xFFFF_FFFF))
    let merged = tokens[Int(left)] + tokens[Int(right)]
    // Two ways to the same bytes lead to the same token.
    let id = ids[merged] ?? Int32(tokens.count)
    if ids.updateValue(id, forKey: merged) == nil { tokens.append(merged) }
    var gained: Set<UInt64> = []
    for index in (holders.removeValue(forKey: pair) ?? []).sorted() {
      let index = Int(index)
      addPairs(of: index, sign: -1) { _ in false }
      words[index].tokens = Self.merging(words[index].tokens, left, right, into: id)
      addPairs(of: index, sign: 1) { pair in
        let isNew = Int32(pair >> 32) == id || Int32(pair & 0xFFFF_FFFF) == id
        if isNew { gained.insert(pair) }
        return isNew
      }
    }
    counts[pair] = nil
    for pair in gained { heap.push(.init(count: counts[pair] ?? 0, pair: pair)) }
    return true
  }

  /// Counts fall without the heap being told: an entry is checked when it comes out.
  private mutating func popMostFrequent() -> UInt64? {
    while let top = heap.pop() {
      let count = counts[top.pair] ?? 0
      if count == top.count, count > 0 { return top.pair }
      if count > 0, count < top.count { heap.push(.init(count: count, pair: top.pair)) }
    }
    return nil
  }

  /// Adds a word's pairs to the counts, or takes them away; `isHeld` says which pairs the word is
  /// noted for.
  private mutating func addPairs(of index: Int, sign: Int, isHeld: (UInt64) -> Bool) {
    let word = words[index]
    for place in 1..<max(1, word.tokens.count) {
      let pair = UInt64(word.tokens[place - 1]) << 32 | UInt64(word.tokens[place])
      counts[pair, default: 0] += sign * word.count
      if isHeld(pair) { holders[pair, default: []].insert(Int32(index)) }
    }
  }

  private static func merging(
    _ tokens: [Int32], _ left: Int32, _ right: Int32, into merged: Int32
  ) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(tokens.count)
    var place = 0
    while place < tokens.count {
      if tokens[place] == left, place + 1 < tokens.count, tokens[place + 1] == right {
        result.append(merged)
        place += 2
      } else {
        result.append(tokens[place])
        place += 1
      }
    }
    return result
  }
}

/// The most frequent pair first; of equals the one of the oldest tokens.
private struct PairHeap {
  struct Entry {
    let count: Int
    let pair: UInt64
    func precedes(_ other: Entry) -> Bool {
      count != other.count ? count > other.count : pair < other.pair
    }
  }
  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0, entry.precedes(entries[(child - 1) / 2]) {
      entries[child] = entries[(child - 1) / 2]
      child = (child - 1) / 2
    }
    entries[child] = entry
  }

  mutating func pop() -> Entry? {
    guard let first = entries.first, let last = entries.popLast() else { return nil }
    if entries.isEmpty { return first }
    var parent = 0
    while true {
      var child = parent * 2 + 1
      if child >= entries.count { break }
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      if !entries[child].precedes(last) { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return first
  }
}
