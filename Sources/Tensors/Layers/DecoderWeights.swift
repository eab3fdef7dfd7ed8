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
    /// Of each head, the first `width` rows.
    case rotaryHalves(heads: Int, width: Int)
  }
  /// Rows of a tensor that a checkpoint stores for several layers at once.
  package struct Part: Sendable, Equatable {
    package var tensor: String
    package var rows: Range<Int>
    package var rowCount: Int
  }
  /// The name in a Hugging Face checkpoint; of a part, the name that it would have alone.
  package var name: String
  package var shape: [Int]
  package var kind: Kind
  package var rowOrder: RowOrder = .plain
  package var part: Part?
  /// Of an output head whose weight is the embedding's.
  package var isTied = false
  package var count: Int { shape.reduce(1, *) }

  package static let embeddingName = "model.embed_tokens.weight"
  package static let headName = "lm_head.weight"

  /// The tensor of a Hugging Face checkpoint that holds it, and that tensor's shape.
  package var storedName: String { part?.tensor ?? name }
  package var storedShape: [Int] { part.map { [$0.rowCount] + shape.dropFirst() } ?? shape }
}

/// What only some models have is nil where it is missing.
package struct BlockWeights<W> {
  /// [D], of the input
  package var attentionNorm: W?
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
  /// [D], of what attention adds
  package var attentionOutputNorm: W?
  /// [D], of the input
  package var feedForwardNorm: W?
  /// [F, D]
  package var gate: LinearLayer<W>
  /// [F, D]
  package var up: LinearLayer<W>
  /// [D, F]
  package var down: LinearLayer<W>
  /// [D], of what the feed-forward layer adds
  package var feedForwardOutputNorm: W?

  package init(
    attentionNorm: W?, query: LinearLayer<W>, key: LinearLayer<W>, value: LinearLayer<W>,
    queryNorm: W? = nil, keyNorm: W? = nil, attentionOutput: LinearLayer<W>,
    attentionOutputNorm: W? = nil, feedForwardNorm: W?, gate: LinearLayer<W>,
    up: LinearLayer<W>, down: LinearLayer<W>, feedForwardOutputNorm: W? = nil
  ) {
    self.attentionNorm = attentionNorm
    self.query = query
    self.key = key
    self.value = value
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.attentionOutput = attentionOutput
    self.attentionOutputNorm = attentionOutputNorm
    self.feedForwardNorm = feedForwardNorm
    self.gate = gate
    self.up = up
    self.down = down
    self.feedForwardOutputNorm = feedForwardOutputNorm
  }

  package func map<V>(_ change: (W) throws -> V) rethrows -> BlockWeights<V> {
    try BlockWeights<V>(
      attentionNorm: attentionNorm.map(change), query: query.map(change), key: key.map(change),
      value: value.map(change), queryNorm: queryNorm.map(change), keyNorm: keyNorm.map(change),
      attentionOutput: attentionOutput.map(change),
      attentionOutputNorm: attentionOutputNorm.map(change),
      feedForwardNorm: feedForwardNorm.map(change), gate: gate.map(change), up: up.map(change),
      down: down.map(change), feedForwardOutputNorm: feedForwardOutputNorm.map(change))
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
