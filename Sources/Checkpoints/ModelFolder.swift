// A model in Hugging Face layout, for reading: config.json and safetensors files, single or sharded
// with an index, plain or quantized by us. Opening it maps and checks every file's header and reads
// no weight; weights come in when rows of them are asked for.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors

package final class ModelFolder: Sendable {
  package let path: String
  package let configuration: ModelConfigurationFile
  package var quantizationScheme: QuantizationScheme? { configuration.quantization }
  /// The shards in their order.
  let files: [SafetensorsFile]
  private let filesByName: [String: SafetensorsFile]

  static let configurationName = "config.json"
  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"

  /// - Parameter files: the safetensors files in the folder to use; nil finds them.
  package init(path: String, files chosen: [String]? = nil) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else {
      throw TuneError(
        .missingFile, "the model folder is not there",
        remedy: "Download the model first, or correct checkpoint_dir.", at: .init(file: path))
    }
    let configuration = try ModelConfigurationFile(path: path + "/" + Self.configurationName)
    let index = chosen == nil ? try Self.index(in: path) : nil
    let names = try chosen ?? index?.files ?? Self.unindexed(in: path)
    files = try names.map { try SafetensorsFile(path: Self.file($0, in: path)) }
    filesByName = try Self.owners(files, index?.owners, in: path)
    self.path = path
    self.configuration = configuration
    try checkQuantizationMetadata()
  }

  /// What config.json says, else what the embedding has.
  package var dtype: DType {
    let embedding = configuration.decoder.specification.embedding.name
    return configuration.dtype ?? file(of: embedding)?.dtype(of: embedding) ?? .float32
  }

  func file(of tensor: String) -> SafetensorsFile? { filesByName[tensor] }
  var tensorNames: [String] { files.flatMap(\.names) }

  /// Checks a file's name from a configuration or index, which may be anyone's, and that it exists.
  private static func file(_ name: String, in folder: String) throws -> String {
    guard !name.isEmpty, name != "..", name != ".", !name.contains("/"), !name.contains("\0") else {
      throw TuneError(
        .malformedFile, "'\(name)' is no name of a file in the model folder",
        at: .init(file: folder))
    }
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else {
      throw TuneError(
        .missingFile, "the checkpoint file is not there",
        remedy: "Download it, or correct checkpoint_dir and checkpoint_files.",
        at: .init(file: path))
    }
    guard name.hasSuffix(".safetensors") else {
      throw TuneError(
        .unsupported, "only .safetensors checkpoint files can be read", at: .init(file: path))
    }
    return path
  }

  private static func unindexed(in folder: String) throws -> [String] {
    if FileManager.default.fileExists(atPath: folder + "/" + singleName) { return [singleName] }
    throw TuneError(
      .missingFile, "the folder holds neither \(singleName) nor \(indexName)",
      remedy: "Download the model's safetensors files, or name them in checkpoint_files.",
      at: .init(file: folder))
  }

  /// The index of a sharded checkpoint; nil where there is none. As in transformers, a single file
  /// comes before an index.
  private static func index(in folder: String) throws -> (
    files: [String], owners: [String: String]
  )? {
    let path = folder + "/" + indexName
    guard !FileManager.default.fileExists(atPath: folder + "/" + singleName),
      FileManager.default.fileExists(atPath: path)
    else { return nil }
    guard let map = try JSON.load(path: path)["weight_map"]?.object else {
      throw TuneError(.malformedFile, "the index has no 'weight_map'", at: .init(file: path))
    }
    var owners: [String: String] = [:]
    for (name, value) in map {
      guard let file = value.string else {
        throw TuneError(
          .malformedFile, "must name a file", at: .init(file: path, key: "weight_map." + name))
      }
      owners[name] = file
    }
    return (Set(owners.values).sorted(), owners)
  }

  /// Which file holds each tensor; the index, where there is one, must agree.
  private static func owners(
    _ files: [SafetensorsFile], _ index: [String: String]?, in folder: String
  ) throws -> [String: SafetensorsFile] {
    var owners: [String: SafetensorsFile] = [:]
    for file in files {
      let fileName = (file.path as NSString).lastPathComponent
      for name in file.names {
        if let index, index[name] != fileName { continue }
        if let other = owners.updateValue(file, forKey: name) {
          throw TuneError(
            .malformedFile, "tensor '\(name)' is also in \(other.path)",
            remedy: "Name in checkpoint_files only the files of one checkpoint.",
            at: .init(file: file.path))
        }
      }
    }
    if let missing = index?.keys.filter({ owners[$0] == nil }).min(), let file = index?[missing] {
      throw TuneError(
        .checkpointMismatch, "the index says that tensor '\(missing)' is in \(file): it is not",
        remedy: "Download the checkpoint again.", at: .init(file: folder + "/" + indexName))
    }
    return owners
  }

  /// What the files themselves say of their codes must be what config.json says.
  private func checkQuantizationMetadata() throws {
    for file in files {
      let expected = quantizationScheme.map(QuantizationDescription.metadata) ?? [:]
      for (key, found) in file.metadata.sorted(by: { $0.key < $1.key }) {
        guard key == "quant_method" || expected[key] != nil, found != expected[key] else {
          continue
        }
        throw TuneError(
          .malformedFile,
          "its metadata says '\(found)', \(Self.configurationName) says "
            + (expected[key].map { "'\($0)'" } ?? "that nothing is quantized"),
          remedy: "The file belongs to another config.json: restore the folder as it was written.",
          at: .init(file: file.path, key: key))
      }
    }
  }
}
