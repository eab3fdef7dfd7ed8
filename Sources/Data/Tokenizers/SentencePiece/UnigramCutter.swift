// SentencePiece's unigram model: of all ways to cut a text into pieces, the one whose scores add
// up highest, found from left to right. Sums are kept in the precisions the library keeps them in,
// because ties and rounding decide between cuts. Also the two plain algorithms, which only look up.

struct UnigramCutter: SentencePieceCutter {
  private struct Step {
    /// nil for a character that is no piece.
    var id: Int32?
    var score: Float = 0
    var start = -1
  }
  private struct Weight {
    var score: Float
    var isUserDefined: Bool
  }
  private let trie: ByteTrie
  private let weights: [Weight]
  private let unknownScore: Float
  private let maximumScore: Float
  private let writer: PieceWriter

  init(_ model: SentencePieceModel) {
    let pieces = model.pieces
    trie = ByteTrie(
      pieces.enumerated().filter { $1.kind == .normal || $1.kind == .userDefined }
        .map { ($1.text, Int32($0)) })
    weights = pieces.map { Weight(score: $0.score, isUserDefined: $0.kind == .userDefined) }
    let normal = pieces.filter { $0.kind == .normal }.map(\.score)
    // An unknown character costs ten more than the worst piece.
    unknownScore = min(.greatestFiniteMagnitude, normal.min() ?? .greatestFiniteMagnitude) - 10
    // The library starts from the smallest positive number here.
    maximumScore = max(.leastNormalMagnitude, normal.max() ?? .leastNormalMagnitude)
    writer = PieceWriter(model)
  }

  func cut(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    var best = [Step](repeating: Step(), count: text.count + 1)
    best.withUnsafeMutableBufferPointer { best in
      trie.withView { trie in
        weights.withUnsafeBufferPointer { find(text, trie, $0, &best) }
      }
    }
    write(best, text, into: &ids)
  }

  private func find(
    _ text: UnsafeBufferPointer<UInt8>, _ trie: ByteTrie.View,
    _ weights: UnsafeBufferPointer<Weight>, _ best: inout UnsafeMutableBufferPointer<Step>
  ) {
    var start = 0
    while start < text.count {
      let soFar = best[start].score
      let count = clippedCharacterLength(of: text, at: start)
      var hasSingle = false
      trie.forEachMatch(in: text, from: start) { end, id in
        if end - start == count { hasSingle = true }
        let weight = weights[Int(id)]
        var score = weight.score
        // Enough to win against every other cut.
        if weight.isUserDefined { score = Float(Double(Float(end - start) * maximumScore) - 0.1) }
        Self.improve(&best[end], to: score + soFar, id, start)
      }
      if !hasSingle { Self.improve(&best[start + count], to: unknownScore + soFar, nil, start) }
      start += count
    }
  }

  @inline(__always)
  private static func improve(_ step: inout Step, to score: Float, _ id: Int32?, _ start: Int) {
    if step.start < 0 || score > step.score {
      step = Step(id: id, score: score, start: start)
    }
  }

  private func write(
    _ best: [Step], _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]
  ) {
    var ends: [Int] = []
    var end = text.count
    while end > 0 {
      ends.append(end)
      end = best[end].start
    }
    for end in ends.reversed() {
      let part = UnsafeBufferPointer(rebasing: text[best[end].start..<end])
      writer.write(best[end].id, part, to: &ids)
    }
  }
}

/// Every word is a piece or unknown.
struct WordCutter: SentencePieceCutter {
  private let pieces: [[UInt8]: Int32]
  private let isSuffix: Bool
  private let writer: PieceWriter

  init(_ model: SentencePieceModel) {
    pieces = model.ordinaryIDs
    isSuffix = model.treatsSpaceAsSuffix
    writer = PieceWriter(model)
  }

  func cut(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    var (start, position) = (0, 0)
    while position < text.count {
      let next = position + clippedCharacterLength(of: text, at: position)
      let isSpace = text[position..<next].elementsEqual(SentencePieceModel.space)
      let end = isSuffix ? next : position
      if isSpace, end > start {
        write(UnsafeBufferPointer(rebasing: text[start..<end]), to: &ids)
        start = end
      }
      position = next
    }
    if start < text.count { write(UnsafeBufferPointer(rebasing: text[start...]), to: &ids) }
  }

  private func write(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    writer.write(pieces[Array(word)], word, to: &ids)
  }
}

/// Every character is a piece or unknown.
struct CharacterCutter: SentencePieceCutter {
  private let pieces: [[UInt8]: Int32]
  private let protected: ByteTrie
  private let writer: PieceWriter

  init(_ model: SentencePieceModel, protected: ByteTrie) {
    pieces = model.ordinaryIDs
    self.protected = protected
    writer = PieceWriter(model)
  }

  func cut(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    var position = 0
    while position < text.count {
      let match = protected.isEmpty ? nil : protected.longestMatch(in: text, from: position)
      let end = match?.end ?? position + clippedCharacterLength(of: text, at: position)
      let part = UnsafeBufferPointer(rebasing: text[position..<end])
      writer.write(pieces[Array(part)], part, to: &ids)
      position = end
    }
  }
}
