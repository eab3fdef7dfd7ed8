// The files of a saved model folder by their digests, so that a recipe state can say which weights are its
// own.
import Essentials
import Foundation
import WeightFiles

extension ModelFolder {
  /// The digests of a folder's weight files and its config.json, by name. Reads all of them.
  package static func digests(in folder: String, weightFiles: [String]) throws -> [String: String] {
    var digests: [String: String] = [:]
    for name in weightFiles + [configurationName] {
      digests[name] = try FileDigest.of(path: folder + "/" + name)
    }
    return digests
  }

  /// Reads all weights.
  /// - Throws: `TuneError` `.checkpointMismatch` for the first file that is not the one with its digest.
  package func check(_ digests: [String: String]) throws {
    let names = files.map { ($0.path as NSString).lastPathComponent } + [Self.configurationName]
    func mismatch(_ message: String, _ name: String) -> TuneError {
      TuneError(
        .checkpointMismatch, message,
        remedy: "Restore the folder as it was saved, resume from another save "
          + "(\(Setting.recipeState)), or start from these weights without their state.",
        at: .init(file: path + "/" + name))
    }
    if let missing = Set(digests.keys).subtracting(names).min() {
      throw mismatch("the recipe state belongs to weights in this file, which is not used", missing)
    }
    for name in names {
      guard let digest = digests[name] else {
        throw mismatch("the recipe state knows no such file of its weights", name)
      }
      guard try FileDigest.of(path: path + "/" + name) == digest else {
        throw mismatch(
          "not the file that the recipe state belongs to: its content has another digest", name)
      }
    }
  }
}

extension ModelFolder {
  /// A digest of config.json, of every tensor's name, shape and type, and of some of the weights: enough
  /// to tell one checkpoint from another without reading it.
  package func outline() throws -> String {
    var text = JSON.object(configuration.json).text()
    for file in files {
      text += "\n\(file.byteCount)"
      for name in file.names.sorted() {
        guard let claim = file.claim(of: name) else { continue }
        text += "\n\(name) \(claim.shape) \(claim.type)"
      }
      text += "\n" + (try Self.sampled(file.path))
    }
    return FileDigest.of(text.utf8)
  }

  /// The digest of 64 pieces of a file.
  private static func sampled(_ path: String) throws -> String {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw TuneError(.missingFile, "cannot read the file", at: .init(file: path))
    }
    var bytes: [UInt8] = []
    let size = try handle.seekToEnd()
    for piece in 0..<64 {
      try handle.seek(toOffset: size / 64 * UInt64(piece))
      bytes += try handle.read(upToCount: 1024) ?? Data()
    }
    return FileDigest.of(bytes)
  }
}
