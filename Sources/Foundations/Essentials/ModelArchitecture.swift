// The architectures that the one decoder computes, by `model_type` of a config.json of transformers. A model's
// architecture is stored with its sizes and never guessed from them.

package enum ModelArchitecture: String, Sendable, CaseIterable {
  case llama, mistral, qwen2, qwen3, smollm3, gemma2
  case gemma3 = "gemma3_text"
  case phi3, olmo2, granite

  /// The class of transformers that reads such a folder.
  package var className: String {
    switch self {
    case .llama: "LlamaForCausalLM"
    case .mistral: "MistralForCausalLM"
    case .qwen2: "Qwen2ForCausalLM"
    case .qwen3: "Qwen3ForCausalLM"
    case .smollm3: "SmolLM3ForCausalLM"
    case .gemma2: "Gemma2ForCausalLM"
    case .gemma3: "Gemma3ForCausalLM"
    case .phi3: "Phi3ForCausalLM"
    case .olmo2: "Olmo2ForCausalLM"
    case .granite: "GraniteForCausalLM"
    }
  }

  /// What people call it.
  package var title: String {
    switch self {
    case .llama: "Llama"
    case .mistral: "Mistral"
    case .qwen2: "Qwen 2"
    case .qwen3: "Qwen 3"
    case .smollm3: "SmolLM3"
    case .gemma2: "Gemma 2"
    case .gemma3: "Gemma 3"
    case .phi3: "Phi-3"
    case .olmo2: "OLMo 2"
    case .granite: "Granite"
    }
  }
}
