// What a config.json says that has no effect is named, and the files of published models need no remark.
import Essentials
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite struct ConfigurationRemarksTests {
  private func remarks(_ changes: JSONObject) throws -> [String] {
    try ModelConfigurationFileTests.read(changes).remarks
  }

  /// The keys that published files have beside those that say the sizes.
  static let published: [(name: String, keys: JSONObject)] = [
    (
      "SmolLM2",
      [
        "architectures": ["LlamaForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1,
        "eos_token_id": 2, "initializer_range": 0.0417, "is_llama_config": true,
        "mlp_bias": false, "pad_token_id": 2, "pretraining_tp": 1, "rope_interleaved": false,
        "transformers.js_config": ["dtype": "q4"], "transformers_version": "4.42.3",
        "use_cache": true,
      ]
    ),
    (
      "Llama 2",
      ["_name_or_path": "meta-llama", "max_length": 4096, "do_sample": true, "temperature": 0.6]
    ),
    (
      "Qwen 2.5",
      [
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_window_layers": 21,
        "sliding_window": 32768, "use_mrope": false, "use_sliding_window": false,
        "attention_dropout": 0.0,
      ]
    ),
    (
      "Qwen 3",
      [
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "max_window_layers": 28,
        "sliding_window": .null, "use_sliding_window": false,
      ]
    ),
    (
      "Gemma 2",
      [
        "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"],
        "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh",
        "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "cache_implementation": "hybrid", "query_pre_attn_scalar": 256, "sliding_window": 4096,
      ]
    ),
    (
      "Gemma 3",
      [
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"],
        "hidden_activation": "gelu_pytorch_tanh", "attn_logit_softcapping": .null,
        "cache_implementation": "hybrid", "rope_local_base_freq": 10000, "sliding_window": 512,
        "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
      ]
    ),
    (
      "Phi 4 mini",
      [
        "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "embd_pdrop": 0.0,
        "full_attn_mod": 1, "interpolate_factor": 1, "lm_head_bias": false, "resid_pdrop": 0.0,
        "original_max_position_embeddings": 4096, "sliding_window": 262144,
        "partial_rotary_factor": 0.75,
      ]
    ),
    (
      "SmolLM3",
      [
        "model_type": "smollm3", "architectures": ["SmolLM3ForCausalLM"],
        "max_window_layers": 28, "no_rope_layer_interval": 4, "pretraining_tp": 2,
        "sliding_window": .null, "use_sliding_window": false,
      ]
    ),
    (
      "Granite 3",
      [
        "model_type": "granite", "architectures": ["GraniteForCausalLM"],
        "attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "logits_scaling": 8.0,
        "residual_multiplier": 0.22,
      ]
    ),
    ("OLMo 2", ["model_type": "olmo2", "architectures": ["Olmo2ForCausalLM"]]),
    ("Mistral", ["model_type": "mistral", "architectures": ["MistralForCausalLM"]]),
  ]

  @Test(arguments: published) func publishedFilesNeedNoRemark(name: String, keys: JSONObject) throws
  {
    #expect(try remarks(keys) == [], "\(name)")
  }

  @Test(arguments: try! FileManager.default.contentsOfDirectory(atPath: fixture("architectures")))
  func whatTransformersWritesNeedsNoRemark(name: String) throws {
    guard !name.hasSuffix(".md") else { return }
    for file in ["config.json", "config-4.json"] {
      let path = try fixture("architectures/\(name)/\(file)")
      #expect(try ModelConfigurationFile(path: path).remarks == [], "\(path)")
    }
  }

  static let named: [(changes: JSONObject, parts: [String])] = [
    (["attention_dropout": 0.1], ["attention_dropout (0.1)", "not applied"]),
    (
      ["resid_pdrop": 0.1, "hidden_dropout": 0.2, "layerdrop": 0.5],
      ["resid_pdrop (0.1), hidden_dropout (0.2), layerdrop (0.5)"]
    ),
    (["layer_norm_eps": 1e-5], ["no effect", "'layer_norm_eps'"]),
    (["final_logit_softcapping": 30.0], ["no effect", "'final_logit_softcapping'"]),
    (["num_experts": 8, "sliding_window": 128], ["'num_experts', 'sliding_window'"]),
    (
      ["rope_scaling": ["rope_type": "linear", "factor": 2.0, "mrope_section": [1]]],
      ["'rope_scaling.mrope_section'"]
    ),
    (["auto_map": ["AutoModel": "x.Y"]], ["auto_map", "LlamaForCausalLM"]),
    (["architectures": ["LlamaForTokenClassification"]], ["LlamaForTokenClassification"]),
    (["model_type": "phi3", "full_attn_mod": 2], ["'full_attn_mod'"]),
  ]
  @Test(arguments: named) func whatHasNoEffectIsNamed(changes: JSONObject, parts: [String]) throws {
    let found = try remarks(changes)
    #expect(found.count == 1 && found[0].contains("config.json"), "\(found)")
    for part in parts { #expect(found.first?.contains(part) == true, "\(found)") }
  }

  @Test(arguments: ["is_encoder_decoder", "add_cross_attention", "rope_interleaved", "use_mrope"])
  func whatComputesOtherwiseIsRefused(key: String) throws {
    let error = try #require(thrown { _ = try remarks([key: true]) })
    #expect(error.code == .unsupported && error.location.key == key)
  }

  @Test func whatIsMissingIsCalledMissing() throws {
    let type = try #require(thrown { _ = try remarks(["model_type": .null]) })
    #expect(type.message.contains("is missing"), "\(type)")
    let method = try #require(thrown { _ = try remarks(["quantization_config": [:]]) })
    #expect(
      method.location.key == "quantization_config.quant_method"
        && method.message.contains("is missing"), "\(method)")
  }

  // MARK: Folders that hold something else

  @Test func anAdapterIsNoModel() throws {
    let scratch = try Scratch()
    try #"{"base_model_name_or_path": "org/base"}"#.write(
      toFile: scratch["adapter_config.json"], atomically: true, encoding: .utf8)
    let error = try #require(thrown { _ = try ModelConfigurationFile(inFolder: scratch.path) })
    #expect(error.code == .unsupported && error.message.contains("an adapter"))
    #expect(error.remedy?.contains("org/base") == true)
    // With a config.json and no weights it is still none.
    let copy = try nanoCopy(in: scratch)
    try FileManager.default.removeItem(atPath: copy + "/model.safetensors")
    _ = try scratch.write([], "model/adapter_model.safetensors")
    let without = try #require(thrown { _ = try ModelFolder(path: copy) })
    #expect(without.message.contains("an adapter"))
  }

  @Test func anAdapterBesideAModelIsSaid() throws {
    let scratch = try Scratch()
    let copy = try nanoCopy(in: scratch)
    #expect(try ModelFolder(path: copy).remarkOnAdapter == nil)
    _ = try scratch.write([], "model/adapter_config.json")
    #expect(try ModelFolder(path: copy).remarkOnAdapter?.contains("adapter_config.json") == true)
  }

  @Test func aFolderWithAGGUFFileLeadsToImport() throws {
    let scratch = try Scratch()
    _ = try scratch.write([], "model-Q4.gguf")
    let error = try #require(thrown { _ = try ModelConfigurationFile(inFolder: scratch.path) })
    #expect(error.code == .missingFile && error.message.contains("model-Q4.gguf"))
    #expect(error.remedy?.contains("tune import \(scratch.path)/model-Q4.gguf") == true)
  }

  static let unexpected = [
    ("model.layers.0.self_attn.q_proj.lora_A.weight", "Merge"),
    ("model.layers.0.self_attn.q_proj.qweight", "unquantized"),
    ("model.layers.0.x.weight", "config.json that belongs"),
  ]
  @Test(arguments: unexpected)
  func theRemedyFitsTheTensors(name: String, remedy: String) throws {
    let scratch = try Scratch()
    let folder = try ModelFolderFaultTests.folder(in: scratch) { tensors in
      tensors.append((name, .zeros([2], .float32)))
    }
    let decoder = folder.configuration.decoder
    let error = try #require(thrown { try folder.refuseUnexpectedTensors(for: decoder) })
    #expect(error.remedy?.contains(remedy) == true, "\(error)")
  }
}
