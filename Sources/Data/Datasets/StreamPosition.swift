// Where a run stands in a streamed dataset. Batches are taken from one order that all ranks share:
// of each step's samples a rank makes its own and passes the others'.
import Essentials
import Synchronization

/// An open stream. Copies of a batch stream share it: who finds it elsewhere than he is starts it
/// again and reads up to his own place.
final class StreamPosition: Sendable {
  private struct Open {
    var epoch = -1
    var position = 0
    var reader: (any SampleReader)?
  }
  private let dataset: any StreamedDataset
  private let sampler: DistributedSampler
  private let open = Mutex(Open())

  init(_ dataset: any StreamedDataset, sampler: DistributedSampler) {
    self.dataset = dataset
    self.sampler = sampler
  }

  /// This rank's `count` samples of the step that begins behind `position` samples of all ranks.
  func samples(_ count: Int, epoch: Int, after position: Int) throws -> [Sample] {
    try open.withLock { open in
      if open.epoch != epoch || open.position != position || open.reader == nil {
        open.reader = nil
        let fresh = try reader(epoch: epoch)
        try fresh.skip(position)
        open = Open(epoch: epoch, position: position, reader: fresh)
      }
      var samples: [Sample] = []
      for index in 0..<count * sampler.worldSize {
        guard let pending = try open.reader?.next() else {
          open.reader = nil
          throw TuneError(
            .data, "the dataset has fewer records than when the run began",
            remedy: "Leave data files alone while a run reads them.")
        }
        if index % sampler.worldSize == sampler.rank { samples.append(try pending.make()) }
      }
      open.position += count * sampler.worldSize
      return samples
    }
  }

  private func reader(epoch: Int) throws -> any SampleReader {
    let ordered = try dataset.reader(epoch: epoch)
    guard sampler.shuffle else { return ordered }
    return ShufflingReader(
      ordered, size: dataset.shuffleBufferSize,
      seed: sampler.seed &+ UInt64(truncatingIfNeeded: epoch))
  }
}
