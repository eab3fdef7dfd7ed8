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
  /// [V, D]; the embedding's weight, or its quantized twin, where the two are tied.
  package let output: LinearWeight
  package let dtype: DType
  package let device: Device
  /// Longest sequence that it can see.
  package let positions: Int

  package var configuration: DecoderConfiguration { decoder.configuration }

  /// - Parameters:
  ///   - dtype: of activations.
  ///   - positions: the longest sequence it will see; at most the configuration's.
  package init(
    _ configuration: DecoderConfiguration, _ weights: DecoderWeights<LinearWeight>,
    output: LinearWeight, dtype: DType, positions: Int? = nil
  ) {
    let positions = min(
      positions ?? configuration.maximumSequenceLength, configuration.maximumSequenceLength)
    // A norm's weight is a tensor whatever the rest is.
    let device = weights.head.norm.exactTensor.device
    decoder = Decoder(configuration, positions: positions, on: device)
    self.weights = weights
    self.output = output
    self.positions = positions
    self.dtype = dtype
    self.device = device
  }

  /// A model as one step of training would see it.
  package init(
    _ configuration: DecoderConfiguration, _ tensors: DecoderWeights<Tensor>,
    numerics: LinearNumerics, positions: Int? = nil
  ) {
    var specifications = configuration.specification.all.makeIterator()
    func view(_ tensor: Tensor) -> LinearWeight {
      guard let parameter = specifications.next() else {
        preconditionFailure("more tensors than the model has parameters")
      }
      return numerics.view(tensor, as: parameter)
    }
    let weights = tensors.map(view)
    self.init(
      configuration, weights,
      output: weights.head.output
        ?? numerics.view(tensors.embedding, as: configuration.headSpecification),
      dtype: tensors.embedding.dtype, positions: positions)
  }

  /// Bytes of all weights as they lie in memory, of which each new token reads every one.
  package var byteCount: Int {
    let sharesEmbedding =
      switch (weights.embedding, output) {
      case (.exact, .exact), (.quantized, .quantized): configuration.tiesEmbeddings
      default: false
      }
    let parts = weights.blocks.flatMap(\.all) + [weights.head.norm, weights.embedding]
    return parts.reduce(sharesEmbedding ? 0 : output.byteCount) { $0 + $1.byteCount }
  }

  package var isQuantized: Bool {
    (weights.blocks.flatMap(\.all) + [output]).contains {
      switch $0 {
      case .quantized, .packed: true
      case .exact, .fakeQuantized: false
      }
    }
  }
}

extension LinearWeight {
  fileprivate var byteCount: Int {
    switch self {
    case .exact(let tensor), .fakeQuantized(let tensor, _): tensor.byteCount
    case .packed(let weight, _): weight.byteCount
    case .quantized(let weight):
      weight.codes.byteCount + weight.scales.byteCount + (weight.biases?.byteCount ?? 0)
    }
  }
}

// MARK: Computing

extension InferenceModel {
  /// Tokens [B, T] int64, each row from its start, to the normalized input of the output head, [B, T, D].
  package func hidden(_ tokens: Tensor) -> Tensor {
    let angles = decoder.rotary.angles(nil, tokens: tokens.shape[1])
    return hidden(tokens, DecoderContext(angles: angles, reach: .causal)) { _ in nil }
  }

  /// Rows of any lengths, packed, to the normalized input of the output head, [1, T, D]: row after row.
  /// - Parameter cache: holds each row's tokens before these, and takes these up; an empty row stays as it
  ///   is. Nil for rows from their starts.
  package func hidden(_ rows: [[Int32]], cache: KeyValueCache?) -> Tensor {
    let lengths = rows.map(\.count)
    let count = lengths.reduce(0, +)
    let starts = cache?.counts ?? rows.map { _ in 0 }
    let angles =
      if rows.count == 1 {
        decoder.rotary.angles(nil, offset: starts[0], tokens: count)
      } else {
        decoder.rotary.angles(
          packed(zip(starts, lengths).flatMap { Int64($0)..<Int64($0 + $1) }), tokens: count)
      }
    let reach: AttentionReach =
      rows.count == 1 ? .causal : .withinSamples([lengths.filter { $0 > 0 }])
    let x = hidden(
      packed(rows.flatMap { $0.map(Int64.init) }), DecoderContext(angles: angles, reach: reach)
    ) { layer in
      cache.map { CachedLayer($0, layer: layer, lengths: lengths) }
    }
    cache?.advance(by: lengths)
    return x
  }

  private func hidden(
    _ tokens: Tensor, _ context: DecoderContext, cache: (_ layer: Int) -> CachedLayer?
  ) -> Tensor {
    var x = decoder.embed(tokens, weights.embedding, dtype)
    for (layer, block) in weights.blocks.enumerated() {
      x = decoder.block(layer, x, block, context, cache: cache(layer))
    }
    return decoder.norm(x, weights.head.norm)
  }

  /// One row [1, T] int64.
  private func packed(_ numbers: [Int64]) -> Tensor {
    Tensor(numbers, [1, numbers.count]).to(device)
  }

  /// Tokens [B, T] to logits [B, T, V].
  package func logits(_ tokens: Tensor) -> Tensor {
    decoder.logits(ofNormalized: hidden(tokens), output)
  }

  /// Rows of any lengths, packed, to logits [1, T, V]: row after row.
  package func logits(_ rows: [[Int32]], cache: KeyValueCache?) -> Tensor {
    decoder.logits(ofNormalized: hidden(rows, cache: cache), output)
  }

  /// Rows of any lengths to the logits of what follows each, [R, V]; an empty row has none.
  func nextLogits(_ rows: [[Int32]], cache: KeyValueCache?) -> Tensor {
    var end = 0
    let lasts = rows.filter { !$0.isEmpty }.map { row in
      end += row.count
      return end - 1
    }
    let hidden = hidden(rows, cache: cache)
    let last = Tensor.cat(lasts.map { hidden.narrow(1, from: $0, count: 1) }, along: 1)
    let logits = decoder.logits(ofNormalized: last, output)
    return logits.reshape(lasts.count, logits.shape[2])
  }
}
