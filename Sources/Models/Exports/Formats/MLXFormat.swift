// A folder for mlx-lm and mlx-swift-lm: of each quantized layer `weight` (codes + 2^(bits-1), packed from the
// low bits up), `scales`, and `biases` of -2^(bits-1) scales, so that w = s q + b is exactly the trained
// weight's formula. Swift's loader is strict: no tensor more or less, and `.scales` decide what is quantized.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Essentials
import Layers
import Quantization
import Tensors

struct MLXFormat: FolderFormat {
  let name = ExportFormatName.mlx
  let advice = "swift_tune's scheme mlx-4bit is what MLX computes"

  let quantizedNames = [".weight", ".scales", ".biases"]

  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String? {
    guard let weights = parameter.scheme?.weights else { return nil }
    guard [2, 3, 4, 5, 6, 8].contains(weights.bits) else {
      return "it has codes of 2, 3, 4, 5, 6 and 8 bits, not of \(weights.bits)"
    }
    guard [32, 64, 128].contains(parameter.groupSize) else {
      return "it has groups of 32, 64 and 128 weights, not of \(parameter.groupSize)"
    }
    return weights.codes.isInteger && weights.scaleRule == .affineEdge ? nil : parameter.asymmetry
  }
  /// Scales of another dtype would promote every product.
  func scaleDType(of model: ExportModel) -> DType { model.dtype }
  func remarks(_ model: ExportModel) -> [String] {
    model.quantized.contains { $0.scheme?.inputs != .exact }
      ? ["MLX does not round the inputs of layers; training did"] : []
  }

  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry] {
    guard let weights = parameter.scheme?.weights else { return [plainEntry(parameter, model)] }
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    let words = columns * weights.bits / 32
    let groups = columns / parameter.groupSize
    let dtype = model.dtype
    func scaleEntry(_ name: String) -> ExportEntry {
      ExportEntry(
        name: parameter.layer + name, type: dtype.safetensorsName, shape: [rows, groups],
        byteCount: rows * groups * dtype.byteCount)
    }
    return [
      ExportEntry(
        name: parameter.layer + ".weight", type: "U32", shape: [rows, words],
        byteCount: rows * words * 4), scaleEntry(".scales"), scaleEntry(".biases"),
    ]
  }

  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  {
    switch weight {
    case .plain(let tensor): return [plainBytes(tensor)]
    case .quantized(let weight):
      let scales = try exactness.rounded(weight.scales, of: parameter.name)
      let biases =
        try weight.biases.map { try exactness.rounded($0, of: parameter.name) }
        ?? scales * -Double(1 << (weight.scheme.weights.bits - 1))
      return [weight.packedCodes(), plainBytes(scales), plainBytes(biases)]
    }
  }

  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
  {
    guard let weights = parameter.scheme?.weights else {
      return plainWeight(bytes[0], of: parameter, entries[0].type)
    }
    let dtype = DType(safetensorsName: entries[1].type) ?? .float32
    func values(_ bytes: Tensor) -> Tensor {
      bytes.contiguous().viewed(as: dtype).to(.float32)
    }
    let codes = bytes[0].contiguous()
      .unpackedCodes(bits: weights.bits, columns: parameter.shape[1])
    let (scales, biases) = (values(bytes[1]), values(bytes[2]))
    if weights.scaleRule.hasBias { return .codes(codes, scales: scales, biases: biases) }
    guard biases.isEqual(to: scales * -Double(1 << (weights.bits - 1))) else {
      throw TuneError(
        .malformedFile, "'\(entries[2].name)' are not those of a symmetric scheme",
        remedy: "The file was made by another quantizer, or is damaged.")
    }
    return .codes(codes, scales: scales)
  }

  func configuration(_ model: ExportModel) throws -> JSONObject {
    var json = plainConfiguration(model)
    let first = model.quantized.first { $0.kind == .linear } ?? model.quantized[0]
    var settings = Self.settings(first)
    // Layers of another scheme than most.
    for parameter in model.quantized where Self.settings(parameter) != Self.settings(first) {
      settings[parameter.layer] = .object(Self.settings(parameter))
    }
    json["quantization"] = .object(settings)
    json["quantization_config"] = .object(settings)
    return json
  }
  private static func settings(_ parameter: ExportParameter) -> JSONObject {
    guard let weights = parameter.scheme?.weights else { return [:] }
    let groupSize = parameter.groupSize
    return [
      "group_size": .integer(groupSize), "bits": .integer(weights.bits), "mode": "affine",
    ]
  }
  func metadata(_ model: ExportModel) -> [String: String] { ["format": "mlx"] }
}
