// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), and torch's `randperm` on it: the
// order in which data is visited must be the one that torch's samplers give for the same seed.

package struct MersenneTwister: Sendable {
  private static let size = 624
  private static let middle = 397
  private var state: [UInt32]
  private var position = Self.size

  /// Only the low 32 bits of the seed count, as in torch.
  package init(seed: UInt64) {
    state = [UInt32(truncatingIfNeeded: seed)]
    state.reserveCapacity(Self.size)
    for i in 1..<Self.size {
      let previous = state[i - 1]
      state.append(1_812_433_253 &* (previous ^ previous >> 30) &+ UInt32(i))
    }
  }

  package mutating func next32() -> UInt32 {
    if position == Self.size { refill() }
    var y = state[position]
    position += 1
    y ^= y >> 11
    y ^= y << 7 & 0x9D2C_5680
    y ^= y << 15 & 0xEFC6_0000
    return y ^ y >> 18
  }

  /// Two draws, the first in the high half, as torch makes its 64-bit numbers.
  package mutating func next64() -> UInt64 {
    let high = UInt64(next32())
    return high << 32 | UInt64(next32())
  }

  /// A random order of `0 ..< count`, equal to `torch.randperm(count)` on the CPU.
  package mutating func permutation(of count: Int) -> [Int] {
    var order = Array(0..<max(0, count))
    guard count > 1 else { return order }
    for i in 0..<count - 1 {
      // The remainder favours small numbers a little; torch takes it, and so must we.
      order.swapAt(i, i + Int(next32()) % (count - i))
    }
    return order
  }

  private mutating func refill() {
    for i in 0..<Self.size {
      let joined = state[i] & 0x8000_0000 | state[(i + 1) % Self.size] & 0x7FFF_FFFF
      let twisted = state[(i + Self.middle) % Self.size] ^ joined >> 1
      state[i] = joined & 1 == 0 ? twisted : twisted ^ 0x9908_B0DF
    }
    position = 0
  }
}
