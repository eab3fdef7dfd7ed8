// A Hugging Face `config.json` as a `DecoderConfiguration`. What would change the computation and is not
// built here is refused; what is absent takes the default that transformers' class of the architecture gives
// it. The JSON itself is kept, so that it can be written out again.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors
import WeightFiles

package struct ModelConfigurationFile: Sendable {
  package let path: String
  package internal(set) var json: JSONObject
  package let decoder: DecoderConfiguration
  /// What `torch_dtype` or `dtype` says the checkpoint is stored in.
  package internal(set) var dtype: DType?
  /// How it is quantized; nil for an ordinary checkpoint.
  package internal(set) var quantization: QuantizationPlan?
  /// What a user should know of the file: keys that have no effect here, by name.
  package let remarks: [String]

  package init(path: String) throws {
    guard let json = try JSON.load(path: path).object else {
      throw TuneError(.malformedFile, "config.json holds no JSON object", at: .init(file: path))
    }
    try self.init(json, path: path)
  }

  /// Of a model folder.
  /// - Throws: `TuneError` `.missingFile` for a folder without one.
  package init(inFolder folder: String) throws {
    try ModelFolder.checkFolder(folder)
    let path = folder + "/" + ModelFolder.configurationName
    guard try FolderEntry.exists(path) else {
      throw ModelFolder.incomplete(
        folder, missing: "the folder has no config.json, which says what the model is",
        remedy:
          "Download the model with its config.json, or name its builder in the model section.")
    }
    try self.init(path: path)
  }

  /// Of settings that are in no file of this kind, such as those of another container.
  package init(readingOnly json: JSONObject, path: String) throws {
    try self.init(json, path: path)
  }

  init(_ json: JSONObject, path: String) throws {
    let reader = ConfigurationReader(json, path: path)
    self.path = path
    self.json = json
    decoder = try reader.decoder()
    dtype = try reader.dtype()
    quantization = try reader.quantization()
    remarks = reader.remarks(on: decoder)
  }
}

extension ConfigurationReader {
  func decoder() throws -> DecoderConfiguration {
    let architecture = try architecture()
    return try architecture.family.decoder(architecture, self)
  }

  private func architecture() throws -> ModelArchitecture {
    let type = try string("model_type")
    guard let known = type.flatMap(ModelArchitecture.init) else {
      let names = ModelArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
      throw failure(
        "model_type",
        type.map { "models of type '\($0)' are not supported" }
          ?? "is missing: it says which architecture the model has", .unsupported,
        remedy: "Use a checkpoint whose config.json says one of: \(names).")
    }
    return known
  }

  func dtype() throws -> DType? {
    for key in ["dtype", "torch_dtype"] {
      guard var name = try string(key) else { continue }
      if name.hasPrefix("torch.") { name.removeFirst("torch.".count) }
      guard let dtype = DType(torchName: name), dtype.isFloatingPoint else {
        throw failure(
          key, "unknown dtype '\(name)'", remedy: "Known are float32, bfloat16 and float16.")
      }
      return dtype
    }
    return nil
  }

  func quantization() throws -> QuantizationPlan? {
    guard let inner = try object("quantization_config") else { return nil }
    return try inner.quantizationPlan()
  }
}
