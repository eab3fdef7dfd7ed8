// The architectures of transformers that the one decoder computes, by `model_type` of a config.json.
import Layers

enum ModelArchitecture: String, CaseIterable {
  case llama, qwen2, qwen3

  init(_ decoder: DecoderConfiguration) {
    self = decoder.normalizesHeads ? .qwen3 : decoder.hasAttentionBiases ? .qwen2 : .llama
  }

  /// The class of transformers that reads such a folder.
  var className: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    case .qwen3: "Qwen3ForCausalLM"
    }
  }
  /// What `head_dim` is where it is not given; nil for the width divided by the heads.
  var defaultHeadWidth: Int? { self == .qwen3 ? 128 : nil }
  var defaultSequenceLength: Int { self == .llama ? 2048 : 32_768 }
}
