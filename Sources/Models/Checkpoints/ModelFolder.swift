// A model folder, for reading: config.json and safetensors or torch files, single or sharded with an
// index, plain or quantized by us, named as Hugging Face, Meta or torchtune name tensors. Opening it
// maps and checks every file's header and reads no weight; weights come in when rows of them are
// asked for.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors

package final class ModelFolder: Sendable {
  package let path: String
  package let configuration: ModelConfigurationFile
  package var quantization: QuantizationPlan? { configuration.quantization }
  /// Of its linear layers in the blocks.
  package var quantizationScheme: QuantizationScheme? { quantization?.layers }
  package let naming: CheckpointNaming
  /// The shards in their order, under Hugging Face's names.
  let files: [any WeightFile]
  private let filesByName: [String: any WeightFile]

  static let configurationName = "config.json"
  static let singleName = "model.safetensors"
  static let indexName = "model.safetensors.index.json"
  static let torchSingleName = "pytorch_model.bin"
  /// The one torch file that is written under Meta's or torchtune's names.
  package static let torchName = "model-00001-of-00001.bin"
  static let torchIndexName = "pytorch_model.bin.index.json"

  /// - Parameters:
  ///   - files: the weight files in the folder to use; nil finds Hugging Face's.
  ///   - naming: of the tensors in the files.
  ///   - decoder: what the model is where the folder has no config.json, as Meta's has none.
  package init(
    path: String, files chosen: [String]? = nil, naming: CheckpointNaming = .huggingFace,
    decoder: DecoderConfiguration? = nil
  ) throws {
    try Self.checkFolder(path)
    configuration = try Self.configuration(in: path, decoder)
    if chosen == nil { try Self.refuseSeveralSets(in: path) }
    let index = chosen == nil ? try Self.index(in: path) : nil
    let names = try chosen ?? index?.files ?? Self.unindexed(in: path)
    let opened = try names.map { try Self.open(Self.file($0, in: path), naming) }
    // Meta's shards are parts of every tensor; all others hold whole ones.
    files = naming == .meta && opened.count > 1 ? [try JoinedShards(opened)] : opened
    filesByName = try Self.owners(files, index, in: path)
    self.path = path
    self.naming = naming
    try checkQuantizationMetadata()
  }

  static func checkFolder(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else {
      throw TuneError(
        .missingFile, "the model folder is not there",
        remedy: "Download the model first, or correct checkpoint_dir.", at: .init(file: path))
    }
  }

  private static func configuration(in folder: String, _ decoder: DecoderConfiguration?) throws
    -> ModelConfigurationFile
  {
    let path = folder + "/" + configurationName
    guard let decoder, try !FolderEntry.exists(path) else {
      return try ModelConfigurationFile(path: path)
    }
    try MetaParameters.check(decoder, in: folder)
    return ModelConfigurationFile(decoder, dtype: nil, path: path)
  }

  private static func open(_ path: String, _ naming: CheckpointNaming) throws -> any WeightFile {
    let file: any WeightFile =
      path.hasSuffix(".safetensors")
      ? try SafetensorsFile(path: path) : try TorchArchive(path: path)
    return naming == .huggingFace ? file : RenamedWeights(file, naming)
  }

  /// What config.json says, else what the embedding has.
  package var dtype: DType {
    let embedding = configuration.decoder.specification.embedding.name
    return configuration.dtype ?? file(of: embedding)?.claim(of: embedding)?.dtype ?? .float32
  }

  func file(of tensor: String) -> (any WeightFile)? { filesByName[tensor] }
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
    guard [".safetensors", ".bin", ".pth", ".pt"].contains(where: name.hasSuffix) else {
      throw TuneError(
        .unsupported, "only .safetensors, .bin, .pth and .pt checkpoint files can be read",
        at: .init(file: path))
    }
    return path
  }

  private static func unindexed(in folder: String) throws -> [String] {
    let found = try [singleName, torchSingleName].first {
      try FolderEntry.exists(folder + "/" + $0)
    }
    if let found { return [found] }
    throw TuneError(
      .missingFile,
      "the folder holds neither \(singleName) nor \(torchSingleName), nor an index of either",
      remedy: "Download the model's weights, or name their files in checkpoint_files.",
      at: .init(file: folder))
  }

  struct Index {
    var name: String
    /// Sorted.
    var files: [String]
    var owners: [String: String]
  }

  /// - Throws: where the folder holds weights twice: which of them are the model's is not ours to guess.
  private static func refuseSeveralSets(in folder: String) throws {
    let found = [singleName, indexName, torchSingleName, torchIndexName].filter {
      FileManager.default.fileExists(atPath: folder + "/" + $0)
    }
    guard found.count > 1 else { return }
    throw TuneError(
      .checkpointMismatch,
      "the folder holds several sets of weights: \(found.joined(separator: ", "))",
      remedy:
        "Name the files of one of them in checkpointer.checkpoint_files, or remove the others.",
      at: .init(file: folder))
  }

  /// The index of a sharded checkpoint; nil where there is none.
  private static func index(in folder: String) throws -> Index? {
    for (single, name) in [(singleName, indexName), (torchSingleName, torchIndexName)] {
      if try FolderEntry.exists(folder + "/" + single) { return nil }
      if try FolderEntry.exists(folder + "/" + name) {
        return try index(name, in: folder)
      }
    }
    return nil
  }

  static func index(_ indexName: String, in folder: String) throws -> Index {
    let path = folder + "/" + indexName
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
    return Index(name: indexName, files: Set(owners.values).sorted(), owners: owners)
  }

  /// Which file holds each tensor; the index, where there is one, must agree.
  private static func owners(
    _ files: [any WeightFile], _ index: Index?, in folder: String
  ) throws -> [String: any WeightFile] {
    var owners: [String: any WeightFile] = [:]
    for file in files {
      let fileName = (file.path as NSString).lastPathComponent
      for name in file.names {
        if let index, index.owners[name] != fileName { continue }
        if let other = owners.updateValue(file, forKey: name) {
          throw TuneError(
            .malformedFile, "tensor '\(name)' is also in \(other.path)",
            remedy: "Name in checkpoint_files only the files of one checkpoint.",
            at: .init(file: file.path))
        }
      }
    }
    if let index, let missing = index.owners.keys.filter({ owners[$0] == nil }).min(),
      let file = index.owners[missing]
    {
      throw TuneError(
        .checkpointMismatch, "the index says that tensor '\(missing)' is in \(file): it is not",
        remedy: "Download the checkpoint again.", at: .init(file: folder + "/" + index.name))
    }
    return owners
  }

  /// What the files themselves say of their codes must be what config.json says.
  private func checkQuantizationMetadata() throws {
    for file in files {
      let expected = quantization.map(QuantizationDescription.metadata) ?? [:]
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
