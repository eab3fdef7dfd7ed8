// The architectures that are read, and how each differs from Llama's: names of tensors, keys of
// config.json. Sources: llama.cpp's converter and graphs, transformers' configuration classes.
import Essentials

enum Architecture: String, CaseIterable, Sendable {
  case llama, qwen2, qwen3, gemma2, gemma3, phi3, olmo2, granite, smollm3

  /// - Throws: `TuneError` `.unsupported` with the list of those that are read.
  init(of file: GGUFFile) throws {
    let key = "general.architecture"
    guard let name = try file.string(key) else { throw file.failure(key, "is missing") }
    guard let known = Architecture(rawValue: name) else {
      let list = Architecture.allCases.map(\.rawValue).joined(separator: ", ")
      throw file.failure(
        key, "architecture '\(name)' is not supported", remedy: "These are: \(list).",
        code: .unsupported)
    }
    self = known
  }

  /// In config.json.
  var modelType: String { self == .gemma3 ? "gemma3_text" : rawValue }

  var className: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    case .qwen3: "Qwen3ForCausalLM"
    case .gemma2: "Gemma2ForCausalLM"
    case .gemma3: "Gemma3ForCausalLM"
    case .phi3: "Phi3ForCausalLM"
    case .olmo2: "Olmo2ForCausalLM"
    case .granite: "GraniteForCausalLM"
    case .smollm3: "SmolLM3ForCausalLM"
    }
  }

  var isGemma: Bool { self == .gemma2 || self == .gemma3 }

  /// Whether llama.cpp's converter interleaves the rows of queries and keys.
  var interleavesHeads: Bool { self == .llama || self == .granite || self == .smollm3 }

  /// Whether linear layers may have biases, which config.json then says.
  var mayHaveBiases: Bool { interleavesHeads }

  /// Whether transformers' configuration class always has `head_dim`.
  var alwaysHasHeadWidth: Bool { self == .llama || self == .qwen3 || isGemma }

  /// Keys below `<architecture>.` whose meaning is known. Another one could change the model.
  var knownKeys: Set<String> {
    var keys: Set = [
      "context_length", "embedding_length", "block_count", "feed_forward_length", "vocab_size",
      "attention.head_count", "attention.head_count_kv", "attention.key_length",
      "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.causal",
      "rope.dimension_count", "rope.freq_base", "rope.scale_linear", "rope.scaling.type",
      "rope.scaling.factor", "rope.scaling.original_context_length", "rope.scaling.finetuned",
      "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast",
      "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor",
      "rope.scaling.yarn_log_multiplier", "expert_count", "expert_used_count",
      "tensor_data_layout", "pooling_type",
    ]
    switch self {
    case .gemma2:
      keys.formUnion([
        "attn_logit_softcapping", "final_logit_softcapping", "attention.sliding_window",
      ])
    case .gemma3:
      keys.formUnion([
        "final_logit_softcapping", "attention.sliding_window", "rope.freq_base_swa",
        "attention.sliding_window_pattern",
      ])
    case .phi3: keys.formUnion(["attention.sliding_window", "rope.scaling.attn_factor"])
    case .olmo2: keys.formUnion(["attention.sliding_window", "attention.sliding_window_pattern"])
    case .granite:
      keys.formUnion(["attention.scale", "embedding_scale", "residual_scale", "logit_scale"])
    case .llama, .qwen2, .qwen3, .smollm3: break
    }
    return keys
  }
}
