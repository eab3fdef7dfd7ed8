// Several datasets one after another.
import Records

struct ConcatenatedDataset: TextDataset {
  private let datasets: [any TextDataset]
  /// Where each dataset begins, and the end.
  private let starts: [Int]
  let isPacked: Bool

  init(_ datasets: [any TextDataset]) {
    self.datasets = datasets
    isPacked = datasets.first?.isPacked ?? false
    starts = datasets.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
  }

  var count: Int { starts.last ?? 0 }
  var packing: PackingCounts? { .sum(of: datasets) }

  func sample(at index: Int) throws -> Sample {
    let position = starts.partitioningIndex { $0 > index } - 1
    return try datasets[position].sample(at: index - starts[position])
  }

  func inEpoch(_ epoch: Int) -> any TextDataset {
    ConcatenatedDataset(datasets.map { $0.inEpoch(epoch) })
  }
}

/// The same where a dataset is streamed.
struct ConcatenatedStream: StreamedDataset {
  let datasets: [any TextDataset]

  var count: Int { datasets.reduce(0) { $0 + $1.count } }
  var shuffleBufferSize: Int { datasets.largestShuffleBuffer }

  func reader(epoch: Int) throws -> any SampleReader {
    ChainedReader(
      try datasets.map {
        try ($0 as? any StreamedDataset)?.reader(epoch: epoch) ?? IndexedReader($0.inEpoch(epoch))
      })
  }
}

private final class ChainedReader: SampleReader {
  private var readers: ArraySlice<any SampleReader>
  init(_ readers: [any SampleReader]) { self.readers = readers[...] }
  func next() throws -> PendingSample? {
    while let first = readers.first {
      if let sample = try first.next() { return sample }
      readers.removeFirst()
    }
    return nil
  }
}
