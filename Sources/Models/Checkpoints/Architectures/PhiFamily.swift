// Phi-3, 3.5 and Phi-4-mini: fused projections, part of each head rotated, LongRoPE. Defaults are those of transformers'
// Phi3Config.
import Essentials
import Layers

enum PhiFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.requireActivation("hidden_act", among: ["silu", "swish"])
    try reader.refuse(flags: ["attention_bias", "mlp_bias"])
    var decoder = try reader.sizes(
      architecture, ConfigurationDefaults(sequenceLength: 4096, normEpsilon: 1e-5))
    let window = try reader.size("sliding_window")
    decoder.choices.attention = try reader.uniformAttention(decoder, window: window)
    return decoder
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    var settings: JSONObject = [
      "sliding_window": decoder.choices.attention.compactMap(\.window).first.map {
        JSON.integer($0)
      } ?? .null,
      "partial_rotary_factor": .number(
        Double(decoder.rotary.width) / Double(decoder.headWidth)),
    ]
    if case .longrope(let scaling) = decoder.rotary.scaling {
      settings["original_max_position_embeddings"] = .integer(scaling.originalLength)
    }
    return settings
  }
}
