// Llama (SmolLM2, MobileLLM, TinyLlama among others), Mistral, and SmolLM3, some of whose layers have no rotary
// embedding. Defaults are those of transformers' LlamaConfig, MistralConfig and SmolLM3Config.
import Essentials
import Layers

enum LlamaFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.requireActivation("hidden_act", among: ["silu", "swish"])
    switch architecture {
    case .mistral: return try mistral(reader)
    case .smollm3: return try smollm3(reader)
    default: return try llama(architecture, reader)
    }
  }

  private static func llama(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.refuse(flags: ["use_sliding_window"])
    var decoder = try reader.sizes(architecture, ConfigurationDefaults())
    decoder.choices.biases = try reader.biases()
    decoder.choices.attention = try reader.layerAttention(decoder, window: nil) { _ in false }
    return decoder
  }

  private static func mistral(_ reader: ConfigurationReader) throws -> DecoderConfiguration {
    try reader.refuse(flags: ["attention_bias", "mlp_bias", "use_sliding_window"])
    var decoder = try reader.sizes(
      .mistral, ConfigurationDefaults(keyValueHeads: .required, sequenceLength: 131_072))
    // null is no window, an absent key transformers' default.
    let window = try reader.size("sliding_window") ?? (reader.has("sliding_window") ? nil : 4096)
    decoder.choices.attention = try reader.uniformAttention(decoder, window: window)
    return decoder
  }

  private static func smollm3(_ reader: ConfigurationReader) throws -> DecoderConfiguration {
    var decoder = try reader.sizes(
      .smollm3,
      ConfigurationDefaults(
        keyValueHeads: .required, sequenceLength: 32_768, rotaryBase: 2_000_000,
        tiesEmbeddings: true))
    decoder.choices.biases = try reader.biases()
    let rotates = try rotations(decoder, reader)
    let slides = try reader.flag("use_sliding_window") == true
    let window = slides ? try reader.size("sliding_window") : nil
    var attention = try reader.layerAttention(decoder, window: window) { layer in
      window != nil && !rotates[layer]
    }
    for layer in attention.indices where !rotates[layer] { attention[layer].rotation = .none }
    decoder.choices.attention = attention
    return decoder
  }

  /// Whether each layer has a rotary embedding; `no_rope_layers` says 1 where it has.
  private static func rotations(
    _ decoder: DecoderConfiguration, _ reader: ConfigurationReader
  ) throws -> [Bool] {
    let key = "no_rope_layers"
    guard let list = reader.value(key) else {
      let interval = try reader.size("no_rope_layer_interval") ?? 4
      return (0..<decoder.layerCount).map { ($0 + 1) % interval != 0 }
    }
    let flags = list.array?.compactMap { $0.integer ?? $0.bool.map { $0 ? 1 : 0 } }
    guard let flags, flags.count == list.array?.count, flags.count == decoder.layerCount else {
      throw reader.failure(key, "must have a 0 or 1 for each of \(decoder.layerCount) layers")
    }
    return flags.map { $0 != 0 }
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    let windows = decoder.choices.attention.compactMap(\.window)
    switch decoder.architecture {
    case .mistral: return ["sliding_window": windows.first.map { JSON.integer($0) } ?? .null]
    case .smollm3:
      var settings = decoder.choices.biases.settings
      settings["no_rope_layers"] = .array(
        decoder.choices.attention.map { .integer($0.rotation == .none ? 0 : 1) })
      settings["use_sliding_window"] = .bool(!windows.isEmpty)
      settings["sliding_window"] = windows.first.map { JSON.integer($0) } ?? .null
      settings["layer_types"] = decoder.layerTypes
      return settings
    default: return decoder.choices.biases.settings
    }
  }
}

extension ArchitectureChoices.Biases {
  /// Where both keys are settings of the architecture.
  var settings: JSONObject {
    [
      "attention_bias": .bool(contains(.attentionOutput)),
      "mlp_bias": .bool(contains(.feedForward)),
    ]
  }
}

extension DecoderConfiguration {
  var layerTypes: JSON {
    .array(choices.attention.map { $0.window == nil ? "full_attention" : "sliding_attention" })
  }
}
