// The order of data: torch's random numbers and sampler, batches, and going on where a run stopped.
import Essentials
import TestSupport
import Testing

@testable import Datasets

private struct Counting: TextDataset {
  let count: Int
  let isPacked = false
  func sample(at index: Int) throws -> Sample {
    let tokens = [Int32](repeating: Int32(index), count: 1 + index % 5)
    return Sample(tokens: tokens, labels: tokens.enumerated().map { $0 == 0 ? ignoreIndex : $1 })
  }
}

@Suite struct BatchStreamTests {
  @Test func theTwisterIsTheOriginal() {
    // The published check: the 10,000th number of the default seed.
    var random = MersenneTwister(seed: 5489)
    #expect(random.next32() == 3_499_211_612)
    for _ in 1..<9_999 { _ = random.next32() }
    #expect(random.next32() == 4_123_659_995)
    var high = MersenneTwister(seed: 1 << 40 | 5489)
    #expect(high.next32() == 3_499_211_612)
    var pair = MersenneTwister(seed: 5489)
    #expect(pair.next64() >> 32 == 3_499_211_612)
    #expect(random.permutation(of: 0) == [] && random.permutation(of: 1) == [0])
  }

  @Test func theSamplerIsTorchs() throws {
    let cases = try #require(
      try JSON.load(path: fixturePath("DatasetsTests/Fixtures/distributed_sampler.json"))["cases"]?
        .array)
    #expect(cases.count == 36)
    for row in cases {
      let count = try #require(row["n"]?.integer)
      let world = try #require(row["world"]?.integer)
      for (rank, golden) in try #require(row["first40_per_rank"]?.array).enumerated() {
        let sampler = DistributedSampler(
          count: count, worldSize: world, rank: rank, shuffle: row["shuffle"] == true)
        let indices = sampler.indices(epoch: try #require(row["epoch"]?.integer))
        #expect(indices.prefix(40).map { Int32($0) } == golden.ids)
        #expect(indices.count == sampler.countPerRank)
      }
    }
  }

  @Test(arguments: [false, true])
  func ranksShareTheData(dropLast: Bool) {
    let all = (0..<3).flatMap {
      DistributedSampler(count: 10, worldSize: 3, rank: $0, dropLast: dropLast).indices(epoch: 2)
    }
    #expect(all.count == (dropLast ? 9 : 12))
    #expect(Set(all).count == (dropLast ? 9 : 10))
  }

  private func stream(batchSize: Int = 2, worldSize: Int = 1, rank: Int = 0) throws -> BatchStream {
    let sampler = DistributedSampler(count: 23, worldSize: worldSize, rank: rank)
    return try BatchStream(Counting(count: 23), sampler: sampler, batchSize: batchSize, padID: 99)
  }

  @Test func aRestoredStreamGoesOnAsIfNeverStopped() throws {
    var whole = try stream()
    #expect(whole.batchesPerEpoch == 11)
    var batches: [[Batch]] = [[], []]
    for epoch in 0..<2 {
      whole.beginEpoch(epoch)
      while let batch = try whole.next() { batches[epoch].append(batch) }
      #expect(batches[epoch].count == 11)
    }
    #expect(batches[0] != batches[1])
    for epoch in 0..<2 {
      for position in 0...11 {
        var resumed = try stream()
        try resumed.restore(.init(epoch: epoch, batch: position))
        var rest: [Batch] = []
        while let batch = try resumed.next() { rest.append(batch) }
        #expect(rest == Array(batches[epoch][position...]))
      }
    }
  }

  @Test func anotherNumberOfProcessesSeesTheSameSamples() throws {
    var one = try stream(batchSize: 4)
    var two = try (0..<2).map { try stream(batchSize: 2, worldSize: 2, rank: $0) }
    for _ in 0..<3 { _ = try one.next() }
    for rank in 0..<2 { try two[rank].seek(epoch: 0, consumedSamples: one.consumedSamples) }
    let expected = try #require(try one.next())
    let halves = try two.indices.map { try #require(try two[$0].next()) }
    func samples(_ batch: Batch) -> [Int32] {
      (0..<batch.rowCount).map { batch.tokens[$0 * batch.width] }
    }
    #expect(Set(samples(expected)) == Set(halves.flatMap(samples)))
    #expect(
      try tuneError { try two[0].seek(epoch: 0, consumedSamples: 3) }.code == .checkpointMismatch)
    #expect(
      try tuneError { try one.restore(.init(epoch: 0, batch: 77)) }.code == .checkpointMismatch)
    #expect(
      try tuneError { try one.restore(.init(epoch: -1, batch: 0)) }.code == .checkpointMismatch)
  }

  @Test func labelsAreShiftedWithinTheirRow() {
    let rows = [
      Sample(tokens: [1, 2, 3], labels: [-100, 2, 3]), Sample(tokens: [4], labels: [4]),
      Sample(tokens: [], labels: []),
    ]
    let batch = Batch(rows, padID: 9)
    #expect(batch.tokens == [1, 2, 3, 4, 9, 9, 9, 9, 9])
    #expect(batch.labels == [-100, 2, 3, 4, -100, -100, -100, -100, -100])
    #expect(batch.shiftedLabels() == [2, 3, -100, -100, -100, -100, -100, -100, -100])
    #expect(batch.positions == [0, 1, 2, 0, 1, 2, 0, 1, 2])
    #expect(batch.labelCount == 3)
    #expect(Batch([rows[2]], padID: 9).tokens == [9])
  }

  @Test func tooLittleDataIsAnError() throws {
    let error = try tuneError { _ = try stream(batchSize: 13, worldSize: 2) }
    #expect(error.code == .data && error.location.key == "batchSize")
    #expect(try tuneError { _ = try stream(batchSize: 0) }.code == .configuration)
  }
}
