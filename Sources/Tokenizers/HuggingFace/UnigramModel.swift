// The unigram model of a tokenizer.json: of all ways to cut a piece into tokens the one whose scores
// add up highest. Unknown characters in a row are one unknown token, or bytes.
import Essentials

struct UnigramModel: Sendable {
  let table: TokenTable
  let count: Int
  private let trie: ByteTrie
  private let scores: [Double]
  private let unknownID: Int32?
  private let unknownScore: Double
  /// The tokens of the bytes, -1 for a byte that has none; empty without byte fallback.
  private let byteIDs: [Int32]
  private let place: TuneError.Location

  init(_ component: Component) throws {
    guard let entries = component.json["vocab"]?.array else {
      throw component.child("vocab").malformed("expected a list of tokens and their scores")
    }
    if entries.count >= Vocabulary.idLimit {
      throw component.child("vocab").malformed("more than \(Vocabulary.idLimit) tokens")
    }
    count = entries.count
    var (ids, scores): ([[UInt8]: Int32], [Double]) = ([:], [])
    for (position, entry) in entries.enumerated() {
      guard let pair = entry.array, pair.count == 2, let token = pair[0].string,
        let score = pair[1].double, score.isFinite
      else {
        throw TuneError(
          .malformedFile, "expected a token and its score, a finite number",
          at: .init(file: component.file, key: "\(component.key).vocab[\(position)]"))
      }
      // Of equal tokens the last one counts.
      ids[Array(token.utf8)] = Int32(position)
      scores.append(Self.asRead(score))
    }
    try checkLengths(ids.keys, component)
    self.scores = scores
    trie = ByteTrie(ids.map { ($0.key, $0.value) })
    let table = TokenTable(
      entries.enumerated().map { (Array(($1.array?[0].string ?? "").utf8), Int32($0)) }
        .filter { ids[$0.0] == $0.1 }, idLimit: entries.count)
    self.table = table
    unknownScore = (scores.min() ?? .infinity) - 10
    if let unknown = component.json["unk_id"], !unknown.isNull {
      guard let id = unknown.integer, entries.indices.contains(id) else {
        throw component.child("unk_id").malformed(
          "expected an id of the vocabulary, 0 to \(entries.count - 1)")
      }
      unknownID = Int32(id)
    } else {
      unknownID = nil
    }
    byteIDs =
      try component.bool("byte_fallback", default: false)
      ? (0...UInt8.max).map { table.id(of: fallbackName(of: $0)) ?? -1 } : []
    place = .init(file: component.file, key: component.key + ".unk_id")
  }

  /// The library reads a number as its digits, divided by a power of ten, which may differ from the
  /// nearest number in the last bit; ties between cuts depend on it.
  static func asRead(_ score: Double) -> Double {
    let text = "\(score.magnitude)"
    let parts = text.split(separator: "e")
    let digits = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let fraction = digits.count > 1 ? digits[1] : ""
    guard let whole = UInt64(digits[0] + fraction) else { return score }
    let exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - fraction.count
    guard (-300...300).contains(exponent), let power = Double("1e\(abs(exponent))") else {
      return score
    }
    let value = exponent < 0 ? Double(whole) / power : Double(whole) * power
    return score < 0 ? -value : value
  }

  private struct Step {
    var score = 0.0
    var start: Int32 = -1
    /// -1 where a character is unknown.
    var id: Int32 = -1
  }

  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    let hash = hashOfBytes(piece)
    if cache.append(piece, hash: hash, to: &ids) { return }
    let first = ids.count
    var best = [Step](repeating: Step(), count: piece.count + 1)
    best.withUnsafeMutableBufferPointer { best in
      trie.withView { trie in
        scores.withUnsafeBufferPointer { scores in find(piece, trie, scores, best) }
      }
    }
    try write(best, piece, into: &ids)
    cache.insert(piece, hash: hash, tokens: ids[first...])
  }

  private func find(
    _ text: UnsafeBufferPointer<UInt8>, _ trie: ByteTrie.View,
    _ scores: UnsafeBufferPointer<Double>, _ best: UnsafeMutableBufferPointer<Step>
  ) {
    var start = 0
    while start < text.count {
      let soFar = best[start].score
      let width = clippedCharacterLength(of: text, at: start)
      var hasSingle = false
      trie.forEachMatch(in: text, from: start) { end, id in
        if end - start == width { hasSingle = true }
        let score = scores[Int(id)] + soFar
        if best[end].start < 0 || score > best[end].score {
          best[end] = Step(score: score, start: Int32(start), id: id)
        }
      }
      let end = start + width
      let score = unknownScore + soFar
      if !hasSingle, best[end].start < 0 || score > best[end].score {
        best[end] = Step(score: score, start: Int32(start))
      }
      start = end
    }
  }

  private func write(
    _ best: [Step], _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]
  ) throws {
    var ends: [Int] = []
    var end = text.count
    while end > 0 {
      ends.append(end)
      end = Int(best[end].start)
    }
    /// Where a run of unknown text began.
    var unknownStart: Int?
    for end in ends.reversed() {
      let step = best[end]
      if step.id < 0 || step.id == unknownID {
        if unknownStart == nil { unknownStart = Int(step.start) }
        continue
      }
      if let start = unknownStart { try writeUnknown(text, start..<Int(step.start), into: &ids) }
      unknownStart = nil
      ids.append(step.id)
    }
    if let start = unknownStart { try writeUnknown(text, start..<text.count, into: &ids) }
  }

  private func writeUnknown(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, into ids: inout [Int32]
  ) throws {
    let part = UnsafeBufferPointer(rebasing: text[range])
    if let id = table.id(of: part) {
      ids.append(id)
      return
    }
    if !byteIDs.isEmpty {
      let bytes = part.map { byteIDs[Int($0)] }
      if !bytes.contains(-1) {
        ids.append(contentsOf: bytes)
        return
      }
    }
    guard let unknownID else {
      throw TuneError(
        .data, "the text has a character that the tokenizer does not know, and it has no unk_id",
        at: place)
    }
    ids.append(unknownID)
  }
}
