// The files beside a model's weights: the tokenizer's and the generation settings go along into
// every folder that is made from the model, and nothing that a folder held besides is lost when it
// is replaced.
import Essentials
import Foundation

package enum CompanionFiles {
  private static let names = [
    "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
    "tokenizer.model", "original/tokenizer.model", "vocab.json", "merges.txt", "params.json",
    "original/params.json",
  ]
  private static let templates = "additional_chat_templates"

  private static func names(in folder: String) -> [String] {
    let others =
      (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + templates)) ?? []
    return names + others.filter { $0.hasSuffix(".jinja") }.sorted().map { templates + "/" + $0 }
  }

  /// Copies those that the folder itself has, with their modes. A link out of the folder is not followed:
  /// the folder may be anyone's, and what it leads to a private file.
  package static func copy(from source: String, to folder: String) throws {
    try KeptCompanions(of: source).copy(to: folder)
  }

  /// Opens those that `copy` copies.
  fileprivate static func openAll(_ source: String) throws -> [KeptCompanions.File] {
    try names(in: source).compactMap { name in
      guard try FolderEntry.exists(source + "/" + name),
        let place = ownPlace(of: name, in: source)
      else { return nil }
      let (descriptor, count) = try RegularFile.open(place)
      let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      return .init(
        name: name, path: place, handle: handle, byteCount: count, mode: mode(of: place))
    }
  }

  /// Those that `copy` copies.
  package static func present(in folder: String) -> [String] {
    names(in: folder).filter {
      (try? FolderEntry.exists(folder + "/" + $0)) == true && ownPlace(of: $0, in: folder) != nil
    }
  }

  /// Those that are not copied: links that lead out of the folder, or nowhere.
  static func linksOutside(_ source: String) -> [String] {
    names(in: source).filter {
      (try? FolderEntry.exists(source + "/" + $0)) == true && ownPlace(of: $0, in: source) == nil
    }
  }

  /// Where a file is, links resolved; nil outside of the folder. The files of a snapshot in the Hub's cache
  /// are links into the `blobs` beside `snapshots`.
  private static func ownPlace(of name: String, in source: String) -> String? {
    guard let folder = resolved(source), let place = resolved(source + "/" + name) else {
      return nil
    }
    if place.hasPrefix(folder + "/") { return place }
    let snapshots = folder.parentFolder
    guard snapshots.hasSuffix("/snapshots") else { return nil }
    return place.hasPrefix(snapshots.parentFolder + "/blobs/") ? place : nil
  }

  private static func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }

  private static func mode(of path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o600
  }

  /// In a folder that has no name yet, so that nobody sees half a file.
  fileprivate static func write(_ data: Data, to path: String, mode: mode_t) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw diskError(path, "cannot create the file") }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      try handle.write(contentsOf: data)
      try handle.synchronize()
    } catch {
      throw diskError(path, "cannot write the file", error)
    }
    guard fchmod(descriptor, mode) == 0 else { throw diskError(path, "cannot set its mode") }
    try? handle.close()
  }

  /// Gives `new` the entries of `old` that it lacks, by links, except weights: these are what is
  /// replaced, and a left shard of another number would be read with the new ones.
  static func keepOthers(of old: String, in new: String) throws {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: old)) ?? []
    for entry in entries where !isWeights(entry) {
      try keep(old + "/" + entry, as: new + "/" + entry)
    }
  }

  private static func keep(_ old: String, as new: String) throws {
    var status = stat()
    guard lstat(old, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      try PartialPath.makeFolder(new)
      for entry in (try? FileManager.default.contentsOfDirectory(atPath: old)) ?? [] {
        try keep(old + "/" + entry, as: new + "/" + entry)
      }
    } else if link(old, new) != 0, errno != EEXIST {
      // No links on this file system.
      do {
        try FileManager.default.copyItem(atPath: old, toPath: new)
      } catch {
        throw diskError(new, "cannot keep a file of the folder that is replaced", error)
      }
    }
  }

  private static func isWeights(_ name: String) -> Bool {
    let starts = ["model", "pytorch_model", "consolidated"]
    let ends = [".safetensors", ".bin", ".pth", ".pt", ".index.json"]
    return starts.contains(where: name.hasPrefix) && ends.contains(where: name.hasSuffix)
  }
}

extension ModelFolder {
  /// What is not copied into folders that are made from this one, in words; nil where all is.
  package var remarkOnLinks: String? {
    let links = CompanionFiles.linksOutside(path)
    guard !links.isEmpty else { return nil }
    return "not copied into what is saved, since they are links that lead out of \(path): "
      + links.joined(separator: ", ")
  }
}

/// The companions of a folder, held open: a long run still has them when the folder is deleted meanwhile.
package final class KeptCompanions {
  fileprivate struct File {
    var name: String
    var path: String
    var handle: FileHandle
    var byteCount: Int
    var mode: mode_t
  }
  private let files: [File]

  /// - Throws: `TuneError` for one that is there and cannot be read.
  package init(of folder: String) throws { files = try CompanionFiles.openAll(folder) }

  func copy(to folder: String) throws {
    for file in files {
      let target = folder + "/" + file.name
      try PartialPath.makeFolder(target.parentFolder)
      let data: Data
      do {
        try file.handle.seek(toOffset: 0)
        data = try file.handle.read(upToCount: file.byteCount) ?? Data()
      } catch {
        throw TuneError(
          .missingFile, "cannot read the file", at: .init(file: file.path), cause: error)
      }
      try CompanionFiles.write(data, to: target, mode: file.mode)
    }
  }
}
