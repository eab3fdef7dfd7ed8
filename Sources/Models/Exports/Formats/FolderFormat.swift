// Formats that are a folder of Hugging Face's layout: safetensors files with an index, config.json, and the
// tokenizer as it was.
import Checkpoints
import Essentials
import Tensors
import WeightFiles

protocol FolderFormat: ExportFormat {
  /// config.json, with what the runtime reads of the scheme.
  func configuration(_ model: ExportModel) throws -> JSONObject
  /// What a quantized layer's tensors of `bytes` add to its name: codes, scales, more.
  var quantizedNames: [String] { get }
  /// All that they may add.
  var allNames: [String] { get }
  /// A quantized layer's tensors that no weight changes, as a symmetric scheme has them.
  func constants(_ parameter: ExportParameter) -> [(name: String, bytes: [UInt8])]
  /// Of every file.
  func metadata(_ model: ExportModel) -> [String: String]
}

extension FolderFormat {
  var allNames: [String] { quantizedNames }
  func constants(_ parameter: ExportParameter) -> [(name: String, bytes: [UInt8])] { [] }
  func check(_ model: ExportModel) throws {}
  func keepsPairs(_ model: ExportModel) -> Bool { false }
  func isWhole(_ parameter: ExportParameter) -> Bool { false }
  func metadata(_ model: ExportModel) -> [String: String] { ["format": "pt"] }

  /// The folder's config.json without our own description of the scheme; a head with codes of its own is
  /// tied no more.
  func plainConfiguration(_ model: ExportModel) -> JSONObject {
    var json = model.folder.configuration.json
    json["quantization_config"] = nil
    if model.unties { json["tie_word_embeddings"] = false }
    return json
  }

  /// The entry of a plain tensor, in the model's dtype.
  func plainEntry(_ parameter: ExportParameter, _ model: ExportModel) -> ExportEntry {
    ExportEntry(
      name: parameter.name, type: model.dtype.safetensorsName, shape: parameter.shape,
      byteCount: parameter.shape.reduce(model.dtype.byteCount, *))
  }
  /// uint8 [N, R]
  func plainBytes(_ tensor: Tensor) -> Tensor {
    let values = tensor.contiguous()
    return values.viewed(as: .uint8).reshape(values.shape[0], -1)
  }
  func plainWeight(_ bytes: Tensor, of parameter: ExportParameter, _ type: String) -> StoredWeight {
    let dtype = DType(safetensorsName: type) ?? .float32
    let values = bytes.contiguous().viewed(as: dtype)
    return .plain(values.reshape([bytes.shape[0]] + parameter.shape.dropFirst()))
  }
}

/// Which tensor is in which file.
struct FolderPlan {
  private(set) var files: [PlannedFile] = []
  /// nil for one file.
  private(set) var index: JSON?

  private static let bytesPerFile = 5_000_000_000

  init(_ model: ExportModel, _ format: any FolderFormat) {
    var shards: [[ExportEntry]] = [[]]
    var size = 0
    for parameter in model.parameters {
      let entries = format.entries(parameter, of: model)
      let count = entries.reduce(0) { $0 + $1.byteCount }
      if size > 0, size + count > Self.bytesPerFile {
        shards.append([])
        size = 0
      }
      shards[shards.count - 1] += entries
      size += count
    }
    let metadata = format.metadata(model)
    var (map, total) = (JSONObject(), 0)
    for (number, entries) in shards.enumerated() {
      let name = Self.name(number + 1, of: shards.count)
      let layout = SafetensorsLayout(
        entries.map {
          .init(name: $0.name, type: $0.type, shape: $0.shape, byteCount: $0.byteCount)
        }, metadata: metadata)
      files.append(
        PlannedFile(
          name: name, header: layout.header,
          offsets: Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), layout.offsets)),
          byteCount: layout.byteCount))
      for entry in entries {
        map[entry.name] = .string(name)
        total += entry.byteCount
      }
    }
    guard shards.count > 1 else { return }
    index = ["metadata": ["total_size": .integer(total)], "weight_map": .object(map)]
  }

  private static func name(_ number: Int, of count: Int) -> String {
    guard count > 1 else { return "model.safetensors" }
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    return "model-\(padded(number))-of-\(padded(count)).safetensors"
  }
}

extension DType {
  /// In safetensors files, of plain weights and scales.
  var safetensorsName: String {
    switch self {
    case .float16: "F16"
    case .bfloat16: "BF16"
    default: "F32"
    }
  }
  init?(safetensorsName name: String) {
    let all: [DType] = [.float16, .bfloat16, .float32]
    guard let found = all.first(where: { $0.safetensorsName == name }) else { return nil }
    self = found
  }
}
