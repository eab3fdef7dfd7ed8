// What distinguishes one decoder-only transformer from another: sizes, and choices that are values. One
// `Decoder` serves all of them; nothing asks for the architecture while it computes.
import Essentials

/// Sizes and constants of a decoder.
package struct DecoderConfiguration: Sendable, Equatable {
  package let architecture: ModelArchitecture
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
  package var rotary: RotaryEmbedding
  /// The output head is the embedding's weight.
  package var tiesEmbeddings: Bool
  package var choices: ArchitectureChoices

  /// - Parameter architecture: gives the choices that none of its models makes differently; others, such as
  ///   windows and multipliers, are set on `choices`.
  package init(
    _ architecture: ModelArchitecture = .llama,
    vocabularySize: Int, layerCount: Int, headCount: Int, keyValueHeadCount: Int, width: Int,
    headWidth: Int? = nil, hiddenWidth: Int, maximumSequenceLength: Int, normEpsilon: Double = 1e-5,
    rotaryBase: Double = 500_000, rotaryScaling: RotaryScaling? = nil, tiesEmbeddings: Bool = false
  ) {
    self.architecture = architecture
    self.vocabularySize = vocabularySize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.width = width
    self.headWidth = headWidth ?? width / headCount
    self.hiddenWidth = hiddenWidth
    self.maximumSequenceLength = maximumSequenceLength
    self.normEpsilon = normEpsilon
    rotary = RotaryEmbedding(
      base: rotaryBase, width: self.headWidth, scaling: rotaryScaling,
      trainedLength: maximumSequenceLength)
    self.tiesEmbeddings = tiesEmbeddings
    choices = ArchitectureChoices(architecture, layerCount: layerCount)
  }
}

/// How a decoder departs from Llama, which is what the defaults say.
package struct ArchitectureChoices: Sendable, Equatable {
  package struct Biases: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    /// Of the query, key and value projections.
    package static let attentionInputs = Biases(rawValue: 1)
    package static let attentionOutput = Biases(rawValue: 2)
    /// Of the gate, up and down projections.
    package static let feedForward = Biases(rawValue: 4)
  }
  package enum NormPlacement: Sendable {
    /// Before attention and before the feed-forward layer.
    case before
    /// After each of them, before the residual is added (OLMo 2).
    case after
    /// Both (Gemma).
    case around
  }
  /// An RMS norm of queries and keys before the rotary embedding.
  package enum HeadNorms: Sendable {
    case none
    /// Of each head (Qwen 3, Gemma 3).
    case eachHead
    /// Of all heads at once (OLMo 2).
    case allHeads
  }
  package enum Activation: Sendable { case silu, tanhGELU }
  package enum EmbeddingScale: Sendable, Equatable {
    case none
    case factor(Double)
    /// A factor that is rounded to the embedding's dtype first (Gemma).
    case rounded(Double)
  }
  /// Which layers attend how far, and by which angles.
  package struct LayerAttention: Sendable, Equatable {
    package enum Rotation: Sendable { case global, local, none }
    /// A token attends to itself and the `window` - 1 tokens before it; nil for all before it.
    package var window: Int?
    package var rotation: Rotation = .global
    package init(window: Int? = nil, rotation: Rotation = .global) {
      self.window = window
      self.rotation = rotation
    }
  }

  package var biases: Biases = []
  package var normPlacement = NormPlacement.before
  /// Norms multiply by 1 + weight (Gemma).
  package var addsOneToNorms = false
  package var headNorms = HeadNorms.none
  package var activation = Activation.silu
  /// One a layer.
  package var attention: [LayerAttention]
  /// The rotary embedding of layers whose rotation is local.
  package var localRotary: RotaryEmbedding?
  /// Factor of queries times keys; nil for 1 / sqrt(H).
  package var attentionScale: Double?
  /// c tanh(score / c) bounds the scores.
  package var attentionCap: Double?
  /// c tanh(logit / c) bounds the logits.
  package var logitCap: Double?
  package var embeddingScale = EmbeddingScale.none
  /// Factor of what each half of a block adds to the residual stream.
  package var residualScale = 1.0
  /// Logits are divided by it.
  package var logitDivisor = 1.0
  /// A checkpoint holds query, key and value in one tensor, and gate and up in another (Phi-3).
  package var fusesProjections = false

  package init(_ architecture: ModelArchitecture, layerCount: Int) {
    attention = Array(repeating: LayerAttention(), count: layerCount)
    switch architecture {
    case .llama, .mistral, .smollm3, .granite: break
    case .qwen2: biases = .attentionInputs
    case .qwen3: headNorms = .eachHead
    case .gemma2, .gemma3:
      normPlacement = .around
      addsOneToNorms = true
      activation = .tanhGELU
      if architecture == .gemma3 { headNorms = .eachHead }
    case .phi3: fusesProjections = true
    case .olmo2:
      normPlacement = .after
      headNorms = .allHeads
    }
  }
}
