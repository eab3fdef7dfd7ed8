// How rotary embeddings are scaled for long contexts, as config.json's `rope_scaling` says it. Linear
// and YaRN scaling are keys of the GGUF file; Llama 3's is only there as a factor for each frequency,
// from which its four numbers are recovered; LongRoPE's factors are tensors of their own.
import Essentials
import Foundation

struct RotaryScaling: Sendable {
  /// null for none.
  var json: JSON = .null
  /// The tensors that it was made from.
  var used: Set<String> = []

  /// - Throws: `TuneError` `.unsupported` for scaling that config.json cannot say.
  init(_ model: GGUFModel, _ size: Geometry) throws {
    let keys = ArchitectureKeys(model.file, size.architecture)
    let type = try keys.string("rope.scaling.type") ?? "none"
    if size.architecture == .phi3 {
      try readLongRope(model, size, keys, type)
    } else if let factors = try Self.floats(model, "rope_freqs.weight", size) {
      guard type == "none" else {
        throw keys.failure(
          "rope.scaling.type", "'\(type)' beside rope_freqs.weight is not supported",
          code: .unsupported)
      }
      used = ["rope_freqs.weight"]
      json = try Self.llama3(factors, size, model.file)
    } else {
      json = try Self.fromKeys(keys, type)
    }
  }

  private static func fromKeys(_ keys: ArchitectureKeys, _ type: String) throws -> JSON {
    let factor = try keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear")
    switch type {
    case "none":
      guard let factor = try keys.number("rope.scale_linear"), factor != 1, factor != 0 else {
        return .null
      }
      return ["rope_type": "linear", "factor": .float(factor)]
    case "linear":
      guard let factor, factor > 0 else { throw keys.failure("rope.scaling.factor", "is missing") }
      return factor == 1 ? .null : ["rope_type": "linear", "factor": .float(factor)]
    case "yarn": return try yarn(keys, factor)
    default:
      throw keys.failure("rope.scaling.type", "'\(type)' is not supported", code: .unsupported)
    }
  }

  private static func yarn(_ keys: ArchitectureKeys, _ factor: Float?) throws -> JSON {
    guard let factor, factor > 0 else { throw keys.failure("rope.scaling.factor", "is missing") }
    guard try keys.number("rope.scaling.yarn_ext_factor") ?? 1 == 1 else {
      throw keys.failure(
        "rope.scaling.yarn_ext_factor", "transformers has no such factor", code: .unsupported)
    }
    guard try keys.number("rope.scaling.yarn_log_multiplier") ?? 0 == 0 else {
      throw keys.failure("rope.scaling.yarn_log_multiplier", "is not supported", code: .unsupported)
    }
    var json: JSONObject = [
      "rope_type": "yarn", "factor": .float(factor),
      "original_max_position_embeddings": .integer(
        try keys.size("rope.scaling.original_context_length")),
    ]
    let optional = [
      ("attention_factor", "yarn_attn_factor"), ("beta_fast", "yarn_beta_fast"),
      ("beta_slow", "yarn_beta_slow"),
    ]
    for (name, key) in optional {
      json[name] = try keys.number("rope.scaling." + key).map { .float($0) }
    }
    return .object(json)
  }

