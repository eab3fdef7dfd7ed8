// Datasets that are read in their order, for data larger than memory. A sample is made only by the
// rank that needs it: the others pass its record unread. The order, also a shuffled one, depends
// on nothing but seed and epoch, so any place in it is found again by reading up to there.
import Essentials
import Records

/// A sample that is made when it is wanted.
struct PendingSample {
  /// What holding it takes.
  var byteCount: Int
  var make: () throws -> Sample
}

/// Samples one after another.
protocol SampleReader: AnyObject {
  func next() throws -> PendingSample?
  func skip(_ count: Int) throws
}

extension SampleReader {
  func skip(_ count: Int) throws {
    for _ in 0..<count where try next() == nil { return }
  }
}

protocol StreamedDataset: TextDataset {
  var shuffleBufferSize: Int { get }
  /// All samples of an epoch in the data's own order.
  func reader(epoch: Int) throws -> any SampleReader
}

extension StreamedDataset {
  var isPacked: Bool { false }
  /// Reads up to the sample: for a look at the data, not for going through it.
  func sample(at index: Int) throws -> Sample {
    let reader = try reader(epoch: 0)
    try reader.skip(index)
    guard let pending = try reader.next() else {
      throw TuneError(.data, "the dataset has no sample \(index + 1)")
    }
    return try pending.make()
  }
}

/// The samples that a rule makes of streamed records.
struct RecordStream: StreamedDataset {
  let records: StreamedRecords
  let rule: any SampleRule

  var count: Int { records.count }
  var shuffleBufferSize: Int { records.source.shuffleBufferSize }
  func reader(epoch: Int) -> any SampleReader { Reader(base: records.reader(), rule: rule) }

  private final class Reader: SampleReader {
    private let base: StreamedRecords.Reader
    private let rule: any SampleRule
    init(base: StreamedRecords.Reader, rule: any SampleRule) {
      (self.base, self.rule) = (base, rule)
    }
    func next() throws -> PendingSample? {
      let rule = rule
      return try base.next().map { raw in
        PendingSample(byteCount: raw.bytes.count) { try rule.sample(from: raw.record()) }
      }
    }
    func skip(_ count: Int) throws { try base.skip(count) }
  }
}

/// The samples of a dataset at hand, as a stream, in an order that is given.
final class IndexedReader: SampleReader {
  private let dataset: any TextDataset
  private let order: (Int) -> Int?
  private var position = 0

  /// - Parameter order: which sample comes at a position; nil at the end.
  init(_ dataset: any TextDataset, order: @escaping (Int) -> Int?) {
    (self.dataset, self.order) = (dataset, order)
  }
  convenience init(_ dataset: any TextDataset) {
    let count = dataset.count
    self.init(dataset) { $0 < count ? $0 : nil }
  }
  func next() -> PendingSample? {
    guard let index = order(position) else { return nil }
    position += 1
    let dataset = dataset
    return PendingSample(byteCount: 0) { try dataset.sample(at: index) }
  }
  func skip(_ count: Int) { position += count }
}

/// A seeded shuffle within a buffer: each sample given is a random one of those held, and the next
/// of the stream takes its place.
final class ShufflingReader: SampleReader {
  private let base: any SampleReader
  private let size: Int
  private var held: [PendingSample] = []
  private var heldBytes = 0
  private var random: MersenneTwister
  private var hasEnded = false
  private let byteLimit: Int

  /// - Parameter byteLimit: the buffer is full at so many bytes too, however few samples these are.
  init(_ base: any SampleReader, size: Int, seed: UInt64, byteLimit: Int = 256 << 20) {
    self.base = base
    self.size = size
    self.byteLimit = byteLimit
    random = MersenneTwister(seed: seed)
  }

  func next() throws -> PendingSample? {
    while !hasEnded, held.count < size, heldBytes < byteLimit || held.isEmpty {
      guard let sample = try base.next() else {
        hasEnded = true
        break
      }
      held.append(sample)
      heldBytes += sample.byteCount
    }
    guard !held.isEmpty else { return nil }
    held.swapAt(Int(random.next32()) % held.count, held.count - 1)
    let sample = held.removeLast()
    heldBytes -= sample.byteCount
    return sample
  }
}
