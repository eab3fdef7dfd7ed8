// The random numbers that one input is made with. Each input has its own, from the seed and the input's
// number, so that any of millions can be made again without those before it.

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance {
  private var state: UInt64

  init(seed: UInt64, number: UInt64) {
    state = seed
    state = next() ^ number
    _ = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A number in `0 ..< count`.
  /// - Parameter count: at least 1.
  mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

  mutating func isOne(in count: Int) -> Bool { below(count) == 0 }

  /// One of `values`, which must not be empty.
  mutating func pick<Values: RandomAccessCollection>(_ values: Values) -> Values.Element {
    values[values.index(values.startIndex, offsetBy: below(values.count))]
  }
}
