// Byte pair encoding of one piece of text: of all neighbours that may merge, the pair of lowest
// rank (the leftmost of equals) merges first, until none may. A linked list of tokens and a heap of
// candidate pairs keep a long run at n log n; what a piece became is remembered.

struct BytePairEncoder: Sendable {
  let tokens: TokenTable
  let pairs: PairTable
  /// A piece that is a token as a whole is that token, whatever the merges would give
  /// (tiktoken always; Hugging Face with `ignore_merges`).
  let takesWholePieces: Bool
  private let byteTokens: [Int32]

  /// nil when one of the 256 bytes has no token: such a vocabulary cannot spell every text.
  init?(tokens: TokenTable, pairs: PairTable, takesWholePieces: Bool) {
    self.tokens = tokens
    self.pairs = pairs
    self.takesWholePieces = takesWholePieces
    let byteTokens = (0...UInt8.max).compactMap { tokens.id(of: [$0]) }
    guard byteTokens.count == 256 else { return nil }
    self.byteTokens = byteTokens
  }

  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, into output: inout [Int32], cache: inout PieceCache
  ) {
    let hash = hashOfBytes(piece)
    if cache.append(piece, hash: hash, to: &output) { return }
    let start = output.count
    if takesWholePieces, let whole = tokens.id(of: piece) {
      output.append(whole)
    } else {
      merge(piece, into: &output)
    }
    cache.insert(piece, hash: hash, tokens: output[start...])
  }

  private func merge(_ piece: UnsafeBufferPointer<UInt8>, into output: inout [Int32]) {
    var chain = MergeChain(piece.map { byteTokens[Int($0)] })
    chain.mergeAll(by: pairs)
    chain.append(to: &output)
  }
}

/// The tokens of a piece as a linked list, with a heap of the pairs that may merge.
struct MergeChain {
  private var ids: [Int32]
  private var next: [Int32]
  private var previous: [Int32]
  /// What merging each position with its right neighbour gives, as `PairTable` states it.
  private var merges: [UInt64]
  /// Rank in the high half, position in the low half: equal ranks come out leftmost first.
  private var heap: [UInt64] = []

  init(_ tokens: [Int32]) {
    ids = tokens
    next = (0..<Int32(tokens.count)).map { $0 + 1 }
    previous = (0..<Int32(tokens.count)).map { $0 - 1 }
    merges = [UInt64](repeating: PairTable.none, count: tokens.count)
  }

  mutating func mergeAll(by pairs: PairTable) {
    for position in 0..<max(0, ids.count - 1) { propose(position, pairs) }
    while let candidate = popHeap() {
      let position = Int(candidate & 0xFFFF_FFFF)
      // An entry whose pair has changed since is stale.
      guard merges[position] != PairTable.none, merges[position] >> 32 == candidate >> 32 else {
        continue
      }
      ids[position] = Int32(truncatingIfNeeded: merges[position] & 0xFFFF_FFFF)
      let right = Int(next[position])
      merges[right] = PairTable.none
      next[position] = next[right]
      if Int(next[right]) < ids.count { previous[Int(next[right])] = Int32(position) }
      propose(position, pairs)
      if previous[position] >= 0 { propose(Int(previous[position]), pairs) }
    }
  }

  func append(to output: inout [Int32]) {
    var position = 0
    while position < ids.count {
      output.append(ids[position])
      position = Int(next[position])
    }
  }

  private mutating func propose(_ position: Int, _ pairs: PairTable) {
    let right = Int(next[position])
    merges[position] = right < ids.count ? pairs.merge(ids[position], ids[right]) : PairTable.none
    if merges[position] != PairTable.none {
      pushHeap(merges[position] & 0xFFFF_FFFF_0000_0000 | UInt64(position))
    }
  }

  private mutating func pushHeap(_ entry: UInt64) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= entry { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  private mutating func popHeap() -> UInt64? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if heap.isEmpty { return first }
    var parent = 0
    while true {
      var child = parent * 2 + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= last { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = last
    return first
  }
}
