// A batch as a training step computes it: only the tokens that matter. With causal attention a token
// after the last label of its row, padding above all, changes neither loss nor gradient.

/// Tokens of a step. Arrays are flat, row after row.
package struct StepTokens: Sendable, Equatable {
  /// The rows of the batch where all are of one length and none is a pack, else 1.
  package var rowCount: Int
  package var tokens: [Int32]
  /// Shifted: for each token the label of the one after it.
  package var labels: [Int32]
  /// The position of each token in its own sample.
  package var positions: [Int32]
  /// Lengths of the segments that attention must stay inside of, in a single row of them all; nil
  /// where each row is one segment.
  package var segments: [Int]?
}

extension Batch {
  package var step: StepTokens {
    let shifted = shiftedLabels()
    let lengths = (0..<rowCount).map { row in
      let labels = shifted[row * width..<(row + 1) * width]
      return (labels.lastIndex { $0 != ignoreIndex } ?? row * width) - row * width + 1
    }
    func trimmed(_ values: [Int32]) -> [Int32] {
      lengths.enumerated().flatMap { values[$0 * width..<$0 * width + $1] }
    }
    let isEven = !isPacked && Set(lengths).count == 1
    return StepTokens(
      rowCount: isEven ? rowCount : 1, tokens: trimmed(tokens), labels: trimmed(shifted),
      positions: trimmed(positions),
      segments: isEven
        ? nil : zip(sequenceLengths, lengths).flatMap { Self.trimmed($0, to: $1) })
  }

  /// The segments that begin before `length`, the last of them cut there.
  private static func trimmed(_ segments: [Int], to length: Int) -> [Int] {
    var (left, kept): (Int, [Int]) = (length, [])
    for segment in segments where left > 0 {
      kept.append(min(segment, left))
      left -= segment
    }
    return kept
  }
}
