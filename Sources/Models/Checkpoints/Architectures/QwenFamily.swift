// Qwen 2 and 2.5 (biases in attention) and Qwen 3 (normed heads). Defaults are those of transformers' Qwen2Config and
// Qwen3Config.
import Essentials
import Layers

enum QwenFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.requireActivation("hidden_act", among: ["silu", "swish"])
    try reader.refuse(flags: ["mlp_bias"])
    var decoder = try reader.sizes(
      architecture,
      ConfigurationDefaults(
        keyValueHeads: .required, headWidth: architecture == .qwen3 ? 128 : nil,
        sequenceLength: 32_768))
    // Qwen 2's biases are no setting; its files may still have the key.
    if architecture == .qwen3 { decoder.choices.biases = try reader.biases() }
    let slides = try reader.flag("use_sliding_window") == true
    let window =
      slides
      ? try reader.size("sliding_window") ?? (reader.has("sliding_window") ? nil : 4096) : nil
    let first = try count("max_window_layers", reader) ?? 28
    decoder.choices.attention = try reader.layerAttention(decoder, window: window) { layer in
      window != nil && layer >= first
    }
    return decoder
  }

  /// A size that may be 0.
  private static func count(_ key: String, _ reader: ConfigurationReader) throws -> Int? {
    guard let value = reader.value(key) else { return nil }
    guard let count = value.integer, count >= 0 else {
      throw reader.failure(key, "must be a whole number from 0")
    }
    return count
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    let window = decoder.choices.attention.compactMap(\.window).first
    var settings: JSONObject = [
      "use_sliding_window": .bool(window != nil),
      "sliding_window": window.map { JSON.integer($0) } ?? .null,
      "layer_types": decoder.layerTypes,
    ]
    if decoder.architecture == .qwen3 {
      settings["attention_bias"] = .bool(decoder.choices.biases.contains(.attentionOutput))
    }
    return settings
  }
}
