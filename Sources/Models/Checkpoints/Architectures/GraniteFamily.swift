// Granite 3: Llama with four multipliers. Defaults are those of transformers' GraniteConfig.
import Essentials
import Layers

enum GraniteFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    try reader.requireActivation("hidden_act", among: ["silu", "swish"])
    try reader.refuse(flags: ["use_sliding_window"])
    var decoder = try reader.sizes(architecture, ConfigurationDefaults())
    decoder.choices.biases = try reader.biases()
    decoder.choices.embeddingScale = .factor(
      try reader.positive("embedding_multiplier", default: 1))
    decoder.choices.attentionScale = try reader.positive("attention_multiplier", default: 1)
    decoder.choices.residualScale = try reader.positive("residual_multiplier", default: 1)
    decoder.choices.logitDivisor = try reader.positive("logits_scaling", default: 1)
    decoder.choices.attention = try reader.layerAttention(decoder, window: nil) { _ in false }
    return decoder
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    let choices = decoder.choices
    var settings = choices.biases.settings
    if case .factor(let factor) = choices.embeddingScale {
      settings["embedding_multiplier"] = .number(factor)
    }
    settings["attention_multiplier"] = .number(choices.attentionScale ?? 1)
    settings["residual_multiplier"] = .number(choices.residualScale)
    settings["logits_scaling"] = .number(choices.logitDivisor)
    return settings
  }
}
