// Streamed datasets: their order, going on where a run stopped, mixing, and what they keep.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Tokenizers

private struct Numbered: TextDataset {
  let first: Int
  let count: Int
  var isPacked = false
  func sample(at index: Int) throws -> Sample {
    Sample(tokens: [Int32(first + index)], labels: [Int32(first + index)])
  }
}

@Suite struct StreamingTests {
  let tokenizer: Llama3Tokenizer
  let folder: URL
  init() throws {
    tokenizer = try Fixtures.tokenizer(.tinyJSON)
    folder = try Fixtures.folder()
    for (name, range) in [("a", 0..<40), ("b", 40..<55)] {
      let lines = range.map { "{\"text\": \"\($0)\"}\n" }.joined()
      try Data(lines.utf8).write(to: folder.appendingPathComponent("\(name).jsonl"))
    }
  }

  private func dataset(
    _ streamed: Bool, split: String = "train", buffer: Int = 8
  ) throws -> any TextDataset {
    var source = DataSource(
      source: "json", dataFiles: ["a", "b"].map { "\(folder.path)/\($0).jsonl" }, split: split)
    source.isStreamed = streamed
    source.shuffleBufferSize = buffer
    return try Datasets.textCompletion(source, tokenizer: tokenizer)
  }
  private func stream(
    _ dataset: any TextDataset, shuffle: Bool, batchSize: Int = 3, worldSize: Int = 1,
    rank: Int = 0, seed: UInt64 = 0
  ) throws -> BatchStream {
    let sampler = DistributedSampler(
      count: dataset.count, worldSize: worldSize, rank: rank, shuffle: shuffle, seed: seed)
    return try BatchStream(dataset, sampler: sampler, batchSize: batchSize, padID: 0)
  }
  private func epoch(_ stream: BatchStream, _ epoch: Int = 0) throws -> [Batch] {
    var stream = stream
    stream.beginEpoch(epoch)
    var batches: [Batch] = []
    while let batch = try stream.next() { batches.append(batch) }
    return batches
  }
  private func rows(_ batches: [Batch]) -> [[Int32]] {
    batches.flatMap { batch in
      (0..<batch.rowCount).map { row in
        Array(batch.tokens[row * batch.width..<(row + 1) * batch.width].filter { $0 != 0 })
      }
    }
  }

