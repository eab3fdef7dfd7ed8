// An exported model as it lies on the disk, whatever its container: tensors by name, with their types, shapes
// and bytes. Files may be anyone's: what they claim is checked before it is used.
import Checkpoints
import Essentials
import Foundation
import GGUF
import Tensors
import WeightFiles

struct ArtifactTensor: Equatable {
  /// In the container's words.
  var type: String
  var shape: [Int]
}

protocol ArtifactFiles {
  var tensors: [String: ArtifactTensor] { get }
  /// Some rows, uint8 [rows, bytes of a row].
  func bytes(of name: String, _ rows: Range<Int>) throws -> Tensor
  func releasePages()
}

struct Artifact {
  let path: String
  let format: ExportFormatName
  let files: any ArtifactFiles
  /// The head of a GGUF file.
  let gguf: GGUFModel?
  /// config.json of a folder.
  let configuration: JSONObject

  /// - Throws: `TuneError` for what is no artifact of a known format, or a damaged one.
  init(path: String) throws {
    self.path = path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TuneError(.missingFile, "no such file or folder", at: .init(file: path))
    }
    guard isFolder.boolValue else {
      let model = try GGUFModel(path: path)
      (format, files, gguf, configuration) = (.gguf, GGUFArtifactFiles(model), model, [:])
      return
    }
    let place = path + "/config.json"
    guard let json = try JSON.load(path: place).object else {
      throw TuneError(.malformedFile, "config.json holds no JSON object", at: .init(file: place))
    }
    (format, configuration) = (try Self.format(json, place), json)
    (files, gguf) = (try FolderArtifactFiles(path), nil)
  }

  private static func format(_ json: JSONObject, _ path: String) throws -> ExportFormatName {
    switch json["quantization_config"]?["quant_method"]?.string {
    case "compressed-tensors": return .compressedTensors
    case "torchao": return .torchao
    case "gptq": return .gptq
    case nil where json["quantization"]?.object != nil: return .mlx
    case let method:
      throw TuneError(
        .unsupported,
        method.map { "models quantized by '\($0)' are no exports that can be read" }
          ?? "the folder's config.json names no quantization",
        remedy: "These formats are read: \(ExportFormatName.list).",
        at: .init(file: path, key: "quantization_config"))
    }
  }
}

private struct GGUFArtifactFiles: ArtifactFiles {
  let model: GGUFModel
  let tensors: [String: ArtifactTensor]

  init(_ model: GGUFModel) {
    self.model = model
    tensors = Dictionary(
      uniqueKeysWithValues: model.tensors.map {
        ($0.name, ArtifactTensor(type: $0.type.name, shape: $0.shape))
      })
  }

  func bytes(of name: String, _ rows: Range<Int>) throws -> Tensor {
    guard let tensor = tensors[name], let all = model.bytes(of: name) else {
      preconditionFailure("'\(name)' is no tensor of the file")
    }
    let width = all.count / tensor.shape[0]
    let part = UnsafeRawBufferPointer(
      rebasing: all[rows.lowerBound * width..<rows.upperBound * width])
    let copy = Tensor.empty([rows.count, width], .uint8)
    copy.withMutableBytes { $0.copyMemory(from: part) }
    return copy
  }
  func releasePages() { model.releasePages() }
}

private struct FolderArtifactFiles: ArtifactFiles {
  let tensors: [String: ArtifactTensor]
  private let owners: [String: SafetensorsFile]
  private let files: [SafetensorsFile]

  init(_ folder: String) throws {
    files = try Self.names(folder).map { try SafetensorsFile(path: folder + "/" + $0) }
    var (tensors, owners): ([String: ArtifactTensor], [String: SafetensorsFile]) = ([:], [:])
    for file in files {
      for name in file.names {
        guard owners.updateValue(file, forKey: name) == nil else {
          throw TuneError(
            .malformedFile, "tensor '\(name)' is also in another file", at: .init(file: file.path))
        }
        tensors[name] = ArtifactTensor(
          type: file.type(of: name) ?? "", shape: file.shape(of: name) ?? [])
      }
    }
    (self.tensors, self.owners) = (tensors, owners)
  }

  private static func names(_ folder: String) throws -> [String] {
    let index = folder + "/model.safetensors.index.json"
    guard try FolderEntry.exists(index) else { return ["model.safetensors"] }
    guard let map = try JSON.load(path: index)["weight_map"]?.object else {
      throw TuneError(.malformedFile, "the index has no 'weight_map'", at: .init(file: index))
    }
    let names = try Set(
      map.map { name, value in
        guard let file = value.string, !file.contains("/"), file.hasSuffix(".safetensors") else {
          throw TuneError(
            .malformedFile, "must name a safetensors file in the folder",
            at: .init(file: index, key: "weight_map." + name))
        }
        return file
      })
    return names.sorted()
  }

  func bytes(of name: String, _ rows: Range<Int>) throws -> Tensor {
    guard let file = owners[name] else {
      preconditionFailure("'\(name)' is no tensor of the folder")
    }
    return try file.bytes(of: name, rows: rows)
  }
  func releasePages() { for file in files { file.releasePages() } }
}
