// A folder in GPTQ's layout, which vLLM, SGLang, mlx-lm and ONNX Runtime's model builder read: of each quantized
// layer `qweight` int32 [K * bits / 32, N], packed along K from the low bits up, `qzeros`, `scales` f16 [K/g, N]
// and `g_idx`. Zero points are stored less one.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Essentials
import Layers
import Quantization
import Tensors

struct GPTQFormat: FolderFormat {
  let name = ExportFormatName.gptq
  let advice = "swift_tune's scheme w4a16 fits"

  let quantizedNames = [".qweight", ".scales"]
  var allNames: [String] { quantizedNames + [".qzeros", ".g_idx"] }
  func constants(_ parameter: ExportParameter) -> [(name: String, bytes: [UInt8])] {
    guard let weights = parameter.scheme?.weights else { return [] }
    let groupSize = parameter.groupSize
    let places = (0..<parameter.shape[1]).map { Int32($0 / groupSize).littleEndian }
    // Of 4 bits 7 in each half of a byte, of 8 bits 127.
    let zero: UInt8 = weights.bits == 4 ? 0x77 : 0x7F
    let count = parameter.shape[1] / groupSize * parameter.shape[0] * weights.bits / 8
    return [
      (parameter.layer + ".qzeros", [UInt8](repeating: zero, count: count)),
      (parameter.layer + ".g_idx", places.withUnsafeBytes { Array($0) }),
    ]
  }

  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String? {
    guard let weights = parameter.scheme?.weights else { return nil }
    guard weights.bits == 4 || weights.bits == 8 else {
      return "it has codes of 4 and 8 bits, not of \(weights.bits)"
    }
    guard parameter.scheme == model.quantized[0].scheme else {
      return "it has one scheme for all layers; '\(parameter.layer)' has another"
    }
    guard parameter.shape[0] * weights.bits % 32 == 0, parameter.shape[1] * weights.bits % 32 == 0
    else { return "'\(parameter.layer)' is no whole number of int32 wide" }
    if let plain = model.parameters.first(where: {
      $0.kind == .linear && !$0.isQuantized && $0.layer != "lm_head"
    }) {
      return "all linear layers of a block are quantized there; '\(plain.layer)' is not"
    }
    return parameter.asymmetry ?? linearLayersOnly(parameter, model)
  }
  func scaleDType(of model: ExportModel) -> DType { .float16 }
  func remarks(_ model: ExportModel) -> [String] {
    model.quantized.contains { $0.scheme?.inputs != .exact }
      ? ["runtimes of this layout do not round the inputs of layers; training did"] : []
  }
  /// Rows of a layer are columns there.
  func isWhole(_ parameter: ExportParameter) -> Bool { parameter.isQuantized }

  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry] {
    guard let weights = parameter.scheme?.weights else { return [plainEntry(parameter, model)] }
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    let groups = columns / parameter.groupSize
    func entry(
      _ name: String, _ type: String, _ shape: [Int], _ size: Int, _ constant: [UInt8]? = nil
    )
      -> ExportEntry
    {
      ExportEntry(
        name: parameter.layer + name, type: type, shape: shape,
        byteCount: shape.reduce(size, *), constant: constant)
    }
    let constants = constants(parameter)
    return [
      entry(".qweight", "I32", [columns * weights.bits / 32, rows], 4),
      entry(".scales", "F16", [groups, rows], 2),
      entry(".qzeros", "I32", [groups, rows * weights.bits / 32], 4, constants[0].bytes),
      entry(".g_idx", "I32", [columns], 4, constants[1].bytes),
    ]
  }

  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  {
    switch weight {
    case .plain(let tensor): return [plainBytes(tensor)]
    case .quantized(let weight):
      let scales = try exactness.rounded(weight.scales, of: parameter.name)
      let words = weight.packedCodes().contiguous().viewed(as: .int32)
      return [
        words.transpose(0, 1).contiguous().viewed(as: .uint8), plainBytes(scales.transpose(0, 1)),
      ]
    }
  }

  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
  {
    guard let weights = parameter.scheme?.weights else {
      return plainWeight(bytes[0], of: parameter, entries[0].type)
    }
    let words = bytes[0].contiguous().viewed(as: .int32).transpose(0, 1).contiguous()
    let codes = words.viewed(as: .uint8)
      .unpackedCodes(bits: weights.bits, columns: parameter.shape[1])
    let scales = bytes[1].contiguous().viewed(as: .float16).transpose(0, 1).contiguous()
    return .codes(codes, scales: scales.to(.float32))
  }

  func configuration(_ model: ExportModel) throws -> JSONObject {
    guard let weights = model.quantized[0].scheme?.weights else { return [:] }
    var json = plainConfiguration(model)
    json["quantization_config"] = [
      "quant_method": "gptq", "bits": .integer(weights.bits),
      "group_size": .integer(weights.groupSize), "desc_act": false, "sym": true,
      "lm_head": false, "checkpoint_format": "gptq", "true_sequential": true,
      "damp_percent": 0.01,
    ]
    return json
  }
}
