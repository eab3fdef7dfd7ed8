// Tokens by their bytes and bytes by their token: one buffer and an open-addressing hash table, so
// that looking up a piece of text allocates nothing. Also the table of pairs that may merge.

/// A fast hash of a few bytes; FNV-1a with a last mixing step.
@inline(__always)
func hashOfBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
  return (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15
}

struct TokenTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where the bytes of each id lie; an id without a token covers none.
  private var starts: [Int32] = []
  private var counts: [Int32] = []
  private var slots: [Int32]
  private let mask: Int
  private(set) var count = 0

  /// Tokens and ids must be unique, ids below `idLimit`.
  init(_ tokens: [(bytes: [UInt8], id: Int32)], idLimit: Int) {
    var capacity = 16
    while capacity < tokens.count * 2 { capacity *= 2 }
    slots = [Int32](repeating: -1, count: capacity)
    mask = capacity - 1
    starts = [Int32](repeating: 0, count: idLimit)
    counts = [Int32](repeating: 0, count: idLimit)
    bytes.reserveCapacity(tokens.reduce(0) { $0 + $1.bytes.count })
    for (token, id) in tokens {
      starts[Int(id)] = Int32(bytes.count)
      counts[Int(id)] = Int32(token.count)
      bytes.append(contentsOf: token)
      var slot = token.withUnsafeBufferPointer { Int(truncatingIfNeeded: hashOfBytes($0)) & mask }
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = id
    }
    count = tokens.count
  }

  var idLimit: Int { starts.count }

  /// The bytes of a token; empty for an id that has none.
  func bytes(of id: Int32) -> ArraySlice<UInt8> {
    guard id >= 0, Int(id) < starts.count else { return [] }
    let start = Int(starts[Int(id)])
    return bytes[start..<start + Int(counts[Int(id)])]
  }

  func id(of token: UnsafeBufferPointer<UInt8>) -> Int32? {
    var slot = Int(truncatingIfNeeded: hashOfBytes(token)) & mask
    while true {
      let candidate = slots[slot]
      if candidate < 0 { return nil }
      if Int(counts[Int(candidate)]) == token.count {
        let start = Int(starts[Int(candidate)])
        if bytes[start..<start + token.count].elementsEqual(token) { return candidate }
      }
      slot = (slot + 1) & mask
    }
  }
  func id(of token: some Collection<UInt8>) -> Int32? {
    Array(token).withUnsafeBufferPointer { id(of: $0) }
  }
}

/// Which two tokens merge into which, and how early: the lowest rank first.
struct PairTable: Sendable {
  private var keys: [UInt64]
  private var values: [UInt64]
  private var mask: Int
  private(set) var count = 0
  private static let free = UInt64.max
  /// Rank of a pair that does not merge; no pair has it.
  static let none = UInt64.max

  init(capacity: Int) {
    var slots = 16
    while slots < capacity * 2 { slots *= 2 }
    keys = [UInt64](repeating: Self.free, count: slots)
    values = [UInt64](repeating: Self.none, count: slots)
    mask = slots - 1
  }

  /// Rank in the high half, merged token in the low half; `none` when the two do not merge.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = Self.key(left, right)
    var slot = Self.slot(key, mask)
    while true {
      if keys[slot] == key { return values[slot] }
      if keys[slot] == Self.free { return Self.none }
      slot = (slot + 1) & mask
    }
  }

  /// The first rank given to a pair counts.
  mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32, merged: Int32) {
    if (count + 1) * 2 > keys.count { grow() }
    insert(Self.key(left, right), UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged)))
  }

  private mutating func insert(_ key: UInt64, _ value: UInt64) {
    var slot = Self.slot(key, mask)
    while keys[slot] != Self.free {
      if keys[slot] == key { return }
      slot = (slot + 1) & mask
    }
    keys[slot] = key
    values[slot] = value
    count += 1
  }

  private mutating func grow() {
    let (oldKeys, oldValues) = (keys, values)
    self = PairTable(capacity: oldKeys.count)
    for (key, value) in zip(oldKeys, oldValues) where key != Self.free { insert(key, value) }
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }
  @inline(__always)
  private static func slot(_ key: UInt64, _ mask: Int) -> Int {
    let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 20) & mask
  }
}
