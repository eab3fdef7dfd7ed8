// Which samples a rank visits, in which order: equal to torch's DistributedSampler, whose order
// depends only on the seed and the epoch.
import Essentials

package struct DistributedSampler: Sendable, Equatable {
  package let count: Int
  package let worldSize: Int
  package let rank: Int
  package let shuffle: Bool
  package let seed: UInt64
  /// The tail that does not divide over the ranks is left out; else the beginning is visited again
  /// to fill it up.
  package let dropLast: Bool

  package init(
    count: Int, worldSize: Int = 1, rank: Int = 0, shuffle: Bool = true, seed: UInt64 = 0,
    dropLast: Bool = false
  ) {
    precondition(count >= 0 && worldSize > 0 && (0..<worldSize).contains(rank))
    self.count = count
    self.worldSize = worldSize
    self.rank = rank
    self.shuffle = shuffle
    self.seed = seed
    self.dropLast = dropLast
  }

  package var countPerRank: Int {
    dropLast ? count / worldSize : (count + worldSize - 1) / worldSize
  }

  package func indices(epoch: Int) -> [Int] {
    guard count > 0 else { return [] }
    var order = Array(0..<count)
    if shuffle {
      var random = MersenneTwister(seed: seed &+ UInt64(truncatingIfNeeded: epoch))
      order = random.permutation(of: count)
    }
    return (0..<countPerRank).map { order[($0 * worldSize + rank) % count] }
  }
}