  @Test(arguments: ["train", "train[:50%]", "train[38:44]", "train[50:]+train[:3]"])
  func unshuffledAStreamIsTheDataset(_ split: String) throws {
    let (indexed, streamed) = (try dataset(false, split: split), try dataset(true, split: split))
    #expect(indexed.count == streamed.count)
    for index in 0..<indexed.count {
      #expect(try indexed.sample(at: index) == streamed.sample(at: index))
    }
    #expect(
      try epoch(stream(indexed, shuffle: false)) == epoch(stream(streamed, shuffle: false)))
  }

  @Test func aShuffledStreamHasEverySampleOnce() throws {
    let streamed = try dataset(true)
    let ordered = try rows(epoch(stream(streamed, shuffle: false, batchSize: 5)))
    let shuffled = try rows(epoch(stream(streamed, shuffle: true, batchSize: 5)))
    #expect(shuffled != ordered && ordered.count == 55)
    #expect(
      shuffled.sorted { $0.lexicographicallyPrecedes($1) }
        == ordered.sorted { $0.lexicographicallyPrecedes($1) })
    // No sample comes earlier than the buffer lets it.
    for (position, row) in shuffled.enumerated() {
      #expect(try #require(ordered.firstIndex(of: row)) < position + 8)
    }
    #expect(try rows(epoch(stream(streamed, shuffle: true, batchSize: 5))) == shuffled)
    #expect(try rows(epoch(stream(streamed, shuffle: true, batchSize: 5), 1)) != shuffled)
    #expect(try rows(epoch(stream(streamed, shuffle: true, batchSize: 5, seed: 7))) != shuffled)
    #expect(
      try rows(epoch(stream(try dataset(true, buffer: 1), shuffle: true, batchSize: 5))) == ordered)
  }

  @Test func aBufferHoldsNoMoreThanItsBytes() throws {
    let base = try #require(try dataset(true) as? any StreamedDataset)
    let size = try #require(try base.reader(epoch: 0).next()).byteCount
    #expect(size == "{\"text\": \"0\"}".utf8.count)
    let held = ShufflingReader(
      try base.reader(epoch: 0), size: 1000, seed: 1, byteLimit: size * 4)
    let ordered = try (0..<55).map { try base.sample(at: $0) }
    for position in 0..<55 {
      let sample = try #require(try held.next()).make()
      #expect(try #require(ordered.firstIndex(of: sample)) < position + 4)
    }
    #expect(try held.next() == nil)
  }

  @Test(arguments: [false, true])
  func aRestoredStreamGoesOnAsIfNeverStopped(shuffle: Bool) throws {
    for epochNumber in 0..<2 {
      let whole = try epoch(stream(try dataset(true), shuffle: shuffle), epochNumber)
      #expect(whole.count == 18)
      for position in 0...18 {
        var resumed = try stream(try dataset(true), shuffle: shuffle)
        try resumed.restore(.init(epoch: epochNumber, batch: position))
        var rest: [Batch] = []
        while let batch = try resumed.next() { rest.append(batch) }
        #expect(rest == Array(whole[position...]))
      }
    }
  }

  @Test func copiesOfAStreamDoNotDisturbEachOther() throws {
    var one = try stream(try dataset(true), shuffle: true)
    let whole = try epoch(one)
    var seen = [try one.next()]
    var other = one
    _ = try other.next()
    for _ in 0..<5 { seen.append(try one.next()) }
    #expect(seen.compactMap { $0 } == Array(whole.prefix(6)))
    #expect(try other.next() == whole[2])
  }

  @Test(arguments: [2, 3])
  func ranksShareTheStream(worldSize: Int) throws {
    let streamed = try dataset(true)
    let one = try rows(epoch(stream(streamed, shuffle: true, batchSize: worldSize * 2)))
    var ranks = try (0..<worldSize).map {
      try stream(streamed, shuffle: true, batchSize: 2, worldSize: worldSize, rank: $0)
    }
    let batches = ranks[0].batchesPerEpoch
    #expect(batches == 55 / (2 * worldSize))
    var position = 0
    for _ in 0..<batches {
      let own = try ranks.indices.map { rows([try #require(try ranks[$0].next())]) }
      for index in 0..<2 {
        for rank in 0..<worldSize {
          #expect(own[rank][index] == one[position])
          position += 1
        }
      }
    }
    // Another number of processes goes on where this one stands.
    var other = try stream(streamed, shuffle: true, batchSize: 1)
    try ranks[1].restore(.init(epoch: 0, batch: 3))
    try other.seek(epoch: 0, consumedSamples: ranks[1].consumedSamples)
    #expect(rows([try #require(try other.next())]) == [one[6 * worldSize]])
  }

  @Test func aFileThatShrinksIsAnError() throws {
    let streamed = try dataset(true)
    var batches = try stream(streamed, shuffle: false)
    try Data("{\"text\": \"0\"}\n".utf8).write(to: folder.appendingPathComponent("a.jsonl"))
    let error = try tuneError { while try batches.next() != nil {} }
    #expect(error.code == .data && error.message.contains("fewer records"))
  }

  @Test func streamsCannotBePacked() throws {
    var source = DataSource(source: folder.path + "/a.jsonl")
    source.isStreamed = true
    let error = try tuneError {
      _ = try Datasets.textCompletion(source, tokenizer: tokenizer, packed: true)
    }
    #expect(error.code == .configuration && error.location.key == "isStreamed")
    source.shuffleBufferSize = 0
    #expect(
      try tuneError { _ = try Datasets.textCompletion(source, tokenizer: tokenizer) }.location.key
        == "shuffleBufferSize")
    let broken = try tuneError { _ = try dataset(true, split: "train[:0]") }
    #expect(broken.code == .data)
  }

  @Test func manyPacksLieOnDisk() throws {
    let plain = try dataset(false)
    let memory = try PackedDataset(plain, length: 12, padID: 0, splitsSamples: true)
    let disk = try PackedDataset(
      plain, length: 12, padID: 0, splitsSamples: true, memoryLimit: 16)
    #expect(memory.isInMemory && !disk.isInMemory)
    #expect(memory.count == disk.count && memory.count > 5)
    for index in 0..<memory.count {
      #expect(try memory.sample(at: index) == disk.sample(at: index))
    }
  }

  // MARK: Mixing

  private func numbers(_ dataset: any TextDataset) throws -> [Int] {
    try (0..<dataset.count).map { Int(try dataset.sample(at: $0).tokens[0]) }
  }

  @Test func sharesAreTheWeights() throws {
    let parts: [any TextDataset] = [
      Numbered(first: 0, count: 50), Numbered(first: 100, count: 30),
      Numbered(first: 200, count: 20),
    ]
    let mixed = try Datasets.mixed(parts, weights: [1, 2, 1], seed: 4)
    #expect(mixed.count == 100)
    for epoch in 0..<4 {
      let drawn = try numbers(mixed.inEpoch(epoch))
      for (part, share) in [(0, 25), (1, 50), (2, 25)] {
        #expect(drawn.count { $0 / 100 == part } == share)
      }
      // Evenly spread: no window of four is far from its share.
      for start in stride(from: 0, to: 100, by: 4) {
        #expect((1...3).contains(drawn[start..<start + 4].count { $0 / 100 == 1 }))
      }
    }
  }

  /// Whatever its weight: all of a dataset comes before any of it comes again.
  @Test(arguments: [[1.0, 9.0], [0.3, 0.3], [5.0, 1.0]])
  func everySampleComesBeforeAnyComesAgain(_ weights: [Double]) throws {
    let parts: [any TextDataset] = [Numbered(first: 0, count: 13), Numbered(first: 100, count: 7)]
    let mixed = try Datasets.mixed(parts, weights: weights, seed: 9)
    var drawn: [[Int]] = [[], []]
    for epoch in 0..<12 {
      for number in try numbers(mixed.inEpoch(epoch)) { drawn[number / 100].append(number % 100) }
    }
    for (part, count) in [(0, 13), (1, 7)] {
      for pass in 0..<drawn[part].count / count {
        let once = drawn[part][pass * count..<(pass + 1) * count]
        #expect(Set(once).count == count, "part \(part), pass \(pass)")
      }
    }
    #expect(drawn[0].count + drawn[1].count == 240)
  }

  @Test func mixingDependsOnSeedAndEpochOnly() throws {
    let parts: [any TextDataset] = [Numbered(first: 1, count: 31), Numbered(first: 100, count: 17)]
    func mixed(_ seed: UInt64) throws -> any TextDataset {
      try Datasets.mixed(parts, weights: [0.7, 0.3], seed: seed)
    }
    let later = try numbers(try mixed(1).inEpoch(0).inEpoch(5))
    #expect(try numbers(try mixed(1).inEpoch(5)) == later)
    #expect(try numbers(try mixed(2).inEpoch(5)) != later)
    #expect(try numbers(try mixed(1).inEpoch(4)) != later)
    // A batch stream draws anew each epoch, and a restored one the same.
    let whole = try epoch(stream(try mixed(1), shuffle: true, batchSize: 4), 3)
    var resumed = try stream(try mixed(1), shuffle: true, batchSize: 4)
    try resumed.restore(.init(epoch: 3, batch: 5))
    #expect(try resumed.next() == whole[5])
    let ordered = try rows(epoch(stream(try mixed(1), shuffle: false, batchSize: 4), 5))
    #expect(ordered == later.map { [Int32($0)] })
  }

  @Test func streamsAreMixedToo() throws {
    let parts: [any TextDataset] = [try dataset(true), Numbered(first: 2000, count: 20)]
    let mixed = try Datasets.mixed(parts, weights: [1, 4], seed: 2)
    #expect(mixed.count == 75 && mixed is any StreamedDataset)
    var fromStream: [[Int32]] = []
    for number in 0..<4 {
      let drawn = try rows(epoch(stream(mixed, shuffle: false, batchSize: 5), number))
      let own = drawn.filter { $0.count > 1 || $0[0] < 2000 }
      #expect(own.count == 15 && drawn.count == 75)
      fromStream += own
    }
    // 60 draws of a stream of 55: once through it, and then from its start.
    let whole = try rows(epoch(stream(try dataset(true), shuffle: false, batchSize: 5)))
    #expect(fromStream == whole + whole.prefix(5))
    let batches = try epoch(stream(mixed, shuffle: true), 2)
    var resumed = try stream(mixed, shuffle: true)
    try resumed.restore(.init(epoch: 2, batch: 11))
    #expect(try resumed.next() == batches[11])
  }

  @Test func streamsAreConcatenatedToo() throws {
    let indexed = try Datasets.concatenated([try dataset(false), try dataset(false)])
    let streamed = try Datasets.concatenated([try dataset(true), try dataset(false)])
    #expect(streamed is any StreamedDataset && streamed.count == 110)
    #expect(
      try epoch(stream(indexed, shuffle: false)) == epoch(stream(streamed, shuffle: false)))
  }

  @Test func wrongWeightsAreErrors() throws {
    let parts: [any TextDataset] = [Numbered(first: 0, count: 3), Numbered(first: 9, count: 3)]
    for weights in [[1.0], [1, 0], [1, -1], [1, .nan], [1, .infinity], []] {
      let error = try tuneError { _ = try Datasets.mixed(parts, weights: weights) }
      #expect(error.code == .configuration && error.location.key == "weights")
    }
    let packed: [any TextDataset] = [parts[0], Numbered(first: 0, count: 3, isPacked: true)]
    #expect(
      try tuneError { _ = try Datasets.mixed(packed, weights: [1, 1]) }.code == .configuration)
    #expect(try tuneError { _ = try Datasets.mixed([], weights: []) }.code == .configuration)
  }
}
