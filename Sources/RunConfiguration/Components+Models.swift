// Decoders by the names of torchtune's builders. A preset such as `llama3_8b` is its family with fixed
// arguments, so that recipes read the same keys whichever way the model was named.

/// A builder that takes every size, by its dot path.
package enum ModelFamily: String, Sendable, CaseIterable {
  case llama2 = "torchtune.models.llama2.llama2"
  case llama3 = "torchtune.models.llama3.llama3"
  case llama31 = "torchtune.models.llama3_1.llama3_1"
  case llama32 = "torchtune.models.llama3_2.llama3_2"
  case qwen2 = "torchtune.models.qwen2.qwen2"
  case qwen3 = "torchtune.models.qwen3.qwen3"

  /// What a checkpointer's `model_type` says of it.
  package var modelType: String {
    switch self {
    case .llama2: "LLAMA2"
    case .llama3, .llama31: "LLAMA3"
    case .llama32: "LLAMA3_2"
    case .qwen2: "QWEN2"
    case .qwen3: "QWEN3"
    }
  }
  /// All that `model_type` may say: torchtune's files for Qwen 3 of 4B say QWEN2, and the names of
  /// the weights are the same.
  package var modelTypes: [String] { self == .qwen3 ? [modelType, "QWEN2"] : [modelType] }
  package var rescalesFrequencies: Bool { self == .llama31 || self == .llama32 }
  /// Whether `tie_word_embeddings` is one of its arguments; without it the head is never tied.
  package var mayTieEmbeddings: Bool { [.llama32, .qwen2, .qwen3].contains(self) }

  /// Its arguments.
  var arguments: [KeyDeclaration] {
    switch self {
    case .llama2: decoderArguments(rotaryBase: 10_000.0)
    case .llama3: decoderArguments(rotaryBase: 500_000.0)
    case .llama31: decoderArguments(rotaryBase: 500_000.0) + [scaleFactor(8)]
    case .llama32:
      decoderArguments(rotaryBase: 500_000.0) + [scaleFactor(32), tied(byDefault: true)]
    case .qwen2:
      decoderArguments(rotaryBase: 1_000_000.0, needsInside: true) + [
        tied(byDefault: false),
        .fixed(
          "head_dim", at: [.null],
          because: "Heads of another width are Qwen 3's: use torchtune.models.qwen3.qwen3."),
      ] + projections(biases: true, norms: false, otherwise: .qwen3)
    case .qwen3:
      decoderArguments(rotaryBase: 1_000_000.0, needsInside: true) + [
        tied(byDefault: false),
        .nullable("head_dim", count, "The width of a head; null shares embed_dim among the heads"),
      ] + projections(biases: false, norms: true, otherwise: .qwen2)
    }
  }
}

private let count = ValueType.int(1...(1 << 30))

private func decoderArguments(
  rotaryBase: ConfigurationValue, needsInside: Bool = false
) -> [KeyDeclaration] {
  [
    .required("vocab_size", count, "The number of token ids"),
    .required("num_layers", .int(1...4096), "The number of transformer blocks"),
    .required("num_heads", count, "The number of query heads"),
    .required("num_kv_heads", count, "The number of key and value heads"),
    .required("embed_dim", count, "The width of the residual stream"),
    .required("max_seq_len", count, "The longest sequence that the model can see"),
    .fixed(
      "attn_dropout", at: [0.0],
      because: "Attention dropout is not supported: none of these models is trained with it."),
    .optional(
      "rope_base", .double(1...1e12), default: rotaryBase, "The base of the rotary frequencies"),
    needsInside
      ? .required("intermediate_dim", count, "The width inside the feed-forward layers")
      : .nullable(
        "intermediate_dim", count, "The width inside the feed-forward layers; null derives it"),
    .optional("norm_eps", .double(0...1), default: 1e-5, "Added under the root of RMS norms"),
  ]
}

private func scaleFactor(_ value: Int) -> KeyDeclaration {
  .optional(
    "scale_factor", count, default: .int(value), "How far the rotary frequencies are stretched")
}

private func tied(byDefault value: Bool) -> KeyDeclaration {
  .optional(
    "tie_word_embeddings", .bool, default: .bool(value),
    "Whether the output head shares the token embedding")
}

private func projections(biases: Bool, norms: Bool, otherwise other: ModelFamily)
  -> [KeyDeclaration]
{
  let keys =
    [("q_proj_bias", biases), ("k_proj_bias", biases), ("v_proj_bias", biases)]
    + [("q_norm", norms), ("k_norm", norms)]
  return keys.map { key, value in
    .fixed(key, at: [.bool(value)], because: "For the other architecture use \(other.rawValue).")
  }
}

extension Components {
  static let models: [ComponentDeclaration] = families + llamas + qwens

  static let families = [
    (ModelFamily.llama2, "A Llama 2 decoder of any size"),
    (.llama3, "A Llama 3 decoder of any size"),
    (.llama31, "A Llama 3.1 decoder of any size: Llama 3 with scaled rotary frequencies"),
    (.llama32, "A Llama 3.2 decoder of any size: Llama 3.1 with tied embeddings"),
    (.qwen2, "A Qwen 2 or 2.5 decoder of any size: biases in attention"),
    (.qwen3, "A Qwen 3 decoder of any size: normed queries and keys"),
  ].map { family, summary in
    ComponentDeclaration(.model, family.rawValue, summary, arguments: family.arguments)
  }
}

extension Section {
  /// The builder of every size that a `model` section's component is or is an instance of.
  package var modelFamily: ModelFamily? { (family ?? component).flatMap(ModelFamily.init) }
}
