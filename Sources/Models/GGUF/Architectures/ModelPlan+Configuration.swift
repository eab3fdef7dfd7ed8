// config.json as transformers' configuration class of each architecture reads it. Numbers are the
// shortest decimals that read back as the file's float32.
import Essentials
import Foundation

extension ModelPlan {
  /// All but the dtype of the weights.
  static func configuration(
    _ model: GGUFModel, _ size: Geometry, _ rotary: RotaryScaling, _ ids: SpecialTokenIDs
  ) throws -> JSONObject {
    let architecture = size.architecture
    let keys = ArchitectureKeys(model.file, architecture)
    var json: JSONObject = [
      "architectures": [.string(architecture.className)],
      "model_type": .string(architecture.modelType),
      "vocab_size": .integer(size.vocabularySize), "hidden_size": .integer(size.width),
      "intermediate_size": .integer(size.feedForwardWidth),
      "num_hidden_layers": .integer(size.blocks), "num_attention_heads": .integer(size.heads),
      "num_key_value_heads": .integer(size.keyValueHeads),
    ]
    if architecture.alwaysHasHeadWidth || size.headWidth * size.heads != size.width {
      json["head_dim"] = .integer(size.headWidth)
    }
    let activation: JSON = architecture.isGemma ? "gelu_pytorch_tanh" : "silu"
    json[architecture.isGemma ? "hidden_activation" : "hidden_act"] = activation
    json["max_position_embeddings"] = .integer(size.contextLength)
    json["rms_norm_eps"] = .float(size.epsilon)
    json["rope_theta"] = .float(size.ropeBase)
    json["rope_scaling"] = rotary.json
    // Qwen 2 always has biases, Phi 3 never, and their classes have no such key.
    if architecture != .qwen2, architecture != .phi3 {
      json["attention_bias"] = .bool(architecture.mayHaveBiases && Biases(model).attention)
    }
    if architecture.mayHaveBiases { json["mlp_bias"] = .bool(Biases(model).feedForward) }
    for (key, value) in try particular(keys, size, rotary) { json[key] = value }
    json["tie_word_embeddings"] = .bool(model["output.weight"] == nil)
    json["bos_token_id"] = ids.bos.map { .integer($0) } ?? .null
    json["eos_token_id"] = ids.eos.map { .integer($0) } ?? .null
    json["pad_token_id"] = ids.padding.map { .integer($0) } ?? .null
    return json
  }

  /// What only this architecture has.
  private static func particular(
    _ keys: ArchitectureKeys, _ size: Geometry, _ rotary: RotaryScaling
  ) throws -> JSONObject {
    switch size.architecture {
    case .llama, .olmo2: [:]
    case .qwen2, .qwen3: ["use_sliding_window": false, "sliding_window": .null]
    case .gemma2: try gemma2(keys, size)
    case .gemma3: try gemma3(keys, size)
    case .phi3: try phi3(keys, size, rotary)
    case .granite: try granite(keys, size)
    case .smollm3:
      // The file does not say which blocks have no rotary embeddings; llama.cpp knows it so too.
      [
        "no_rope_layer_interval": 4, "use_sliding_window": false, "sliding_window": .null,
        "no_rope_layers": .array((1...size.blocks).map { .integer($0 % 4 == 0 ? 0 : 1) }),
        "layer_types": .array(Array(repeating: "full_attention", count: size.blocks)),
      ]
    }
  }

  private static func gemma2(_ keys: ArchitectureKeys, _ size: Geometry) throws -> JSONObject {
    [
      // Gemma 2 27B scales by the width of all heads; the file does not say so, nor needs llama.cpp it.
      "query_pre_attn_scalar": .integer(
        size.blocks == 46 ? size.width / size.heads : size.headWidth),
      "sliding_window": .integer(try keys.optionalSize("attention.sliding_window") ?? 4096),
      "layer_types": layerTypes(size.blocks, fullEvery: 2),
      "attn_logit_softcapping": .float(try keys.number("attn_logit_softcapping") ?? 50),
      "final_logit_softcapping": .float(try keys.number("final_logit_softcapping") ?? 30),
    ]
  }

  private static func gemma3(_ keys: ArchitectureKeys, _ size: Geometry) throws -> JSONObject {
    let window = try keys.optionalCount("attention.sliding_window") ?? 0
    let cap = try keys.number("final_logit_softcapping") ?? 0
    return [
      "query_pre_attn_scalar": .integer(
        size.blocks == 62 ? size.width / size.heads : size.headWidth),
      "rope_local_base_freq": .float(try keys.number("rope.freq_base_swa") ?? 10_000),
      "sliding_window": window > 0 ? .integer(window) : .null,
      "layer_types": try gemma3LayerTypes(keys, size, hasWindow: window > 0),
      "attn_logit_softcapping": .null,
      "final_logit_softcapping": cap > 0 ? .float(cap) : .null,
    ]
  }

  /// The pattern is a number, the blocks from one of full attention to the next, or a list of whether
  /// each block has a window.
  private static func gemma3LayerTypes(
    _ keys: ArchitectureKeys, _ size: Geometry, hasWindow: Bool
  ) throws -> JSON {
    guard hasWindow else { return layerTypes(size.blocks, fullEvery: 1) }
    let key = keys.name("attention.sliding_window_pattern")
    guard case .list = keys.file.values[key] else {
      let period = try keys.optionalSize("attention.sliding_window_pattern") ?? 6
      return layerTypes(size.blocks, fullEvery: period)
    }
    let pattern = try keys.file.integers(key) ?? []
    guard pattern.count == size.blocks else {
      throw keys.failure(
        "attention.sliding_window_pattern", "has \(pattern.count) entries for \(size.blocks) blocks"
      )
    }
    return .array(pattern.map { $0 == 0 ? "full_attention" : "sliding_attention" })
  }

  private static func layerTypes(_ blocks: Int, fullEvery period: Int) -> JSON {
    .array((1...blocks).map { $0 % period == 0 ? "full_attention" : "sliding_attention" })
  }

  private static func phi3(_ keys: ArchitectureKeys, _ size: Geometry, _ rotary: RotaryScaling)
    throws -> JSONObject
  {
    let window = try keys.optionalCount("attention.sliding_window") ?? 0
    let original = try keys.optionalSize("rope.scaling.original_context_length")
    var json: JSONObject = [
      "sliding_window": window > 0 ? .integer(window) : .null,
      "original_max_position_embeddings": .integer(original ?? size.contextLength),
    ]
    json["partial_rotary_factor"] = .number(Double(size.rotaryWidth) / Double(size.headWidth))
    return json
  }

  private static func granite(_ keys: ArchitectureKeys, _ size: Geometry) throws -> JSONObject {
    let usual = Float(1 / Double(size.headWidth).squareRoot())
    return [
      "attention_multiplier": .float(try keys.number("attention.scale") ?? usual),
      "embedding_multiplier": .float(try keys.number("embedding_scale") ?? 1),
      "residual_multiplier": .float(try keys.number("residual_scale") ?? 1),
      "logits_scaling": .float(try keys.number("logit_scale") ?? 1),
    ]
  }
}

extension JSON {
  /// The shortest decimal that reads back as this float32.
  static func float(_ value: Float) -> JSON { .number(Double(value.description) ?? Double(value)) }
}
