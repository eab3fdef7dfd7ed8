// A quantization scheme in words: as `quantization_config` of a config.json and, in the same words,
// as metadata of the safetensors files, so that a file says by itself how its codes are meant.
import Essentials
import Quantization
import Tensors

enum QuantizationDescription {
  static let method = "swift-tune"
  /// The suffix of the tensor of scales, in place of `.weight`.
  static let scalesSuffix = ".weight_scales"

  static func schemeName(_ scheme: QuantizationScheme) -> String {
    switch scheme.inputs {
    case .exact: "\(scheme.weights.bits)w"
    case .int8PerToken: "8da\(scheme.weights.bits)w"
    }
  }
  static func activations(_ rule: InputRule) -> String {
    switch rule {
    case .exact: "none"
    case .int8PerToken: "int8_asymmetric_per_token"
    }
  }

  static func json(_ scheme: QuantizationScheme) -> JSON {
    .object([
      "quant_method": .string(method),
      "scheme": .string(schemeName(scheme)),
      "weight_bits": .integer(scheme.weights.bits),
      "group_size": .integer(scheme.weights.groupSize),
      "scale_dtype": .string(scheme.weights.scalePrecision.rawValue),
      "activations": .string(activations(scheme.inputs)),
    ])
  }

  static func metadata(_ scheme: QuantizationScheme) -> [String: String] {
    [
      "quant_method": method,
      "scheme": schemeName(scheme),
      "weight_bits": String(scheme.weights.bits),
      "group_size": String(scheme.weights.groupSize),
      "scale_dtype": scheme.weights.scalePrecision.rawValue,
      "activations": activations(scheme.inputs),
    ]
  }

  static func scalesName(of weight: String) -> String {
    (weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".count)) : weight) + scalesSuffix
  }
  static func codesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], (shape[1] * scheme.weights.bits + 7) / 8]
  }
  static func scalesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], shape[1] / scheme.weights.groupSize]
  }
}

extension ConfigurationReader {
  /// Of the inside of `quantization_config`.
  func scheme() throws -> QuantizationScheme {
    let method = try string("quant_method")
    guard method == QuantizationDescription.method else {
      throw failure(
        "quant_method", "checkpoints quantized by '\(method ?? "none")' cannot be read",
        .unsupported, remedy: "Use the unquantized checkpoint, or one that tune quantized.")
    }
    let bits = try needed("weight_bits", limit: 8)
    guard bits >= 2 else { throw failure("weight_bits", "must be from 2 to 8") }
    let dtypeName = try string("scale_dtype") ?? "float32"
    guard let precision = ScalePrecision(rawValue: dtypeName) else {
      throw failure("scale_dtype", "'\(dtypeName)' cannot hold scales")
    }
    let weights = WeightRule(
      bits: bits, groupSize: try needed("group_size"), scalePrecision: precision)
    let name = try string("scheme")
    let candidates = InputRule.allCases.map { QuantizationScheme(weights: weights, inputs: $0) }
    guard let scheme = candidates.first(where: { QuantizationDescription.schemeName($0) == name })
    else {
      throw failure("scheme", "'\(name ?? "none")' does not fit \(bits) bits", .unsupported)
    }
    let activations = try string("activations")
    guard activations == QuantizationDescription.activations(scheme.inputs) else {
      throw failure(
        "activations", "'\(activations ?? "none")' is not supported", .unsupported)
    }
    return scheme
  }
}
