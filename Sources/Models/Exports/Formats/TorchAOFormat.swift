// A folder for transformers with torchao: of each quantized layer `_weight_qdata` int8, `_weight_scale` and
// `_weight_zero_point` (all 0), and in the metadata of every file what tensor they make (the loader merges the
// metadata of shards). Checked against what torchao 0.18 writes.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors
import WeightFiles

struct TorchAOFormat: FolderFormat {
  let name = ExportFormatName.torchao
  let advice = "8da4w with portable scales, the head left plain, fits"

  let quantizedNames = ["._weight_qdata", "._weight_scale"]
  var allNames: [String] { quantizedNames + ["._weight_zero_point"] }
  func constants(_ parameter: ExportParameter) -> [(name: String, bytes: [UInt8])] {
    let count = parameter.shape[0] * parameter.shape[1] / max(1, parameter.groupSize)
    return [(parameter.layer + "._weight_zero_point", [UInt8](repeating: 0, count: count))]
  }

  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String? {
    guard let scheme = parameter.scheme else { return nil }
    if let reason = parameter.asymmetry { return reason }
    guard scheme.weights.groupSize != WeightRule.wholeRow else {
      return "it has groups of weights, not whole rows"
    }
    guard scheme == model.quantized[0].scheme else {
      return "it has one scheme for all layers; '\(parameter.layer)' has another"
    }
    guard scheme.inputs == .exact || scheme.inputs == .int8PerToken else {
      return "its int8 activations are asymmetric per token, those of the scheme are not"
    }
    return linearLayersOnly(parameter, model)
  }
  func scaleDType(of model: ExportModel) -> DType { model.dtype }
  func remarks(_ model: ExportModel) -> [String] {
    model.dtype != .float32 && model.quantized[0].scheme?.inputs == .int8PerToken
      ? ["torchao rounds activations in \(model.dtype.shortName), as training in it does"] : []
  }

  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry] {
    guard let weights = parameter.scheme?.weights else { return [plainEntry(parameter, model)] }
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    let groups = columns / weights.groupSize
    let dtype = model.dtype
    return [
      ExportEntry(
        name: parameter.layer + "._weight_qdata", type: "I8", shape: [rows, columns],
        byteCount: rows * columns),
      ExportEntry(
        name: parameter.layer + "._weight_scale", type: dtype.safetensorsName,
        shape: [rows, groups], byteCount: rows * groups * dtype.byteCount),
      ExportEntry(
        name: parameter.layer + "._weight_zero_point", type: "I8", shape: [rows, groups],
        byteCount: rows * groups, constant: [UInt8](repeating: 0, count: rows * groups)),
    ]
  }

  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  {
    switch weight {
    case .plain(let tensor): return [plainBytes(tensor)]
    case .quantized(let weight):
      let scales = try exactness.rounded(weight.scales, of: parameter.name)
      return [weight.codes.contiguous().viewed(as: .uint8), plainBytes(scales)]
    }
  }

  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
  {
    guard parameter.isQuantized else {
      return plainWeight(bytes[0], of: parameter, entries[0].type)
    }
    let dtype = DType(safetensorsName: entries[1].type) ?? .float32
    return .codes(
      bytes[0].contiguous().viewed(as: .int8),
      scales: bytes[1].contiguous().viewed(as: dtype).to(.float32))
  }

  // MARK: Descriptions

  func metadata(_ model: ExportModel) -> [String: String] {
    var all = ["format": "pt"]
    for parameter in model.parameters {
      all[parameter.name] = Self.description(of: parameter, model).text()
    }
    let names = model.parameters.map { JSON.string($0.name) }
    all["tensor_names"] = JSON.array(names).text()
    return all
  }
  private static func description(of parameter: ExportParameter, _ model: ExportModel) -> JSON {
    guard let scheme = parameter.scheme else { return ["_type": "Tensor"] }
    return [
      "_type": "IntxUnpackedToInt8Tensor",
      "_data": [
        "target_dtype": dtype("int\(scheme.weights.bits)"),
        "block_size": [1, .integer(scheme.weights.groupSize)],
        "dtype": dtype(model.dtype.torchName),
        "activation_quantization": scheme.inputs == .exact ? .null : "int8_asym_per_token",
      ],
      "_tensor_data_names": ["qdata", "scale", "zero_point"],
    ]
  }
  private static func dtype(_ name: String) -> JSON {
    ["_type": "torch.dtype", "_data": .string(name)]
  }
  private static func choice(_ type: String, _ value: String) -> JSON {
    ["_type": .string(type), "_data": .string(value)]
  }

  func configuration(_ model: ExportModel) throws -> JSONObject {
    guard let scheme = model.quantized[0].scheme else { return [:] }
    var json = plainConfiguration(model)
    let granularity: JSON = [
      "_type": "PerGroup", "_version": 1,
      "_data": ["group_size": .integer(scheme.weights.groupSize)],
    ]
    let isWeightOnly = scheme.inputs == .exact
    let prefix = isWeightOnly ? "" : "weight_"
    var data: JSONObject = [
      "weight_dtype": Self.dtype("int\(scheme.weights.bits)"),
      "intx_choose_qparams_algorithm": Self.choice("IntxChooseQParamsAlgorithm", "AFFINE"),
      "intx_packing_format": Self.choice("IntxPackingFormat", "UNPACKED_TO_INT8"),
    ]
    data[prefix + "granularity"] = granularity
    data[prefix + "mapping_type"] = Self.choice("MappingType", "SYMMETRIC")
    data[prefix + "scale_dtype"] = .null
    if !isWeightOnly { data["act_mapping_type"] = Self.choice("MappingType", "ASYMMETRIC") }
    let type: JSON = [
      "_type": isWeightOnly ? "IntxWeightOnlyConfig" : "Int8DynamicActivationIntxWeightConfig",
      "_version": 2, "_data": .object(data),
    ]
    json["quantization_config"] = [
      "quant_method": "torchao", "quant_type": ["default": type],
      "include_input_output_embeddings": false, "untie_embedding_weights": false,
      "modules_to_not_convert": .null,
    ]
    return json
  }
}
