// OLMo 2: norms after attention and after the feed-forward layer, and of all heads at once. Defaults are those of
// transformers' Olmo2Config.
import Essentials
import Layers

enum OlmoFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.requireActivation("hidden_act", among: ["silu", "swish"])
    try reader.refuse(flags: ["mlp_bias", "use_sliding_window"])
    var decoder = try reader.sizes(architecture, ConfigurationDefaults(normEpsilon: 1e-5))
    decoder.choices.biases = try reader.biases()
    decoder.choices.attention = try reader.layerAttention(decoder, window: nil) { _ in false }
    return decoder
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    ["attention_bias": .bool(decoder.choices.biases.contains(.attentionOutput))]
  }
}
