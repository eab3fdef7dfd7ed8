// What a dataset gives: the tokens of one sample with their labels, or of one pack of samples.

/// A label that does not count in the loss.
package let ignoreIndex: Int32 = -100

package struct Sample: Sendable, Equatable {
  package var tokens: [Int32]
  /// One a token and not shifted: `labels[i]` is `tokens[i]` or `ignoreIndex`.
  package var labels: [Int32]
  /// Packs only: the position of each token in its own sample.
  package var positions: [Int32]?
  /// Packs only: how many tokens each sample has; padding counts as one more.
  package var sequenceLengths: [Int]?

  package init(
    tokens: [Int32], labels: [Int32], positions: [Int32]? = nil, sequenceLengths: [Int]? = nil
  ) {
    self.tokens = tokens
    self.labels = labels
    self.positions = positions
    self.sequenceLengths = sequenceLengths
  }
}

package protocol TextDataset: Sendable {
  var count: Int { get }
  /// Samples are packs of `max_seq_len` tokens, with positions and sequence lengths.
  var isPacked: Bool { get }
  /// What the packs were made of; nil for datasets of single samples.
  var packing: PackingCounts? { get }
  func sample(at index: Int) throws -> Sample
  /// The dataset as it is in an epoch, with as many samples: itself, unless each epoch draws its
  /// own samples.
  func inEpoch(_ epoch: Int) -> any TextDataset
}

extension TextDataset {
  package var packing: PackingCounts? { nil }
  package func inEpoch(_ epoch: Int) -> any TextDataset { self }
}
