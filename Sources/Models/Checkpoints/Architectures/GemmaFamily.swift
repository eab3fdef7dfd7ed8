// Gemma 2 and the text models of Gemma 3: scaled embeddings, norms of 1 + weight around each half of a block, layers
// in a window, bounded scores and logits. Defaults are those of transformers' Gemma2Config and Gemma3TextConfig.
import Essentials
import Foundation
import Layers

enum GemmaFamily: ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration {
    // Older files have a `hidden_act` too, which transformers does not read.
    try reader.requireActivation("hidden_activation", among: ["gelu_pytorch_tanh"])
    try reader.refuse(flags: ["mlp_bias", "use_bidirectional_attention"])
    var decoder = try reader.sizes(
      architecture,
      ConfigurationDefaults(
        keyValueHeads: .required, headWidth: 256,
        sequenceLength: architecture == .gemma3 ? 131_072 : 8192,
        rotaryBase: architecture == .gemma3 ? 1_000_000 : 10_000, tiesEmbeddings: true))
    decoder.choices.biases = try reader.biases()
    decoder.choices.embeddingScale = .rounded(sqrt(Double(decoder.width)))
    let scalar = try reader.positive("query_pre_attn_scalar", default: 256)
    decoder.choices.attentionScale = 1 / sqrt(scalar)
    // Absent, the keys have Gemma 2's defaults; null is no bound.
    func cap(_ key: String, default value: Double) throws -> Double? {
      if architecture == .gemma2, !reader.has(key) { return value }
      return try reader.positive(key)
    }
    decoder.choices.logitCap = try cap("final_logit_softcapping", default: 30)
    let attentionCap = try cap("attn_logit_softcapping", default: 50)
    // transformers reads it for Gemma 3 and does not apply it.
    if architecture == .gemma3, attentionCap != nil {
      throw reader.failure("attn_logit_softcapping", "only null is supported", .unsupported)
    }
    decoder.choices.attentionCap = attentionCap
    try readWindows(&decoder, reader)
    return decoder
  }

  /// Gemma 2 alternates, every sixth layer of Gemma 3 sees everything.
  private static func readWindows(
    _ decoder: inout DecoderConfiguration, _ reader: ConfigurationReader
  ) throws {
    let isThird = decoder.architecture == .gemma3
    let period = isThird ? try reader.size("sliding_window_pattern") ?? 6 : 2
    let window = try reader.size("sliding_window") ?? (reader.has("sliding_window") ? nil : 4096)
    var attention = try reader.layerAttention(decoder, window: window) { ($0 + 1) % period != 0 }
    if isThird {
      for layer in attention.indices where attention[layer].window != nil {
        attention[layer].rotation = .local
      }
      let inner = try reader.object("rope_parameters")?.object("sliding_attention")
      decoder.choices.localRotary = try reader.localRotary(of: decoder, inner)
    }
    decoder.choices.attention = attention
  }

  static func settings(_ decoder: DecoderConfiguration) -> JSONObject {
    let choices = decoder.choices
    var settings: JSONObject = [
      "hidden_activation": "gelu_pytorch_tanh",
      "attention_bias": .bool(choices.biases.contains(.attentionOutput)),
      "query_pre_attn_scalar": .number(pow(choices.attentionScale ?? 1, -2)),
      "attn_logit_softcapping": choices.attentionCap.map { JSON.number($0) } ?? .null,
      "final_logit_softcapping": choices.logitCap.map { JSON.number($0) } ?? .null,
      "sliding_window": choices.attention.compactMap(\.window).first.map { JSON.integer($0) }
        ?? .null,
      "layer_types": decoder.layerTypes,
    ]
    if let local = choices.localRotary { settings["rope_local_base_freq"] = .number(local.base) }
    return settings
  }
}

extension ConfigurationReader {
  /// Of layers in a window: never stretched before transformers 5, which gives them an object of their own.
  fileprivate func localRotary(
    of decoder: DecoderConfiguration, _ inner: ConfigurationReader?
  ) throws -> RotaryEmbedding {
    try rotary(
      of: decoder, base: try positive("rope_local_base_freq", default: 10_000), inner)
  }
}
