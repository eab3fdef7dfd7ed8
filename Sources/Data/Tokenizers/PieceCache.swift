// What short pieces of text became, so that a common word is merged once. Bounded: a full cache
// starts afresh, because the words of the text at hand matter more than those long past.

struct PieceCache: Sendable {
  private struct Entry {
    var hash: UInt64
    var bytesStart: Int32
    var tokensStart: Int32
    var byteCount: Int16
    var tokenCount: Int16
  }
  private static let slotCount = 1 << 16
  private static let entryLimit = slotCount / 2
  /// Longer pieces are rare and seldom repeat.
  private static let pieceLimit = 64

  private var slots = [Int32](repeating: -1, count: Self.slotCount)
  private var entries: [Entry] = []
  private var bytes: [UInt8] = []
  private var tokens: [Int32] = []

  /// Appends the tokens of a known piece; false when it is not known.
  func append(
    _ piece: UnsafeBufferPointer<UInt8>, hash: UInt64, to output: inout [Int32]
  ) -> Bool {
    guard piece.count <= Self.pieceLimit else { return false }
    var slot = Self.slot(hash)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash, Int(entry.byteCount) == piece.count, holds(piece, entry) {
        let start = Int(entry.tokensStart)
        for position in start..<start + Int(entry.tokenCount) { output.append(tokens[position]) }
        return true
      }
      slot = (slot + 1) % Self.slotCount
    }
    return false
  }

  mutating func insert(
    _ piece: UnsafeBufferPointer<UInt8>, hash: UInt64, tokens found: ArraySlice<Int32>
  ) {
    guard piece.count <= Self.pieceLimit else { return }
    if entries.count == Self.entryLimit { self = PieceCache() }
    var slot = Self.slot(hash)
    while slots[slot] >= 0 { slot = (slot + 1) % Self.slotCount }
    slots[slot] = Int32(entries.count)
    entries.append(
      Entry(
        hash: hash, bytesStart: Int32(bytes.count), tokensStart: Int32(tokens.count),
        byteCount: Int16(piece.count), tokenCount: Int16(found.count)))
    bytes.append(contentsOf: piece)
    tokens.append(contentsOf: found)
  }

  private func holds(_ piece: UnsafeBufferPointer<UInt8>, _ entry: Entry) -> Bool {
    let start = Int(entry.bytesStart)
    return bytes[start..<start + piece.count].elementsEqual(piece)
  }
  private static func slot(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash >> 40) & (slotCount - 1)
  }
}
