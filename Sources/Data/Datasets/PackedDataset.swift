// Packs: samples laid end to end in sequences of one length, so that no token is spent on padding
// but a pack's tail. Greedy and in the dataset's order, as torchtune packs. Each token keeps its
// position in its own sample, and each pack the lengths of its samples, to which attention is held.
// The tokens are made once; many of them go to a file without a name, not to memory.
import Archives
import Essentials

/// The samples that packs were made of, counted when they were packed.
package struct PackingCounts: Sendable, Equatable {
  package private(set) var samples = 0
  /// Without a label that a token before it predicts.
  package private(set) var withoutLabels = 0
  /// As long as samples may be, so that their ends may have been cut off.
  package private(set) var atLimit = 0

  mutating func add(_ sample: Sample, limit: Int) {
    samples += 1
    if !sample.teaches { withoutLabels += 1 }
    if sample.mayBeCut(at: limit) { atLimit += 1 }
  }

  /// Of several datasets; nil where one of them is not packed.
  static func sum(of datasets: [any TextDataset]) -> PackingCounts? {
    var sum = PackingCounts()
    for dataset in datasets {
      guard let counts = dataset.packing else { return nil }
      sum.samples += counts.samples
      sum.withoutLabels += counts.withoutLabels
      sum.atLimit += counts.atLimit
    }
    return sum
  }
}

struct PackedDataset: TextDataset {
  /// A piece of a sample within a pack.
  private struct Segment {
    var count: Int32
    /// The position of its first token in its sample: not 0 where a sample was split.
    var firstPosition: Int32
  }
  private let length: Int
  private let padID: Int32
  private let tokens: StoredBytes
  private let labels: StoredBytes
  private let segments: [Segment]
  /// Where each pack begins among the tokens and the segments, and the end.
  private let packs: [(token: Int, segment: Int)]
  let isPacked = true
  let packing: PackingCounts?

  /// - Parameter splitsSamples: a sample that does not fit continues in the next pack; else it
  ///   begins there.
  init(
    _ dataset: any TextDataset, length: Int, padID: Int32, splitsSamples: Bool,
    memoryLimit: Int = 64 << 20
  ) throws {
    self.length = length
    self.padID = padID
    var packing = Packing(length: length, memoryLimit: memoryLimit)
    var counts = PackingCounts()
    for index in 0..<dataset.count {
      let sample = try dataset.sample(at: index)
      counts.add(sample, limit: length)
      if sample.tokens.isEmpty { continue }
      if splitsSamples {
        try packing.appendSplitting(sample)
      } else {
        guard sample.tokens.count <= length else {
          throw TuneError(
            .data,
            "sample \(index + 1) has \(sample.tokens.count) tokens, more than a pack holds "
              + "(\(length))",
            remedy: "Raise \(Setting.maxSeqLen) or set \(Setting.splitAcrossPack) to True.",
            at: .init(.maxSeqLen))
        }
        try packing.appendWhole(sample)
      }
    }
    packing.close()
    self.packing = counts
    (segments, packs) = (packing.segments, packing.packs)
    (tokens, labels) = (try packing.tokens.finish(), try packing.labels.finish())
    guard count > 0 else {
      throw TuneError(.data, "the dataset is empty: all its samples have no tokens")
    }
  }

  var count: Int { packs.count - 1 }
  /// The tokens lie in memory.
  var isInMemory: Bool { tokens.isInMemory && labels.isInMemory }

  func sample(at index: Int) throws -> Sample {
    let (start, end) = (packs[index], packs[index + 1])
    let padding = length - (end.token - start.token)
    var sample = Sample(
      tokens: try tokens.integers(start.token..<end.token),
      labels: try labels.integers(start.token..<end.token), positions: [], sequenceLengths: [])
    var positions: [Int32] = []
    positions.reserveCapacity(length)
    for segment in segments[start.segment..<end.segment] {
      for offset in 0..<segment.count {
        positions.append((segment.firstPosition + offset) % Int32(length))
      }
      sample.sequenceLengths?.append(Int(segment.count))
    }
    // Padding counts on from the last position, as far as positions go.
    let last = Int(positions.last ?? -1)
    for offset in 0..<padding { positions.append(Int32(min(last + 1 + offset, length - 1))) }
    if padding > 0 { sample.sequenceLengths?.append(padding) }
    sample.positions = positions
    sample.tokens += [Int32](repeating: padID, count: padding)
    sample.labels += [Int32](repeating: ignoreIndex, count: padding)
    return sample
  }

  /// The packs so far, the last of them open.
  private struct Packing {
    let length: Int
    var tokens: ByteSpill
    var labels: ByteSpill
    var segments: [Segment] = []
    var packs: [(token: Int, segment: Int)] = [(0, 0)]

    init(length: Int, memoryLimit: Int) {
      self.length = length
      tokens = ByteSpill(of: "packed dataset", memoryLimit: memoryLimit)
      labels = ByteSpill(of: "packed dataset", memoryLimit: memoryLimit)
    }

    private var tokenCount: Int { tokens.count / 4 }
    private var openCount: Int { tokenCount - (packs.last?.token ?? 0) }

    mutating func close() {
      if openCount > 0 { packs.append((tokenCount, segments.count)) }
    }

    mutating func appendWhole(_ sample: Sample) throws {
      if openCount + sample.tokens.count > length { close() }
      try append(sample, 0..<sample.tokens.count)
    }

    mutating func appendSplitting(_ sample: Sample) throws {
      var start = 0
      while start < sample.tokens.count {
        if openCount == length { close() }
        let end = min(sample.tokens.count, start + length - openCount)
        try append(sample, start..<end)
        start = end
      }
    }

    private mutating func append(_ sample: Sample, _ range: Range<Int>) throws {
      try sample.tokens[range].withUnsafeBytes { try tokens.append($0) }
      try sample.labels[range].withUnsafeBytes { try labels.append($0) }
      segments.append(
        Segment(count: Int32(range.count), firstPosition: Int32(range.lowerBound)))
    }
  }
}

extension StoredBytes {
  fileprivate func integers(_ range: Range<Int>) throws -> [Int32] {
    try bytes(at: range.lowerBound * 4, count: range.count * 4).withUnsafeBytes { bytes in
      (0..<range.count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
  }
}
