// A quantization scheme in words: as `quantization_config` of a config.json and, in the same words,
// as metadata of the safetensors files, so that a file says by itself how its codes are meant.
import Essentials
import Quantization
import Tensors

enum QuantizationDescription {
  static let method = "swift-tune"
  /// int8 activations, asymmetric, each token with a scale of its own.
  static let activations = "int8_asymmetric_per_token"
  static let scaleDTypes: [DType] = [.float32, .bfloat16, .float16]
  /// The suffix of the tensor of scales, in place of `.weight`.
  static let scalesSuffix = ".weight_scales"

  static func schemeName(_ scheme: QuantizationScheme) -> String { "8da\(scheme.weightBits)w" }

  static func json(_ scheme: QuantizationScheme) -> JSON {
    .object([
      "quant_method": .string(method),
      "scheme": .string(schemeName(scheme)),
      "weight_bits": .integer(scheme.weightBits),
      "group_size": .integer(scheme.groupSize),
      "scale_dtype": .string(scheme.scaleDType.torchName),
      "activations": .string(activations),
    ])
  }

  static func metadata(_ scheme: QuantizationScheme) -> [String: String] {
    [
      "quant_method": method,
      "scheme": schemeName(scheme),
      "weight_bits": String(scheme.weightBits),
      "group_size": String(scheme.groupSize),
      "scale_dtype": scheme.scaleDType.torchName,
      "activations": activations,
    ]
  }

  static func scalesName(of weight: String) -> String {
    (weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".count)) : weight) + scalesSuffix
  }
  static func codesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], (shape[1] * scheme.weightBits + 7) / 8]
  }
  static func scalesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], shape[1] / scheme.groupSize]
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
    guard let dtype = DType(torchName: dtypeName),
      QuantizationDescription.scaleDTypes.contains(dtype)
    else { throw failure("scale_dtype", "'\(dtypeName)' cannot hold scales") }
    let scheme = QuantizationScheme(
      weightBits: bits, groupSize: try needed("group_size"), scaleDType: dtype)
    let name = try string("scheme")
    guard name == QuantizationDescription.schemeName(scheme) else {
      throw failure("scheme", "'\(name ?? "none")' does not fit \(bits) bits", .unsupported)
    }
    let activations = try string("activations")
    guard activations == QuantizationDescription.activations else {
      throw failure(
        "activations", "'\(activations ?? "none")' is not supported", .unsupported)
    }
    return scheme
  }
}
