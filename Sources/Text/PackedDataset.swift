// Packs: samples laid end to end in sequences of one length, so that no token is spent on padding
// but a pack's tail. Greedy and in the dataset's order, as torchtune packs. Each token keeps its
// position in its own sample, and each pack the lengths of its samples, to which attention is held.
import Essentials

struct PackedDataset: TextDataset {
  /// A piece of a sample within a pack.
  private struct Segment {
    var count: Int
    /// The position of its first token in its sample: not 0 where a sample was split.
    var firstPosition: Int
  }
  private let length: Int
  private let padID: Int32
  private var tokens: [Int32] = []
  private var labels: [Int32] = []
  private var segments: [Segment] = []
  /// Where each pack begins among the tokens and the segments, and the end.
  private var packs: [(token: Int, segment: Int)] = [(0, 0)]
  let isPacked = true

  /// - Parameter splitsSamples: a sample that does not fit continues in the next pack; else it
  ///   begins there.
  init(_ dataset: any TextDataset, length: Int, padID: Int32, splitsSamples: Bool) throws {
    self.length = length
    self.padID = padID
    for index in 0..<dataset.count {
      let sample = try dataset.sample(at: index)
      if sample.tokens.isEmpty { continue }
      if splitsSamples {
        appendSplitting(sample)
      } else {
        guard sample.tokens.count <= length else {
          throw TuneError(
            .data,
            "sample \(index + 1) has \(sample.tokens.count) tokens, more than a pack holds "
              + "(\(length))",
            remedy: "Raise tokenizer.max_seq_len or set split_across_pack: True.",
            at: .init(key: "tokenizer.max_seq_len"))
        }
        if openCount + sample.tokens.count > length { closePack() }
        append(sample, 0..<sample.tokens.count)
      }
    }
    if openCount > 0 { closePack() }
    guard count > 0 else {
      throw TuneError(.data, "the dataset is empty: all its samples have no tokens")
    }
  }

  var count: Int { packs.count - 1 }

  func sample(at index: Int) throws -> Sample {
    let (start, end) = (packs[index], packs[index + 1])
    let padding = length - (end.token - start.token)
    var sample = Sample(
      tokens: Array(tokens[start.token..<end.token]),
      labels: Array(labels[start.token..<end.token]), positions: [], sequenceLengths: [])
    var positions: [Int32] = []
    positions.reserveCapacity(length)
    for segment in segments[start.segment..<end.segment] {
      for offset in 0..<segment.count {
        positions.append(Int32((segment.firstPosition + offset) % length))
      }
      sample.sequenceLengths?.append(segment.count)
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

  private var openCount: Int { tokens.count - (packs.last?.token ?? 0) }

  private mutating func append(_ sample: Sample, _ range: Range<Int>) {
    tokens += sample.tokens[range]
    labels += sample.labels[range]
    segments.append(Segment(count: range.count, firstPosition: range.lowerBound))
  }

  private mutating func appendSplitting(_ sample: Sample) {
    var start = 0
    while start < sample.tokens.count {
      if openCount == length { closePack() }
      let end = min(sample.tokens.count, start + length - openCount)
      append(sample, start..<end)
      start = end
    }
  }

  private mutating func closePack() { packs.append((tokens.count, segments.count)) }
}
