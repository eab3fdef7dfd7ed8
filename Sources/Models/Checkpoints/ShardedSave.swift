// A save in files of the processes that wrote it: a folder with a safetensors file for each, which holds its
// stretch of every tensor, and a manifest, which is written last. A tensor is its stretches one after the other
// along the first dimension, without what pads the last one, so that any number of processes can read it.
import Essentials
import Foundation
import Layers
import Tensors
import WeightFiles

/// Unchecked: the files are mapped once and only read.
package final class ShardedSave: SavedTensors, @unchecked Sendable {
  package static let manifestName = "manifest.json"
  private static let format = "swift-tune sharded save 1"
  private static let weightPrefix = "weight|"
  /// More processes than any run has.
  private static let largestCount = 65_536

  /// A tensor of the run, whole.
  private struct Whole {
    var dtype: DType
    var shape: [Int]
  }

  package let path: String
  package let metadata: [String: String]
  /// Of the optimizer's states.
  package let names: [String]
  private let wholes: [String: Whole]
  private let files: [SafetensorsFile]
  private let seals: [String]

  package static func shardName(_ rank: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "shard-\(digits(rank + 1))-of-\(digits(count)).safetensors"
  }
  package static func weightName(_ parameter: String) -> String { weightPrefix + parameter }

  package static func isThere(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/" + manifestName)
  }

  /// Reads the manifest and the headers.
  /// - Throws: `TuneError` when one is missing or broken.
  package init(path: String) throws {
    let manifestPath = path + "/" + Self.manifestName
    self.path = manifestPath
    let manifest = try JSON.load(path: manifestPath)
    func failure(_ message: String) -> TuneError {
      TuneError(
        .malformedFile, message, remedy: "Resume from another save.", at: .init(file: manifestPath))
    }
    guard manifest["format"]?.string == Self.format, let listed = manifest["files"]?.array,
      (1...Self.largestCount).contains(listed.count), let strings = manifest["metadata"]?.object,
      let tensors = manifest["tensors"]?.object
    else { throw failure("not a manifest of a save") }
    var metadata: [String: String] = [:]
    for (key, value) in strings { metadata[key] = value.string }
    metadata["digest"] = FileDigest.of(try RegularFile.read(manifestPath))
    self.metadata = metadata
    seals = listed.compactMap { $0["digest"]?.string }
    guard seals.count == listed.count else { throw failure("a file has no digest") }
    files = try listed.indices.map {
      try SafetensorsFile(path: path + "/" + Self.shardName($0, of: listed.count))
    }
    var wholes: [String: Whole] = [:]
    for (name, value) in tensors {
      let shape = value["shape"]?.array?.compactMap(\.integer) ?? []
      guard let dtype = value["dtype"]?.string.flatMap(SafetensorsType.dtype(named:)),
        !shape.isEmpty, shape.count == value["shape"]?.array?.count,
        shape.allSatisfy({ (0..<(1 << 40)).contains($0) })
      else { throw failure("the tensor '\(name)' has no shape and type") }
      wholes[name] = Whole(dtype: dtype, shape: shape)
    }
    self.wholes = wholes
    names = wholes.keys.filter { !$0.hasPrefix(Self.weightPrefix) }.sorted()
    for (name, whole) in wholes { try check(name, whole) }
  }

  /// The stretches must make the whole.
  private func check(_ name: String, _ whole: Whole) throws {
    var rows = 0
    for file in files {
      guard let shape = file.shape(of: name) else { continue }
      guard file.dtype(of: name) == whole.dtype, shape.count == whole.shape.count,
        shape.dropFirst() == whole.shape.dropFirst()
      else {
        throw TuneError(
          .malformedFile, "the tensor '\(name)' is not the one that the manifest names",
          remedy: "Resume from another save.", at: .init(file: file.path))
      }
      // A shape of a file whose size was checked.
      rows += shape[0]
    }
    guard rows >= whole.shape[0] else {
      throw TuneError(
        .malformedFile,
        "the tensor '\(name)' has \(rows) of its \(whole.shape[0]) rows in the files of the save",
        remedy: "Resume from another save.", at: .init(file: path))
    }
  }

  /// Reads every file.
  /// - Throws: `TuneError` `.malformedFile` for the first that is not as it was written.
  package func checkContent() throws {
    for (file, seal) in zip(files, seals) {
      guard file.metadata[SafetensorsSeal.key] == seal, try SafetensorsSeal.isWhole(file) else {
        throw TuneError(
          .malformedFile, "the file is damaged, or is of another save",
          remedy: "Resume from an earlier save (\(Setting.recipeState)).",
          at: .init(file: file.path))
      }
    }
  }

  package func shape(of name: String) -> [Int]? { wholes[name]?.shape }
  package func dtype(of name: String) -> DType? { wholes[name]?.dtype }
  package func tensor(named name: String) throws -> Tensor {
    try rows(0..<(wholes[name]?.shape[0] ?? 0), of: name)
  }
  private func releasePages() { for file in files { file.releasePages() } }

  /// Over mapped memory where one file has them all.
  private func rows(_ rows: Range<Int>, of name: String) throws -> Tensor {
    guard let whole = wholes[name], rows.upperBound <= whole.shape[0] else {
      throw TuneError(
        .checkpointMismatch, "the save has no rows \(rows) of a tensor '\(name)'",
        remedy: "Resume with the model that was trained.", at: .init(file: path))
    }
    var parts: [Tensor] = []
    var start = 0
    for file in files {
      guard let count = file.shape(of: name)?[0] else { continue }
      let wanted = rows.clamped(to: start..<(start + count))
      if !wanted.isEmpty {
        parts.append(
          try file.rows((wanted.lowerBound - start)..<(wanted.upperBound - start), of: name))
      }
      start += count
    }
    if parts.isEmpty { return .empty([0] + whole.shape.dropFirst(), whole.dtype) }
    return parts.count == 1 ? parts[0] : .cat(parts, along: 0)
  }

  // MARK: Weights

  private struct Weights: WeightSource {
    let save: ShardedSave
    var path: String { save.path.parentFolder }

    func check(against decoder: DecoderConfiguration) throws {
      for parameter in decoder.specification.all {
        guard let shape = save.shape(of: weightName(parameter.name)) else {
          throw mismatch("has no '\(parameter.name)'")
        }
        guard shape == parameter.shape else {
          throw mismatch("has '\(parameter.name)' of shape \(shape), not \(parameter.shape)")
        }
      }
    }
    private func mismatch(_ what: String) -> TuneError {
      TuneError(
        .checkpointMismatch, "the save \(what)",
        remedy: "Resume with the model that was trained.", at: .init(file: path))
    }
    func rows(_ specification: ParameterSpecification, _ rows: Range<Int>) throws -> Tensor {
      try save.rows(rows, of: weightName(specification.name))
    }
    func releasePages() { save.releasePages() }
  }
  package var weights: any WeightSource { Weights(save: self) }

  // MARK: Writing

  /// Writes the manifest of files that are all there, so that the folder is a save.
  /// - Parameter tensors: whole; their stretches are in the files.
  /// - Throws: `TuneError` that names the file which is missing.
  package static func writeManifest(
    in folder: String, fileCount: Int, saveID: String, _ tensors: [TensorDeclaration],
    metadata: [String: String]
  ) throws {
    let files = try (0..<fileCount).map { rank -> JSON in
      let path = folder + "/" + shardName(rank, of: fileCount)
      guard let file = try? SafetensorsFile(path: path), file.metadata[saveIDKey] == saveID,
        let seal = file.metadata[SafetensorsSeal.key]
      else {
        throw TuneError(
          .disk, "the file that rank \(rank) has written is not here",
          remedy: "\(Setting.outputFolder) must be one folder that all nodes share.",
          at: .init(file: path))
      }
      return .object(["bytes": .integer(file.byteCount), "digest": .string(seal)])
    }
    var listed = JSONObject()
    for tensor in tensors {
      listed[tensor.name] = .object([
        "dtype": .string(SafetensorsType.name(of: tensor.dtype)),
        "shape": .array(tensor.shape.map { .integer($0) }),
      ])
    }
    var strings = JSONObject()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { strings[key] = .string(value) }
    let manifest: JSON = .object([
      "format": .string(format), "files": .array(files), "metadata": .object(strings),
      "tensors": .object(listed),
    ])
    try AtomicFile.write(
      Data((manifest.text(indented: true) + "\n").utf8), to: folder + "/" + manifestName)
  }

  /// In a file's metadata: which save it is of.
  package static let saveIDKey = "save"
}
