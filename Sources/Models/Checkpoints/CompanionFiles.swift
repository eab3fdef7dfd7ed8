// The files beside a model's weights: the tokenizer's and the generation settings go along into
// every folder that is made from the model, and nothing that a folder held besides is lost when it
// is replaced.
import Essentials
import Foundation

enum CompanionFiles {
  private static let names = [
    "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "tokenizer.model",
    "original/tokenizer.model", "vocab.json", "merges.txt", "params.json", "original/params.json",
  ]

  static func copy(from source: String, to folder: String) throws {
    for name in names where FileManager.default.fileExists(atPath: source + "/" + name) {
      let target = folder + "/" + name
      try PartialPath.makeFolder(target.parentFolder)
      try AtomicFile.write(RegularFile.read(source + "/" + name), to: target)
    }
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
