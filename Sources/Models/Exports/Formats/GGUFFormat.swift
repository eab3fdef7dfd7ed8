// GGUF, for llama.cpp: one file. Codes up to 4 bits are Q4_0, 2 bits in groups of 64 Q2_0, more are Q8_0;
// the rest keeps its dtype, but vectors, which are F32. Scales are f16. Names and row orders are those of
// llama.cpp's converter.
import Essentials
import GGUF
import Layers
import Quantization
import Tensors

struct GGUFFormat: ExportFormat {
  let name = ExportFormatName.gguf
  let advice = "swift_tune's schemes gguf-q4_0 and gguf-q8_0 are what llama.cpp computes"

  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String? {
    guard parameter.isQuantized else { return nil }
    if parameter.groupSize % 32 != 0 {
      return "its groups of \(parameter.groupSize) weights are not whole blocks of 32"
    }
    return parameter.asymmetry
  }
  func check(_ model: ExportModel) throws { try GGUFArchitecture(model).check() }
  func scaleDType(of model: ExportModel) -> DType { .float16 }
  func remarks(_ model: ExportModel) -> [String] {
    model.quantized.contains { $0.kind == .linear && $0.scheme?.inputs != .int8Blocks }
      ? ["llama.cpp rounds inputs to int8 in blocks of 32; training did not"] : []
  }

  /// llama.cpp's converter permutes queries and keys for these; others it leaves in halves.
  func keepsPairs(_ model: ExportModel) -> Bool { GGUFArchitecture(model).keepsPairs }
  func isWhole(_ parameter: ExportParameter) -> Bool { false }

  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry] {
    let type = type(of: parameter, model.dtype)
    let entry = GGUFLayout.Entry(
      name: GGUFArchitecture(model).name(of: parameter.name), type: type, shape: parameter.shape)
    return [
      ExportEntry(
        name: entry.name, type: type.name, shape: entry.shape, byteCount: entry.byteCount)
    ]
  }

  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  {
    switch weight {
    case .quantized(let weight):
      let type = type(of: parameter, weight.scheme)
      let scales = try exactness.rounded(weight.scales, of: parameter.name)
      let blocks = parameter.groupSize / type.blockSize
      return [GGMLBlocks.bytes(weight.codes, scales.repeatedScales(blocks), type)]
    case .plain(let tensor):
      let type = type(of: parameter, tensor.dtype)
      var values = tensor.to(type.tensorDType)
      // Gemma's norms have the 1 in them.
      if parameter.addsOne { values = values + 1 }
      values = values.contiguous()
      return [values.viewed(as: .uint8).reshape(values.shape[0], -1)]
    }
  }

  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
  {
    guard let type = ElementType(named: entries[0].type) else {
      preconditionFailure("\(entries[0].type) is no type")
    }
    switch type {
    case .q40, .q80, .q20:
      let (codes, scales) = GGMLBlocks.codes(bytes[0], type)
      return .codes(codes, scales: scales)
    default:
      let values = bytes[0].contiguous().viewed(as: type.tensorDType)
      let rows = [bytes[0].shape[0]] + parameter.shape.dropFirst()
      return .plain(values.reshape(Array(rows)))
    }
  }

  // MARK: Types

  private func type(of parameter: ExportParameter, _ scheme: QuantizationScheme) -> ElementType {
    let bits = scheme.weights.bits
    if bits == 2, parameter.groupSize % ElementType.q20.blockSize == 0 { return .q20 }
    return bits <= 4 ? .q40 : .q80
  }
  private func type(of parameter: ExportParameter, _ dtype: DType) -> ElementType {
    if let scheme = parameter.scheme { return type(of: parameter, scheme) }
    guard parameter.shape.count > 1 else { return .f32 }
    return switch dtype {
    case .bfloat16: .bf16
    case .float16: .f16
    default: .f32
    }
  }

  static func file(_ keys: GGUFKeys, _ entries: [ExportEntry]) -> PlannedFile {
    let layout = GGUFLayout(
      keys.all,
      entries.map {
        guard let type = ElementType(named: $0.type) else {
          preconditionFailure("\($0.type) is no type")
        }
        return GGUFLayout.Entry(name: $0.name, type: type, shape: $0.shape)
      })
    return PlannedFile(
      name: "model.gguf", header: layout.header,
      offsets: Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), layout.offsets)),
      byteCount: layout.byteCount)
  }

  /// `general.file_type`: what most of the file is.
  func fileType(_ model: ExportModel) -> UInt32 {
    let types = Dictionary(grouping: model.quantized) { type(of: $0, model.dtype) }
    switch types.max(by: { $0.value.count < $1.value.count })?.key {
    case .q40: return 2
    case .q80: return 7
    case .q20: return 41
    default: return model.dtype == .bfloat16 ? 32 : model.dtype == .float16 ? 1 : 0
    }
  }
}

extension ElementType {
  init?(named name: String) {
    guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }
  /// Of plain types.
  fileprivate var tensorDType: DType {
    switch self {
    case .f16: .float16
    case .bf16: .bfloat16
    default: .float32
    }
  }
}
