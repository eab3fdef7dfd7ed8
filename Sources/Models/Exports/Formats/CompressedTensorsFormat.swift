// A folder for vLLM and for transformers with compressed-tensors, "pack-quantized": of each quantized layer
// `weight_packed` (codes + 2^(bits-1) in int32, from the low bits up), `weight_scale` in the model's dtype, and
// `weight_shape`. The output head and the embedding stay plain there.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Essentials
import Layers
import Quantization
import Tensors

struct CompressedTensorsFormat: FolderFormat {
  let name = ExportFormatName.compressedTensors
  let advice = "swift_tune's schemes w4a16 and w4a8 are what vLLM computes"

  let quantizedNames = [".weight_packed", ".weight_scale"]
  var allNames: [String] { quantizedNames + [".weight_shape"] }

  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String? {
    guard let scheme = parameter.scheme else { return nil }
    guard scheme.weights.bits == 4 || scheme.weights.bits == 8 else {
      return "it has codes of 4 and 8 bits, not of \(scheme.weights.bits)"
    }
    guard scheme == model.quantized[0].scheme else {
      return "vLLM joins layers and needs one scheme for them; '\(parameter.layer)' has another"
    }
    guard scheme.inputs == .exact || scheme.inputs == .int8SymmetricPerToken else {
      return "its activations are float, or int8 symmetric per token, not \(scheme.inputs.summary)"
    }
    if let reason = parameter.asymmetry { return reason }
    return linearLayersOnly(parameter, model)
  }
  func scaleDType(of model: ExportModel) -> DType { model.dtype }
  func remarks(_ model: ExportModel) -> [String] { [] }

  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry] {
    guard let weights = parameter.scheme?.weights else { return [plainEntry(parameter, model)] }
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    let words = columns * weights.bits / 32
    let groups = columns / parameter.groupSize
    let dtype = model.dtype
    let shape = [Int64(rows).littleEndian, Int64(columns).littleEndian]
    return [
      ExportEntry(
        name: parameter.layer + ".weight_packed", type: "I32", shape: [rows, words],
        byteCount: rows * words * 4),
      ExportEntry(
        name: parameter.layer + ".weight_scale", type: dtype.safetensorsName,
        shape: [rows, groups], byteCount: rows * groups * dtype.byteCount),
      ExportEntry(
        name: parameter.layer + ".weight_shape", type: "I64", shape: [2], byteCount: 16,
        constant: shape.withUnsafeBytes { Array($0) }),
    ]
  }

  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  {
    switch weight {
    case .plain(let tensor): return [plainBytes(tensor)]
    case .quantized(let weight):
      let scales = try exactness.rounded(weight.scales, of: parameter.name)
      return [weight.packedCodes(), plainBytes(scales)]
    }
  }

  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
  {
    guard let weights = parameter.scheme?.weights else {
      return plainWeight(bytes[0], of: parameter, entries[0].type)
    }
    let dtype = DType(safetensorsName: entries[1].type) ?? .float32
    let codes = bytes[0].contiguous()
      .unpackedCodes(bits: weights.bits, columns: parameter.shape[1])
    return .codes(codes, scales: bytes[1].contiguous().viewed(as: dtype).to(.float32))
  }

  func configuration(_ model: ExportModel) throws -> JSONObject {
    guard let scheme = model.quantized[0].scheme else { return [:] }
    var json = plainConfiguration(model)
    let isWhole = scheme.weights.groupSize == WeightRule.wholeRow
    let weights: JSON = [
      "num_bits": .integer(scheme.weights.bits), "type": "int", "symmetric": true,
      "strategy": isWhole ? "channel" : "group",
      "group_size": isWhole ? .null : .integer(scheme.weights.groupSize), "dynamic": false,
    ]
    let group: JSON = [
      "targets": ["Linear"], "weights": weights, "input_activations": Self.inputs(scheme.inputs),
      "output_activations": .null, "format": "pack-quantized",
    ]
    json["quantization_config"] = [
      "quant_method": "compressed-tensors", "format": "pack-quantized",
      "quantization_status": "compressed", "config_groups": ["group_0": group],
      "ignore": .array(plainLayers(model).map { .string($0) }), "kv_cache_scheme": .null,
      "global_compression_ratio": .null,
    ]
    return json
  }

  private static func inputs(_ rule: InputRule) -> JSON {
    guard rule != .exact else { return .null }
    return [
      "num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true,
    ]
  }
}

extension FolderFormat {
  /// Why a quantized head or embedding does not fit where these stay plain.
  func linearLayersOnly(_ parameter: ExportParameter, _ model: ExportModel) -> String? {
    let head = model.decoder.headSpecification.name
    if parameter.kind == .embedding { return "the embedding stays plain there" }
    return parameter.name == head || parameter.name == "lm_head.weight"
      ? "the output head stays plain there" : nil
  }

  /// The linear layers without codes, the head among them.
  func plainLayers(_ model: ExportModel) -> [String] {
    let plain = model.parameters.filter { $0.kind == .linear && !$0.isQuantized }.map(\.layer)
    return plain.contains("lm_head") ? plain : plain + ["lm_head"]
  }
}