  /// The values of a small tensor.
  private static func floats(_ model: GGUFModel, _ name: String, _ size: Geometry) throws
    -> [Float]?
  {
    guard let tensor = model[name], let bytes = model.bytes(of: name) else { return nil }
    guard tensor.shape == [size.rotaryWidth / 2] else {
      throw TuneError(
        .checkpointMismatch,
        "tensor '\(name)' has shape \(tensor.shape); half a head is \(size.rotaryWidth / 2)",
        remedy: "Convert the model to GGUF again.", at: .init(file: model.file.path))
    }
    return [Float](unsafeUninitializedCapacity: tensor.elementCount) { buffer, count in
      count = tensor.elementCount
      Dequantization.dequantize(
        bytes, tensor.type, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }
  }
}

// MARK: LongRoPE

extension RotaryScaling {
  private mutating func readLongRope(
    _ model: GGUFModel, _ size: Geometry, _ keys: ArchitectureKeys, _ type: String
  ) throws {
    let names = ["rope_factors_long.weight", "rope_factors_short.weight"]
    let factors = try names.map { try Self.floats(model, $0, size) }
    guard let long = factors[0], let short = factors[1] else {
      guard type == "none", factors[0] == nil, factors[1] == nil else {
        throw keys.failure(
          "rope.scaling.type", "'\(type)' without long and short factors is not supported",
          code: .unsupported)
      }
      return
    }
    guard type == "none" || type == "longrope" else {
      throw keys.failure("rope.scaling.type", "'\(type)' is not supported", code: .unsupported)
    }
    let original = Double(try keys.size("rope.scaling.original_context_length"))
    let scale = Double(size.contextLength) / original
    // transformers computes it, so another value could not be said.
    let usual = scale > 1 ? (1 + log(scale) / log(original)).squareRoot() : 1
    let stated = Double(try keys.number("rope.scaling.attn_factor") ?? Float(usual))
    guard abs(stated - usual) <= 1e-6 * usual else {
      throw keys.failure(
        "rope.scaling.attn_factor", "is \(stated); with these lengths it must be \(usual)",
        code: .unsupported)
    }
    used = Set(names)
    json = [
      "type": "longrope",
      "long_factor": .array(long.map { .float($0) }),
      "short_factor": .array(short.map { .float($0) }),
    ]
  }
}

// MARK: Llama 3

extension RotaryScaling {
  /// Of four numbers two are only known as ratios: original length to the low factor, and the high
  /// factor to it. All known models have 1 for the low one, so that is written.
  ///
  /// The factors are 1 for short wavelengths, `factor` for long ones, and between them
  /// 1 / ((1 - s) / factor + s) with s linear in 1 / wavelength.
  static func llama3(_ factors: [Float], _ size: Geometry, _ file: GGUFFile) throws -> JSON {
    if factors.allSatisfy({ $0 == 1 }) { return .null }
    let frequencies = Self.frequencies(size)
    let factor = factors.last ?? 1
    for (original, high) in candidates(factors, frequencies, Double(factor)) {
      let expected = llama3Factors(frequencies, Double(factor), 1, high, Double(original))
      let isSame = zip(expected, factors).allSatisfy { abs($0 - Double($1)) <= 4e-6 * $0 }
      if isSame, factor > 1 {
        return [
          "rope_type": "llama3", "factor": .float(factor), "low_freq_factor": 1.0,
          "high_freq_factor": .number(high), "original_max_position_embeddings": .integer(original),
        ]
      }
    }
    throw TuneError(
      .unsupported, "the factors of tensor 'rope_freqs.weight' are not Llama 3's scaling",
      remedy: "Start from the model's original folder.", at: .init(file: file.path))
  }

  private static func frequencies(_ size: Geometry) -> [Double] {
    (0..<size.rotaryWidth / 2).map {
      1 / pow(Double(size.ropeBase), Double(2 * $0) / Double(size.rotaryWidth))
    }
  }

  static func llama3Factors(
    _ frequencies: [Double], _ factor: Double, _ low: Double, _ high: Double, _ original: Double
  ) -> [Double] {
    frequencies.map { frequency in
      let wavelength = 2 * Double.pi / frequency
      if wavelength < original / high { return 1 }
      if wavelength > original / low { return factor }
      let smooth = (original / wavelength - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }

  /// The usual numbers first, then those of the line through two factors between.
  private static func candidates(_ factors: [Float], _ frequencies: [Double], _ factor: Double)
    -> [(original: Int, high: Double)]
  {
    var candidates = (9...20).map { (original: 1 << $0, high: 4.0) }
    // 8192, which all released models have, before the rest: few factors may fit several.
    candidates.sort { ($0.original != 8192 ? 1 : 0) < ($1.original != 8192 ? 1 : 0) }
    let between = zip(factors, frequencies).filter { $0.0 != 1 && Double($0.0) != factor }
    if let first = between.first, let last = between.last, between.count > 1 {
      let points = [first, last].map { point in
        (x: point.1 / (2 * .pi), y: (1 / Double(point.0) - 1 / factor) / (1 - 1 / factor))
      }
      let gradient = (points[1].y - points[0].y) / (points[1].x - points[0].x)
      let offset = gradient * points[0].x - points[0].y
      let (high, original) = (1 + 1 / offset, gradient / offset)
      if high.isFinite, high > 1, original > 1, original < 1e9 {
        candidates.append((Int(original.rounded()), (high * 64).rounded() / 64))
      }
    }
    return candidates
  }
}
