// Decoders by the names of torchtune's builders. A preset such as `llama3_8b` is its family with fixed
// arguments, so that recipes read the same keys whichever way the model was named.
import Configuration
import Essentials

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
  /// The architecture of transformers that its models have.
  package var architecture: ModelArchitecture {
    switch self {
    case .llama2, .llama3, .llama31, .llama32: .llama
    case .qwen2: .qwen2
    case .qwen3: .qwen3
    }
  }
  package var rescalesFrequencies: Bool { self == .llama31 || self == .llama32 }
  /// Whether `tie_word_embeddings` is one of its arguments; without it the head is never tied.
  package var mayTieEmbeddings: Bool { [.llama32, .qwen2, .qwen3].contains(self) }

  /// Its arguments.
  var arguments: [KeyDeclaration] {
    switch self {
    case .llama2: decoderArguments(rotaryBase: 10_000.0)
    case .llama3: decoderArguments(rotaryBase: 500_000.0)
    case .llama31:
      decoderArguments(rotaryBase: 500_000.0) + [Keys.Model.scaleFactor.defaulting(to: 8)]
    case .llama32:
      decoderArguments(rotaryBase: 500_000.0) + [
        Keys.Model.scaleFactor.defaulting(to: 32), Keys.Model.tiesEmbeddings.defaulting(to: true),
      ]
    case .qwen2:
      decoderArguments(rotaryBase: 1_000_000.0, needsInside: true) + [
        Keys.Model.tiesEmbeddings.defaulting(to: false),
        .fixed(
          Keys.Model.headWidth.name, at: [.null],
          because: "Heads of another width are Qwen 3's: use \(ModelFamily.qwen3.rawValue)."),
      ] + projections(biases: true, norms: false, otherwise: .qwen3)
    case .qwen3:
      decoderArguments(rotaryBase: 1_000_000.0, needsInside: true) + [
        Keys.Model.tiesEmbeddings.defaulting(to: false), Keys.Model.headWidth.declaration,
      ] + projections(biases: false, norms: true, otherwise: .qwen2)
    }
  }
}

extension Keys {
  package enum Model {
    private static let count = KeyType.int(1...(1 << 30))
    package static let vocabularySize = Key.required(
      "vocab_size", count, "The number of token ids")
    package static let layerCount = Key.required(
      "num_layers", .int(1...4096), "The number of transformer blocks")
    package static let headCount = Key.required("num_heads", count, "The number of query heads")
    package static let keyValueHeadCount = Key.required(
      "num_kv_heads", count, "The number of key and value heads")
    package static let width = Key.required(
      "embed_dim", count, "The width of the residual stream")
    package static let longestSequence = Key.required(
      "max_seq_len", count, "The longest sequence that the model can see")
    package static let rotaryBase = Key.required(
      "rope_base", .double(1...1e12), "The base of the rotary frequencies")
    package static let hiddenWidth = Key.nullable(
      "intermediate_dim", count, "The width inside the feed-forward layers; null derives it")
    package static let normEpsilon = Key.optional(
      "norm_eps", .double(0...1), default: 1e-5, "Added under the root of RMS norms")
    package static let scaleFactor = Key.required(
      "scale_factor", count, "How far the rotary frequencies are stretched")
    package static let tiesEmbeddings = Key.required(
      "tie_word_embeddings", .bool, "Whether the output head shares the token embedding")
    package static let headWidth = Key.nullable(
      "head_dim", count, "The width of a head; null shares embed_dim among the heads")
  }
}

@KeyList private func decoderArguments(
  rotaryBase: ConfigurationValue, needsInside: Bool = false
) -> [KeyDeclaration] {
  Keys.Model.vocabularySize
  Keys.Model.layerCount
  Keys.Model.headCount
  Keys.Model.keyValueHeadCount
  Keys.Model.width
  Keys.Model.longestSequence
  KeyDeclaration.fixed(
    "attn_dropout", at: [0.0],
    because: "Attention dropout is not supported: none of these models is trained with it.")
  Keys.Model.rotaryBase.defaulting(to: rotaryBase)
  needsInside
    ? Keys.Model.hiddenWidth.required("The width inside the feed-forward layers")
    : Keys.Model.hiddenWidth.declaration
  Keys.Model.normEpsilon
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
  static let models: [ComponentDeclaration] =
    [CheckpointModel.declaration] + families + llamas + qwens

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
