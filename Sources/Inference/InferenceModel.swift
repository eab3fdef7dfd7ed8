// A decoder with its weights, ready to score and to continue text: exact, quantized as a folder
// stores it, or quantized on the way in. What it computes is what the training of the same scheme
// saw, bit for bit.
// `B` batch, `T` tokens, `D` model width, `V` vocabulary.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

package struct InferenceModel: Sendable {
  package let decoder: Decoder
  package let weights: DecoderWeights<LinearWeight>
  /// [V, D]
  package let embedding: Tensor
  /// [V, D]; the embedding's weight, or its quantized twin, where the two are tied.
  package let output: LinearWeight
  package let dtype: DType
  package let device: Device
  /// Longest sequence that it can see.
  package let positions: Int

  package var configuration: DecoderConfiguration { decoder.configuration }

  /// - Parameter positions: the longest sequence it will see; at most the configuration's.
  package init(
    _ configuration: DecoderConfiguration, _ weights: DecoderWeights<LinearWeight>,
    embedding: Tensor, output: LinearWeight, positions: Int? = nil
  ) {
    let positions = min(
      positions ?? configuration.maximumSequenceLength, configuration.maximumSequenceLength)
    decoder = Decoder(configuration, positions: positions, on: embedding.device)
    self.weights = weights
    self.embedding = embedding
    self.output = output
    self.positions = positions
    dtype = embedding.dtype
    device = embedding.device
  }

  /// A model as one step of training would see it.
  package init(
    _ configuration: DecoderConfiguration, _ tensors: DecoderWeights<Tensor>,
    numerics: LinearNumerics, positions: Int? = nil
  ) {
    // The embedding is looked up and never multiplied: it stays exact.
    let weights = DecoderWeights<LinearWeight>(
      embedding: .exact(tensors.embedding), blocks: tensors.blocks.map { $0.map(numerics.view) },
      head: tensors.head.map(numerics.view))
    self.init(
      configuration, weights, embedding: tensors.embedding,
      output: weights.head.output ?? numerics.view(tensors.embedding), positions: positions)
  }

  /// Bytes of all weights as they lie in memory, of which each new token reads every one.
  package var byteCount: Int {
    let isTiedAndExact =
      if case .exact = output, configuration.tiesEmbeddings { true } else { false }
    let parts = weights.blocks.flatMap(\.all) + [weights.head.norm]
    return parts.reduce(embedding.byteCount + (isTiedAndExact ? 0 : output.byteCount)) {
      $0 + $1.byteCount
    }
  }

  package var isQuantized: Bool {
    (weights.blocks.flatMap(\.all) + [output]).contains {
      switch $0 {
      case .quantized, .coded: true
      case .exact, .fakeQuantized: false
      }
    }
  }
}

extension LinearWeight {
  fileprivate var byteCount: Int {
    switch self {
    case .exact(let tensor), .fakeQuantized(let tensor, _): tensor.byteCount
    case .coded(let weight, _): weight.byteCount
    case .quantized(let weight): weight.codes.byteCount + weight.scales.byteCount
    }
  }
}

// MARK: Computing

extension InferenceModel {
  /// Tokens [B, T] int64 to the normalized input of the output head, [B, T, D].
  /// - Parameter cache: holds the tokens before these; takes up these.
  package func hidden(_ tokens: Tensor, cache: KeyValueCache? = nil) -> Tensor {
    let count = tokens.shape[1]
    let context = DecoderContext(
      angles: decoder.rotary.angles(nil, offset: cache?.count ?? 0, tokens: count), reach: .causal)
    var x = decoder.embed(tokens, embedding)
    for (layer, block) in weights.blocks.enumerated() {
      x = decoder.block(x, block, context, cache: cache.map { ($0, layer) })
    }
    cache?.advance(by: count)
    return decoder.norm(x, weights.head.norm)
  }

  /// Tokens [B, T] to logits [B, T, V].
  package func logits(_ tokens: Tensor, cache: KeyValueCache? = nil) -> Tensor {
    linear(hidden(tokens, cache: cache), output)[0]
  }

  /// Tokens [1, T] to the logits [V] of what follows the last.
  func nextLogits(_ tokens: Tensor, cache: KeyValueCache? = nil) -> Tensor {
    let last = hidden(tokens, cache: cache).narrow(1, from: tokens.shape[1] - 1, count: 1)
    return linear(last, output)[0].reshape(-1)
  }
}
