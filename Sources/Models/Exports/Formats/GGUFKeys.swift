// The keys of a GGUF file that say what the model is. Names are those of llama.cpp's converter; a key that
// is left out has a default there, which may be another model's.
import Checkpoints
import Essentials
import Foundation
import GGUF
import Layers
import Quantization
import Tensors

struct GGUFKeys {
  private(set) var all: [(key: String, value: GGUFValue)] = []
  private let architecture: String

  /// All but the tokenizer's.
  init(_ model: ExportModel, fileType: UInt32) {
    let decoder = model.decoder
    architecture = GGUFArchitecture(model).name
    add("general.architecture", .string(architecture))
    add("general.type", .string("model"))
    add("general.name", .string(Self.title(model)))
    add("general.file_type", .integer(fileType))
    add("general.quantization_version", .integer(2))
    size("context_length", decoder.maximumSequenceLength)
    size("embedding_length", decoder.width)
    size("block_count", decoder.layerCount)
    size("feed_forward_length", decoder.hiddenWidth)
    size("attention.head_count", decoder.headCount)
    size("attention.head_count_kv", decoder.keyValueHeadCount)
    number("attention.layer_norm_rms_epsilon", decoder.normEpsilon)
    number("rope.freq_base", decoder.rotary.base)
    size("rope.dimension_count", decoder.rotary.width)
    size("attention.key_length", decoder.headWidth)
    size("attention.value_length", decoder.headWidth)
    size("vocab_size", decoder.vocabularySize)
    addScaling(decoder)
    addChoices(decoder)
  }

  private static func title(_ model: ExportModel) -> String {
    let name = model.folder.configuration.json["_name_or_path"]?.string ?? ""
    let last = (name.isEmpty ? model.folder.path : name).lastComponent
    return last.isEmpty ? model.decoder.architecture.title : last
  }

  mutating func add(_ key: String, _ value: GGUFValue) { all.append((key, value)) }
  private mutating func size(_ key: String, _ value: Int) {
    add(architecture + "." + key, .integer(UInt32(value)))
  }
  private mutating func number(_ key: String, _ value: Double) {
    add(architecture + "." + key, .number(Float(value)))
  }

  private mutating func addScaling(_ decoder: DecoderConfiguration) {
    switch decoder.rotary.scaling {
    case .linear(let factor):
      add(architecture + ".rope.scaling.type", .string("linear"))
      number("rope.scaling.factor", factor)
    case .yarn(let yarn):
      add(architecture + ".rope.scaling.type", .string("yarn"))
      number("rope.scaling.factor", yarn.factor)
      size("rope.scaling.original_context_length", yarn.originalLength)
      number("rope.scaling.yarn_beta_fast", yarn.fastRotations)
      number("rope.scaling.yarn_beta_slow", yarn.slowRotations)
      // llama.cpp multiplies this with 0.1 ln(factor) + 1.
      let usual = yarn.factor > 1 ? 0.1 * log(yarn.factor) + 1 : 1
      if abs(yarn.attentionFactor - usual) > 1e-6 {
        number("rope.scaling.yarn_attn_factor", yarn.attentionFactor / usual)
      }
    case .longrope(let scaling):
      add(architecture + ".rope.scaling.type", .string("longrope"))
      size("rope.scaling.original_context_length", scaling.originalLength)
      number("rope.scaling.attn_factor", scaling.attentionFactor)
    // Llama 3's is a tensor; dynamic scaling is refused.
    case .llama3, .dynamic, nil: break
    }
  }

  private mutating func addChoices(_ decoder: DecoderConfiguration) {
    let choices = decoder.choices
    let window = choices.attention.compactMap(\.window).first
    switch decoder.architecture {
    case .gemma2:
      number("attn_logit_softcapping", choices.attentionCap ?? 0)
      number("final_logit_softcapping", choices.logitCap ?? 0)
      if let window { size("attention.sliding_window", window) }
    case .gemma3:
      if let window { size("attention.sliding_window", window) }
      if let cap = choices.logitCap { number("final_logit_softcapping", cap) }
    case .phi3: size("attention.sliding_window", window ?? 0)
    case .granite:
      number(
        "attention.scale",
        choices.attentionScale ?? 1 / Double(decoder.headWidth).squareRoot())
      if case .factor(let factor) = choices.embeddingScale { number("embedding_scale", factor) }
      number("residual_scale", choices.residualScale)
      number("logit_scale", choices.logitDivisor)
    case .llama, .mistral, .qwen2, .qwen3, .smollm3, .olmo2: break
    }
  }
}

/// Tensors that no parameter is: factors of rotary frequencies.
enum RotaryFactors {
  static func entries(_ rotary: RotaryEmbedding) -> [(name: String, values: [Float])] {
    switch rotary.scaling {
    case .llama3(let scaling): [("rope_freqs.weight", llama3(rotary, scaling))]
    case .longrope(let scaling):
      [
        ("rope_factors_long.weight", scaling.longDivisors.map { Float($0) }),
        ("rope_factors_short.weight", scaling.shortDivisors.map { Float($0) }),
      ]
    case .linear, .dynamic, .yarn, nil: []
    }
  }

  /// 1 for short wavelengths, the factor for long ones, the smooth blend between.
  private static func llama3(_ rotary: RotaryEmbedding, _ scaling: RotaryScaling.Llama3) -> [Float]
  {
    (0..<rotary.width / 2).map { pair in
      let exponent = Double(2 * pair) / Double(rotary.width)
      let wavelength = 2 * Double.pi * pow(rotary.base, exponent)
      let original = Double(scaling.originalLength)
      if wavelength < original / scaling.highFrequencyFactor { return 1 }
      if wavelength > original / scaling.lowFrequencyFactor { return Float(scaling.factor) }
      let smooth =
        (original / wavelength - scaling.lowFrequencyFactor)
        / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor)
      return Float(1 / ((1 - smooth) / scaling.factor + smooth))
    }
  }
}
