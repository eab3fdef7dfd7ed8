// The rotary embedding in config.json: `rope_scaling` beside `rope_theta` up to transformers 4, all in
// `rope_parameters` since 5. Defaults are those of transformers' modeling_rope_utils.
import Essentials
import Foundation
import Layers

extension ConfigurationReader {
  /// Of all layers, or of those that are not in a window.
  func rotary(of decoder: DecoderConfiguration, base: Double) throws -> RotaryEmbedding {
    try rotary(of: decoder, base: try positive("rope_theta", default: base), rotaryReader())
  }

  /// The object of all settings; nil where there is none.
  private func rotaryReader() throws -> ConfigurationReader? {
    let scaling = try object("rope_scaling")
    if let scaling, !scaling.json.isEmpty { return scaling }
    guard let all = try object("rope_parameters") else { return nil }
    // Layers of several kinds have an object each.
    return try all.object("full_attention") ?? all
  }

  /// - Parameter base: where the object has none.
  func rotary(
    of decoder: DecoderConfiguration, base: Double, _ reader: ConfigurationReader?
  ) throws -> RotaryEmbedding {
    let fraction =
      try reader?.positive("partial_rotary_factor") ?? positive("partial_rotary_factor") ?? 1
    let takesPart = decoder.architecture == .phi3
    guard fraction == 1 || (takesPart && fraction < 1) else {
      throw failure("partial_rotary_factor", "only 1 is supported for this model", .unsupported)
    }
    let width = Int(Double(decoder.headWidth) * fraction)
    guard width > 0, width % 2 == 0 else {
      throw failure(
        "partial_rotary_factor",
        "leaves \(width) of \(decoder.headWidth) numbers of a head to rotate")
    }
    var rotary = RotaryEmbedding(
      base: try reader?.positive("rope_theta") ?? base, width: width,
      trainedLength: decoder.maximumSequenceLength)
    rotary.scaling = try reader.flatMap { try $0.scaling(rotary, self) }
    return rotary
  }

  /// - Parameter root: all of config.json.
  private func scaling(
    _ rotary: RotaryEmbedding, _ root: ConfigurationReader
  ) throws -> RotaryScaling? {
    var type = try string("rope_type") ?? string("type") ?? "default"
    // Older names of what Phi-3's files mean.
    if try root.string("model_type") == ModelArchitecture.phi3.rawValue,
      ["su", "yarn"].contains(type)
    {
      type = "longrope"
    }
    switch type {
    case "default": return nil
    case "linear": return .linear(factor: try neededNumber("factor"))
    case "dynamic": return .dynamic(factor: try neededNumber("factor"))
    case "llama3": return .llama3(try llama3(rotary, root))
    case "yarn": return .yarn(try yarn(rotary, root))
    case "longrope": return .longrope(try longrope(rotary, root))
    default:
      throw failure(
        "rope_type", "the rotary scaling '\(type)' is not supported", .unsupported,
        remedy: "Supported are default, linear, dynamic, llama3, yarn and longrope.")
    }
  }

  private func neededNumber(_ key: String) throws -> Double {
    guard let number = try positive(key) else { throw failure(key, "is missing") }
    return number
  }

  /// The length before the frequencies were stretched.
  private func originalLength(
    _ rotary: RotaryEmbedding, _ root: ConfigurationReader
  ) throws -> Int {
    let key = "original_max_position_embeddings"
    return try root.size(key) ?? size(key) ?? rotary.trainedLength
  }

  private func llama3(
    _ rotary: RotaryEmbedding, _ root: ConfigurationReader
  ) throws -> RotaryScaling.Llama3 {
    let scaling = RotaryScaling.Llama3(
      factor: try neededNumber("factor"), lowFrequencyFactor: try neededNumber("low_freq_factor"),
      highFrequencyFactor: try neededNumber("high_freq_factor"),
      originalLength: try originalLength(rotary, root))
    guard scaling.lowFrequencyFactor < scaling.highFrequencyFactor else {
      throw failure("high_freq_factor", "must be above low_freq_factor")
    }
    return scaling
  }

  private func yarn(
    _ rotary: RotaryEmbedding, _ root: ConfigurationReader
  ) throws -> RotaryScaling.Yarn {
    let original = try originalLength(rotary, root)
    let factor =
      try positive("factor") ?? Double(rotary.trainedLength) / Double(original)
    func magnitude(_ scale: Double) -> Double {
      factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }
    var attention = magnitude(1)
    // 0 means absent, as in transformers.
    func given(_ key: String) throws -> Double? {
      value(key)?.double == 0 ? nil : try positive(key)
    }
    if let one = try given("mscale"), let all = try given("mscale_all_dim") {
      attention = magnitude(one) / magnitude(all)
    }
    return RotaryScaling.Yarn(
      factor: factor, originalLength: original,
      fastRotations: try positive("beta_fast", default: 32),
      slowRotations: try positive("beta_slow", default: 1),
      truncates: try flag("truncate") ?? true,
      attentionFactor: try positive("attention_factor", default: attention))
  }

  private func longrope(
    _ rotary: RotaryEmbedding, _ root: ConfigurationReader
  ) throws -> RotaryScaling.LongRope {
    // Phi-3's class has a default for it.
    let key = "original_max_position_embeddings"
    let original = try root.size(key) ?? 4096
    func divisors(_ key: String) throws -> [Double] {
      guard let divisors = try positives(key) else { throw failure(key, "is missing") }
      guard divisors.count == rotary.width / 2 else {
        throw failure(key, "has \(divisors.count) numbers, the model needs \(rotary.width / 2)")
      }
      return divisors
    }
    let factor = try positive("factor") ?? Double(rotary.trainedLength) / Double(original)
    let attention = factor <= 1 ? 1 : sqrt(1 + log(factor) / log(Double(original)))
    return RotaryScaling.LongRope(
      shortDivisors: try divisors("short_factor"), longDivisors: try divisors("long_factor"),
      originalLength: original,
      attentionFactor: try positive("attention_factor", default: attention))
  }
}

extension RotaryEmbedding {
  /// `rope_scaling` of a config.json.
  var scalingJSON: JSON {
    switch scaling {
    case nil: return .null
    case .linear(let factor): return ["rope_type": "linear", "factor": .number(factor)]
    case .dynamic(let factor): return ["rope_type": "dynamic", "factor": .number(factor)]
    case .llama3(let scaling):
      return [
        "rope_type": "llama3", "factor": .number(scaling.factor),
        "low_freq_factor": .number(scaling.lowFrequencyFactor),
        "high_freq_factor": .number(scaling.highFrequencyFactor),
        "original_max_position_embeddings": .integer(scaling.originalLength),
      ]
    case .yarn(let scaling):
      return [
        "rope_type": "yarn", "factor": .number(scaling.factor),
        "original_max_position_embeddings": .integer(scaling.originalLength),
        "beta_fast": .number(scaling.fastRotations), "beta_slow": .number(scaling.slowRotations),
        "truncate": .bool(scaling.truncates),
        "attention_factor": .number(scaling.attentionFactor),
      ]
    case .longrope(let scaling):
      return [
        "rope_type": "longrope",
        "short_factor": .array(scaling.shortDivisors.map(JSON.number)),
        "long_factor": .array(scaling.longDivisors.map(JSON.number)),
        "attention_factor": .number(scaling.attentionFactor),
      ]
    }
  }
}
