// SentencePiece's byte pair encoding: characters merge into pieces, of all neighbours that make a
// piece the two whose piece scores highest first. The merges are looked up once when the model is
// loaded, so the encoder of the other byte pair tokenizers does the work.
import Synchronization

final class BytePairCutter: SentencePieceCutter {
  private let pairs: PairTable
  private let writer: PieceWriter
  private let protected: ByteTrie
  /// What stands for a character: its piece, or a number from `pieceCount` on for a character that
  /// is only part of pieces. Others merge with nothing.
  private let symbols: TokenTable
  private let pieceCount: Int
  /// Whether no piece goes on after a space that follows something else, so that words are
  /// independent of each other.
  private let isCutAtSpaces: Bool
  private let cache = Mutex(PieceCache())

  init(_ model: SentencePieceModel, protected: ByteTrie) {
    let pieces = model.pieces
    pieceCount = pieces.count
    self.protected = protected
    writer = PieceWriter(model)
    isCutAtSpaces = !pieces.contains { $0.isOrdinary && Self.hasInnerSpace($0.text) }
    symbols = Self.symbols(of: pieces)
    pairs = Self.pairs(of: pieces, symbols)
  }

  /// The ordinary pieces, and the characters in them that are no pieces.
  private static func symbols(of pieces: [SentencePieceModel.Piece]) -> TokenTable {
    var tokens = pieces.enumerated().filter { $1.isOrdinary }.map {
      (bytes: $1.text, id: Int32($0))
    }
    var known = Set(tokens.map(\.bytes))
    var next = Int32(pieces.count)
    for piece in pieces where piece.isOrdinary {
      for range in characters(of: piece.text) {
        let character = Array(piece.text[range])
        if known.insert(character).inserted {
          tokens.append((character, next))
          next += 1
        }
      }
    }
    return TokenTable(tokens, idLimit: Int(next))
  }

  private static func pairs(
    of pieces: [SentencePieceModel.Piece], _ symbols: TokenTable
  ) -> PairTable {
    var pairs = PairTable(capacity: pieces.count * 2)
    let scores = Set(pieces.map { $0.score + 0 }).sorted(by: >)
    let ranks = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ($1, UInt32($0)) })
    func canMerge(_ id: Int32) -> Bool {
      Int(id) >= pieces.count || pieces[Int(id)].kind == .normal
    }
    for (id, piece) in pieces.enumerated() where piece.kind == .normal {
      let rank = ranks[piece.score + 0] ?? 0
      for range in characters(of: piece.text).dropFirst() {
        guard let left = symbols.id(of: piece.text[..<range.lowerBound]), canMerge(left),
          let right = symbols.id(of: piece.text[range.lowerBound...]), canMerge(right)
        else { continue }
        pairs.insert(left, right, rank: rank, merged: Int32(id))
      }
    }
    return pairs
  }

  private static func characters(of text: [UInt8]) -> [Range<Int>] {
    let starts = text.indices.filter { text[$0] & 0xC0 != 0x80 }
    return zip(starts, starts.dropFirst() + [text.count]).map { $0..<$1 }
  }

  private static func hasInnerSpace(_ text: [UInt8]) -> Bool {
    var follows = true
    for range in characters(of: text) {
      let isSpace = text[range].elementsEqual(SentencePieceModel.space)
      if isSpace && !follows { return true }
      follows = isSpace
    }
    return false
  }

  func cut(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    guard isCutAtSpaces else { return cutWhole(text, into: &ids) }
    // Another thread may be using the cache: then this call makes do with one of its own.
    let done: Void? = cache.withLockIfAvailable { cutWords(text, into: &ids, cache: &$0) }
    if done == nil {
      var own = PieceCache()
      cutWords(text, into: &ids, cache: &own)
    }
  }

  private func cutWords(
    _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) {
    var start = 0
    var followsSpace = true
    for position in 0..<text.count {
      // Other bytes of a character are no boundary, and no other character begins like U+2581.
      if text[position] & 0xC0 == 0x80 { continue }
      let isSpace =
        position + 2 < text.count && text[position] == 0xE2 && text[position + 1] == 0x96
        && text[position + 2] == 0x81
      if isSpace, !followsSpace {
        cutWord(UnsafeBufferPointer(rebasing: text[start..<position]), into: &ids, cache: &cache)
        start = position
      }
      followsSpace = isSpace
    }
    cutWord(UnsafeBufferPointer(rebasing: text[start...]), into: &ids, cache: &cache)
  }

  private func cutWord(
    _ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) {
    let start = ids.count
    let hash = hashOfBytes(word)
    if !cache.append(word, hash: hash, to: &ids) {
      var found: [Int32] = []
      cutWhole(word, into: &found)
      cache.insert(word, hash: hash, tokens: found[...])
      ids += found
    }
    writer.join(at: start, in: &ids)
  }

  private func cutWhole(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    var run: [Int32] = []
    var position = 0
    while position < text.count {
      if !protected.isEmpty, let match = protected.longestMatch(in: text, from: position) {
        merge(&run, into: &ids)
        let part = UnsafeBufferPointer(rebasing: text[position..<match.end])
        writer.write(match.value, part, to: &ids)
        position = match.end
        continue
      }
      let count = clippedCharacterLength(of: text, at: position)
      let character = UnsafeBufferPointer(rebasing: text[position..<position + count])
      if let symbol = symbols.id(of: character) {
        run.append(symbol)
      } else {
        merge(&run, into: &ids)
        writer.write(nil, character, to: &ids)
      }
      position += count
    }
    merge(&run, into: &ids)
  }

  private func merge(_ run: inout [Int32], into ids: inout [Int32]) {
    if run.isEmpty { return }
    var chain = MergeChain(run)
    chain.mergeAll(by: pairs)
    run.removeAll(keepingCapacity: true)
    chain.append(to: &run)
    for symbol in run {
      if Int(symbol) < pieceCount {
        ids.append(symbol)
      } else {
        symbols.bytes(of: symbol).withUnsafeBufferPointer { writer.write(nil, $0, to: &ids) }
      }
    }
    run.removeAll(keepingCapacity: true)
  }
}

/// As many bytes as the first one says, or as there are.
@inline(__always)
func clippedCharacterLength(of text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
  let first = text[position]
  let count = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  return min(count, text.count - position)
}
