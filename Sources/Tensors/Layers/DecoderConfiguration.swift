// What distinguishes one decoder-only transformer from another: sizes, rotary embedding, tying, and
// what Qwen 2 (biases) and Qwen 3 (normed heads) add to Llama. One `Decoder` serves all of them.

/// Sizes and constants of a decoder of the Llama or Qwen architecture.
package struct DecoderConfiguration: Sendable, Equatable {
  package var vocabularySize: Int
  package var layerCount: Int
  package var headCount: Int
  package var keyValueHeadCount: Int
  /// Model width `D`.
  package var width: Int
  /// Width of a head `H`.
  package var headWidth: Int
  /// Width of the feed-forward layer's inside.
  package var hiddenWidth: Int
  /// Longest sequence the model is meant for.
  package var maximumSequenceLength: Int
  package var normEpsilon: Double
  package var rotaryBase: Double
  package var rotaryScaling: RotaryScaling?
  /// The output head is the embedding's weight.
  package var tiesEmbeddings: Bool
  /// Query, key and value projections add a bias (Qwen 2).
  package var hasAttentionBiases: Bool
  /// Each head's queries and keys pass an RMS norm before they are turned (Qwen 3).
  package var normalizesHeads: Bool

  package init(
    vocabularySize: Int, layerCount: Int, headCount: Int, keyValueHeadCount: Int, width: Int,
    headWidth: Int? = nil, hiddenWidth: Int, maximumSequenceLength: Int, normEpsilon: Double = 1e-5,
    rotaryBase: Double = 500_000, rotaryScaling: RotaryScaling? = nil, tiesEmbeddings: Bool = false,
    hasAttentionBiases: Bool = false, normalizesHeads: Bool = false
  ) {
    self.vocabularySize = vocabularySize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.width = width
    self.headWidth = headWidth ?? width / headCount
    self.hiddenWidth = hiddenWidth
    self.maximumSequenceLength = maximumSequenceLength
    self.normEpsilon = normEpsilon
    self.rotaryBase = rotaryBase
    self.rotaryScaling = rotaryScaling
    self.tiesEmbeddings = tiesEmbeddings
    self.hasAttentionBiases = hasAttentionBiases
    self.normalizesHeads = normalizesHeads
  }
}

/// Llama 3.1's rescaling of low rotary frequencies (`rope_type: llama3`).
package struct RotaryScaling: Sendable, Equatable {
  package var factor: Double
  package var lowFrequencyFactor: Double
  package var highFrequencyFactor: Double
  package var originalSequenceLength: Int

  package init(
    factor: Double, lowFrequencyFactor: Double = 1, highFrequencyFactor: Double = 4,
    originalSequenceLength: Int = 8192
  ) {
    self.factor = factor
    self.lowFrequencyFactor = lowFrequencyFactor
    self.highFrequencyFactor = highFrequencyFactor
    self.originalSequenceLength = originalSequenceLength
  }
}
