// Several datasets mixed by weight. An epoch has as many samples as all datasets together; each
// dataset's share of them is its weight's share, to within one sample, evenly spread. Over the
// epochs a dataset is gone through whole, in a seeded order, before any of its samples comes again:
// what has little weight is not cut, only visited more slowly, and what has much is repeated. All
// this depends on seed and epoch alone, so every rank and every resumed run draws the same.
import Essentials

/// How many samples each dataset gives an epoch, and in which order they take turns.
struct MixingPlan {
  let counts: [Int]
  let shares: [Int]
  private let weights: [Double]

  init(counts: [Int], weights: [Double]) {
    let total = weights.reduce(0, +)
    let all = counts.reduce(0, +)
    self.counts = counts
    self.weights = weights.map { $0 / total }
    let exact = self.weights.map { $0 * Double(all) }
    var shares = exact.map { Int($0) }
    // The samples that rounding down left over go to the largest remainders.
    let order = exact.indices.sorted {
      (exact[$1] - exact[$1].rounded(.down), $0) < (exact[$0] - exact[$0].rounded(.down), $1)
    }
    for place in order.prefix(max(0, all - shares.reduce(0, +))) { shares[place] += 1 }
    self.shares = shares
  }

  /// The datasets in turn: always the one that is furthest behind its weight.
  struct Turns {
    private let plan: MixingPlan
    private var taken: [Int]
    private var position = 0
    init(_ plan: MixingPlan) {
      self.plan = plan
      taken = plan.shares.map { _ in 0 }
    }
    /// The next dataset, and how many of its samples came before in this epoch.
    mutating func next() -> (dataset: Int, before: Int)? {
      position += 1
      var chosen: (dataset: Int, behind: Double)?
      for dataset in taken.indices where taken[dataset] < plan.shares[dataset] {
        let behind = plan.weights[dataset] * Double(position) - Double(taken[dataset])
        if behind > chosen?.behind ?? -.infinity { chosen = (dataset, behind) }
      }
      guard let chosen else { return nil }
      defer { taken[chosen.dataset] += 1 }
      return (chosen.dataset, taken[chosen.dataset])
    }
  }

  /// Which sample of a dataset comes after so many over all epochs; the orders of the passes through
  /// it are made when they are reached.
  struct Draws {
    private let count: Int
    private let seed: UInt64
    private var pass = -1
    private var order: [Int] = []
    init(count: Int, dataset: Int, seed: UInt64) {
      self.count = count
      self.seed = seed &+ UInt64(dataset) &* 1_000_003
    }
    mutating func sample(after drawn: Int) -> Int {
      if drawn / count != pass {
        pass = drawn / count
        var random = MersenneTwister(seed: seed &+ UInt64(pass) &* 7919)
        order = random.permutation(of: count)
      }
      return order[drawn % count]
    }
  }
}

struct MixedDataset: TextDataset {
  private let datasets: [any TextDataset]
  private let plan: MixingPlan
  private let seed: UInt64
  /// For each sample of the epoch its dataset and its place there.
  private var sources: [UInt16] = []
  private var places: [UInt32] = []
  let isPacked: Bool

  init(_ datasets: [any TextDataset], weights: [Double], seed: UInt64) {
    self.datasets = datasets
    self.seed = seed
    plan = MixingPlan(counts: datasets.map(\.count), weights: weights)
    isPacked = datasets.first?.isPacked ?? false
    draw(epoch: 0)
  }

  var count: Int { sources.count }
  var packing: PackingCounts? { .sum(of: datasets) }

  func sample(at index: Int) throws -> Sample {
    try datasets[Int(sources[index])].sample(at: Int(places[index]))
  }

  func inEpoch(_ epoch: Int) -> any TextDataset {
    var other = self
    other.draw(epoch: epoch)
    return other
  }

  private mutating func draw(epoch: Int) {
    var turns = MixingPlan.Turns(plan)
    var draws = plan.counts.enumerated().map {
      MixingPlan.Draws(count: $1, dataset: $0, seed: seed)
    }
    (sources, places) = ([], [])
    while let turn = turns.next() {
      let drawn = epoch * plan.shares[turn.dataset] + turn.before
      sources.append(UInt16(turn.dataset))
      places.append(UInt32(draws[turn.dataset].sample(after: drawn)))
    }
  }
}

/// The same mixture where a dataset is streamed: streamed ones are gone through in their own order.
struct MixedStream: StreamedDataset {
  private let datasets: [any TextDataset]
  private let plan: MixingPlan
  private let seed: UInt64

  init(_ datasets: [any TextDataset], weights: [Double], seed: UInt64) {
    self.datasets = datasets
    self.seed = seed
    plan = MixingPlan(counts: datasets.map(\.count), weights: weights)
  }

  var count: Int { plan.shares.reduce(0, +) }
  var shuffleBufferSize: Int { datasets.largestShuffleBuffer }

  func reader(epoch: Int) throws -> any SampleReader {
    let readers = try datasets.enumerated().map { number, dataset -> any SampleReader in
      let start = epoch * plan.shares[number]
      if let stream = dataset as? any StreamedDataset {
        return try RepeatingReader(stream, skipping: start % max(1, stream.count))
      }
      var draws = MixingPlan.Draws(count: dataset.count, dataset: number, seed: seed)
      return IndexedReader(dataset) { draws.sample(after: start + $0) }
    }
    return TurnsReader(turns: MixingPlan.Turns(plan), readers: readers)
  }
}

private final class TurnsReader: SampleReader {
  private var turns: MixingPlan.Turns
  private let readers: [any SampleReader]
  init(turns: MixingPlan.Turns, readers: [any SampleReader]) {
    (self.turns, self.readers) = (turns, readers)
  }
  func next() throws -> PendingSample? {
    guard let turn = turns.next() else { return nil }
    return try readers[turn.dataset].next()
  }
}

/// A stream that begins again at its end.
private final class RepeatingReader: SampleReader {
  private let dataset: any StreamedDataset
  private var reader: any SampleReader
  init(_ dataset: any StreamedDataset, skipping count: Int) throws {
    self.dataset = dataset
    reader = try dataset.reader(epoch: 0)
    try reader.skip(count)
  }
  func next() throws -> PendingSample? {
    if let sample = try reader.next() { return sample }
    reader = try dataset.reader(epoch: 0)
    return try reader.next()
  }
}

extension [any TextDataset] {
  var largestShuffleBuffer: Int {
    lazy.compactMap { ($0 as? any StreamedDataset)?.shuffleBufferSize }.max() ?? 1
  }
}
