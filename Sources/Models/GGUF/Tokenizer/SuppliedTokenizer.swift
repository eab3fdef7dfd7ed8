// The tokenizer of the original model, given in place of the GGUF file's: a folder whose files are taken
// as they are, or a tokenizer.json.
import Essentials
import Foundation

struct SuppliedTokenizer: Sendable {
  /// Names in the model folder, and where the files are.
  let files: [(name: String, path: String)]
  var hasConfiguration: Bool { files.contains { $0.name == "tokenizer_config.json" } }

  private static let names = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "tokenizer.model", "vocab.json", "merges.txt",
  ]

  /// - Throws: `TuneError` where there is no tokenizer.json, or where it has ids beyond the embedding.
  init(path: String, vocabularySize: Int) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TuneError(
        .missingFile, "no such file or folder", remedy: "Check --tokenizer.", at: .init(file: path))
    }
    if isFolder.boolValue {
      files = Self.names.map { ($0, path + "/" + $0) }
        .filter { FileManager.default.fileExists(atPath: $0.1) }
      guard files.first?.name == "tokenizer.json" else {
        throw TuneError(
          .missingFile, "the folder has no tokenizer.json",
          remedy: "Pass the folder of the original model to --tokenizer.", at: .init(file: path))
      }
    } else {
      files = [("tokenizer.json", path)]
    }
    try Self.check(files[0].path, vocabularySize)
  }

  private static func check(_ path: String, _ vocabularySize: Int) throws {
    let json = try JSON.load(path: path)
    // A dictionary for BPE, a list of pairs for unigram models.
    let vocabulary = json["model"]?["vocab"]
    let ids = vocabulary?.object?.compactMap(\.value.integer) ?? []
    let added = json["added_tokens"]?.array?.compactMap { $0["id"]?.integer } ?? []
    let largest = max((ids + added).max() ?? -1, (vocabulary?.array?.count ?? 0) - 1)
    guard largest >= 0 else {
      throw TuneError(
        .malformedFile, "no vocabulary in it", remedy: "Pass a tokenizer.json to --tokenizer.",
        at: .init(file: path, key: "model.vocab"))
    }
    guard largest < vocabularySize else {
      throw TuneError(
        .checkpointMismatch, "has token \(largest), but the embedding has \(vocabularySize) rows",
        remedy: "Pass the tokenizer of this model to --tokenizer.", at: .init(file: path))
    }
  }
}
