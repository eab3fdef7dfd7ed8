// The batches of one rank, epoch after epoch. Where the stream stands is two numbers, from which it
// goes on exactly as if it had never stopped: the order depends only on seed and epoch.
import Essentials

package struct BatchStream: Sendable {
  package struct State: Codable, Equatable, Sendable {
    package var epoch: Int
    /// How many batches of the epoch have been given.
    package var batch: Int
    package init(epoch: Int, batch: Int) {
      self.epoch = epoch
      self.batch = batch
    }
  }
  private let dataset: any TextDataset
  /// The dataset as it is in the current epoch.
  private var current: any TextDataset
  /// Where the run stands in a streamed dataset.
  private let stream: StreamPosition?
  private let sampler: DistributedSampler
  private let padID: Int32
  /// This rank's samples in the order of the current epoch; none of a streamed dataset.
  private var order: [Int]
  package let batchSize: Int
  /// A last batch that is not full is left out, as in the reference.
  package let batchesPerEpoch: Int
  package private(set) var state = State(epoch: 0, batch: 0)

  /// - Throws: `TuneError` `.data` when there is not one whole batch for each rank.
  package init(
    _ dataset: any TextDataset, sampler: DistributedSampler, batchSize: Int, padID: Int32
  ) throws {
    precondition(sampler.count == dataset.count)
    guard batchSize > 0 else {
      throw TuneError(
        .configuration, "\(Setting.batchSize) must be at least 1, not \(batchSize)",
        at: .init(.batchSize))
    }
    self.dataset = dataset
    current = dataset
    stream = (dataset as? any StreamedDataset).map { StreamPosition($0, sampler: sampler) }
    self.sampler = sampler
    self.batchSize = batchSize
    self.padID = padID
    // A stream is not begun again to fill up a last step.
    batchesPerEpoch =
      stream == nil
      ? sampler.countPerRank / batchSize : dataset.count / (batchSize * sampler.worldSize)
    guard batchesPerEpoch > 0 else {
      throw TuneError(
        .data,
        "the dataset has \(dataset.count) samples, fewer than one batch of \(batchSize) for each of "
          + "\(sampler.worldSize) processes",
        remedy: "Lower \(Setting.batchSize), use fewer processes, or give more data.",
        at: .init(.batchSize))
    }
    order = stream == nil ? sampler.indices(epoch: 0) : []
  }

  /// The next batch, or nil at the end of the epoch.
  package mutating func next() throws -> Batch? {
    guard state.batch < batchesPerEpoch else { return nil }
    let samples: [Sample]
    if let stream {
      samples = try stream.samples(batchSize, epoch: state.epoch, after: consumedSamples)
    } else {
      let start = state.batch * batchSize
      samples = try order[start..<start + batchSize].map { try current.sample(at: $0) }
    }
    state.batch += 1
    return Batch(samples, padID: padID)
  }

  /// Goes to the start of an epoch.
  package mutating func beginEpoch(_ epoch: Int) {
    if epoch != state.epoch, stream == nil {
      order = sampler.indices(epoch: epoch)
      current = dataset.inEpoch(epoch)
    }
    state = State(epoch: epoch, batch: 0)
  }

  /// - Throws: `TuneError` when the stream has no such place: the data or the batch size changed.
  package mutating func restore(_ saved: State) throws {
    guard saved.epoch >= 0, (0...batchesPerEpoch).contains(saved.batch) else {
      throw TuneError(
        .checkpointMismatch,
        "the saved run stood at batch \(saved.batch) of epoch \(saved.epoch), but an epoch of this "
          + "run has \(batchesPerEpoch) batches",
        remedy: "Resume with the dataset, batch size and number of processes of the saved run.")
    }
    beginEpoch(saved.epoch)
    state.batch = saved.batch
  }

  package var worldSize: Int { sampler.worldSize }
  package var sampleCount: Int { sampler.count }
  /// Samples that are in no batch of an epoch.
  package var leftOutSamples: Int {
    max(0, sampleCount - batchesPerEpoch * batchSize * worldSize)
  }

  /// Samples of this epoch given so far, over all ranks.
  package var consumedSamples: Int { state.batch * batchSize * sampler.worldSize }

  /// Goes on after so many samples of an epoch, also of a run with another number of processes.
  /// - Throws: `TuneError` when that is not the end of a batch of this run.
  package mutating func seek(epoch: Int, consumedSamples: Int) throws {
    let step = batchSize * sampler.worldSize
    guard consumedSamples >= 0, consumedSamples % step == 0 else {
      throw TuneError(
        .checkpointMismatch,
        "the saved run stopped after \(consumedSamples) samples, which is not a multiple of this run's "
          + "\(batchSize) x \(sampler.worldSize) samples a step",
        remedy:
          "Choose \(Setting.batchSize) and the number of processes so that their product divides it.",
        at: .init(.batchSize))
    }
    try restore(State(epoch: epoch, batch: consumedSamples / step))
  }
}
