// Samples side by side: rows of equal width, padded at the end.
// B rows, T tokens a row; the arrays are flat, row after row.

package struct Batch: Sendable, Equatable {
  /// B.
  package let rowCount: Int
  /// T.
  package let width: Int
  package let tokens: [Int32]
  /// Not shifted; `ignoreIndex` where nothing is to be learned.
  package let labels: [Int32]
  /// The position of each token in its own sample.
  package let positions: [Int32]
  /// For each row how many tokens its segments have; they sum up to T. A row that is no pack is one
  /// segment; the padding of a pack is a segment of its own.
  package let sequenceLengths: [[Int]]
  /// Attention must stay inside each segment.
  package let isPacked: Bool

  /// Pads to the longest sample; packs have one length already.
  package init(_ samples: [Sample], padID: Int32) {
    // A batch of empty texts still has a column, so that it is a batch.
    let width = max(1, samples.map(\.tokens.count).max() ?? 0)
    var (tokens, labels, positions): ([Int32], [Int32], [Int32]) = ([], [], [])
    var lengths: [[Int]] = []
    for sample in samples {
      let padding = width - sample.tokens.count
      tokens += sample.tokens
      tokens += [Int32](repeating: padID, count: padding)
      labels += sample.labels
      labels += [Int32](repeating: ignoreIndex, count: padding)
      let own = sample.positions ?? []
      positions += own
      for position in own.count..<width { positions.append(Int32(position)) }
      var segments = sample.sequenceLengths ?? [width]
      let covered = segments.reduce(0, +)
      if covered < width { segments.append(width - covered) }
      lengths.append(segments)
    }
    rowCount = samples.count
    self.width = width
    self.tokens = tokens
    self.labels = labels
    self.positions = positions
    sequenceLengths = lengths
    isPacked = samples.contains { $0.sequenceLengths != nil }
  }

  /// Labels that count, before any shift, as torchtune counts them.
  package var labelCount: Int { labels.count { $0 != ignoreIndex } }

  /// For each token the label of the one after it; the last of a row has none.
  package func shiftedLabels() -> [Int32] {
    var shifted = Array(labels.dropFirst()) + [ignoreIndex]
    for row in 0..<rowCount { shifted[(row + 1) * width - 1] = ignoreIndex }
    return shifted
  }
}
