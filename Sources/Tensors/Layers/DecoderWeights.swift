// The weights of a decoder, named once. The structs are generic over what stands for a weight: a
// specification, a shard, a whole tensor, a view of one for a linear layer. `map` is the visitor
// that drives initialization, loading, sharding, saving, counting; a line a tensor, no reflection.
import Tensors

/// What is known of a parameter before any value is.
package struct ParameterSpecification: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    case embedding
    /// A linear layer's [outputs, inputs]; these are what is quantized.
    case linear
    case norm
    /// A linear layer's [outputs].
    case bias
  }
  /// How a Hugging Face checkpoint orders the rows of a query or key projection, of its bias and of
  /// its heads' norm: in halves where the rotary embedding here wants pairs.
  package enum RowOrder: Sendable, Equatable {
    case plain
    case rotaryHalves(heads: Int)
  }
  /// The name in a Hugging Face checkpoint.
  package var name: String
  package var shape: [Int]
  package var kind: Kind
  package var rowOrder: RowOrder = .plain
  package var count: Int { shape.reduce(1, *) }
}

/// What only some models have is nil where it is missing.
package struct BlockWeights<W> {
  /// [D]
  package var attentionNorm: W
  /// [N H, D], rows in rotary pairs
  package var query: LinearLayer<W>
  /// [N_kv H, D], rows in rotary pairs
  package var key: LinearLayer<W>
  /// [N_kv H, D]
  package var value: LinearLayer<W>
  /// [H], of each head's queries
  package var queryNorm: W?
  /// [H], of each head's keys
  package var keyNorm: W?
  /// [D, N H]
  package var attentionOutput: LinearLayer<W>
  /// [D]
  package var feedForwardNorm: W
  /// [F, D]
  package var gate: LinearLayer<W>
  /// [F, D]
  package var up: LinearLayer<W>
  /// [D, F]
  package var down: LinearLayer<W>

  package init(
    attentionNorm: W, query: LinearLayer<W>, key: LinearLayer<W>, value: LinearLayer<W>,
    queryNorm: W? = nil, keyNorm: W? = nil, attentionOutput: LinearLayer<W>, feedForwardNorm: W,
    gate: LinearLayer<W>, up: LinearLayer<W>, down: LinearLayer<W>
  ) {
    self.attentionNorm = attentionNorm
    self.query = query
    self.key = key
    self.value = value
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.attentionOutput = attentionOutput
    self.feedForwardNorm = feedForwardNorm
    self.gate = gate
    self.up = up
    self.down = down
  }

  package func map<V>(_ change: (W) throws -> V) rethrows -> BlockWeights<V> {
    try BlockWeights<V>(
      attentionNorm: change(attentionNorm), query: query.map(change), key: key.map(change),
      value: value.map(change), queryNorm: queryNorm.map(change), keyNorm: keyNorm.map(change),
      attentionOutput: attentionOutput.map(change), feedForwardNorm: change(feedForwardNorm),
      gate: gate.map(change), up: up.map(change), down: down.map(change))
  }
  /// In the order of `map`.
  package var all: [W] {
    var all: [W] = []
    _ = map { all.append($0) }
    return all
  }
}

package struct HeadWeights<W> {
  /// [D]
  package var norm: W
  /// [V, D]; nil when the embedding's weight is the output head.
  package var output: W?

  package init(norm: W, output: W?) {
    self.norm = norm
    self.output = output
  }

  package func map<V>(_ change: (W) throws -> V) rethrows -> HeadWeights<V> {
    try HeadWeights<V>(norm: change(norm), output: output.map(change))
  }
  package var all: [W] { [norm] + (output.map { [$0] } ?? []) }
}

package struct DecoderWeights<W> {
  /// [V, D]
  package var embedding: W
  package var blocks: [BlockWeights<W>]
  package var head: HeadWeights<W>

  package init(embedding: W, blocks: [BlockWeights<W>], head: HeadWeights<W>) {
    self.embedding = embedding
    self.blocks = blocks
    self.head = head
  }

  package func map<V>(_ change: (W) throws -> V) rethrows -> DecoderWeights<V> {
    try DecoderWeights<V>(
      embedding: change(embedding), blocks: blocks.map { try $0.map(change) },
      head: head.map(change))
  }
  package var all: [W] { [embedding] + blocks.flatMap(\.all) + head.all }
}
extension BlockWeights: Sendable where W: Sendable {}
extension HeadWeights: Sendable where W: Sendable {}
extension DecoderWeights: Sendable where W: Sendable {}

extension DecoderConfiguration {
  /// Every parameter's name in a Hugging Face checkpoint, its shape and what it is.
  package var specification: DecoderWeights<ParameterSpecification> {
    DecoderWeights(
      embedding: .init(
        name: "model.embed_tokens.weight", shape: [vocabularySize, width], kind: .embedding),
      blocks: (0..<layerCount).map(blockSpecification),
      head: HeadWeights(
        norm: .init(name: "model.norm.weight", shape: [width], kind: .norm),
        output: tiesEmbeddings
          ? nil : .init(name: "lm_head.weight", shape: [vocabularySize, width], kind: .linear)))
  }

  private func blockSpecification(_ layer: Int) -> BlockWeights<ParameterSpecification> {
    typealias Order = ParameterSpecification.RowOrder
    let prefix = "model.layers.\(layer)."
    func norm(_ name: String) -> ParameterSpecification {
      .init(name: prefix + name + ".weight", shape: [width], kind: .norm)
    }
    func linear(
      _ name: String, _ outputs: Int, _ inputs: Int, order: Order = .plain, hasBias: Bool = false
    ) -> LinearLayer<ParameterSpecification> {
      LinearLayer(
        .init(
          name: prefix + name + ".weight", shape: [outputs, inputs], kind: .linear,
          rowOrder: order),
        bias: hasBias
          ? .init(name: prefix + name + ".bias", shape: [outputs], kind: .bias, rowOrder: order)
          : nil)
    }
    func headNorm(_ name: String) -> ParameterSpecification? {
      guard normalizesHeads else { return nil }
      return .init(
        name: prefix + name + ".weight", shape: [headWidth], kind: .norm,
        rowOrder: .rotaryHalves(heads: 1))
    }
    let (queries, keys) = (headCount * headWidth, keyValueHeadCount * headWidth)
    return BlockWeights(
      attentionNorm: norm("input_layernorm"),
      query: linear(
        "self_attn.q_proj", queries, width, order: .rotaryHalves(heads: headCount),
        hasBias: hasAttentionBiases),
      key: linear(
        "self_attn.k_proj", keys, width, order: .rotaryHalves(heads: keyValueHeadCount),
        hasBias: hasAttentionBiases),
      value: linear("self_attn.v_proj", keys, width, hasBias: hasAttentionBiases),
      queryNorm: headNorm("self_attn.q_norm"),
      keyNorm: headNorm("self_attn.k_norm"),
      attentionOutput: linear("self_attn.o_proj", width, queries),
      feedForwardNorm: norm("post_attention_layernorm"),
      gate: linear("mlp.gate_proj", hiddenWidth, width),
      up: linear("mlp.up_proj", hiddenWidth, width),
      down: linear("mlp.down_proj", width, hiddenWidth))
  }

  package var parameterCount: Int { specification.all.reduce(0) { $0 + $1.count } }
}
