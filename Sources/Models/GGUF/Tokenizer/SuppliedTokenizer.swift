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

  /// - Parameter file: the GGUF file, whose token list the tokenizer must have, as far as the file has one.
  /// - Throws: `TuneError` where there is no tokenizer.json, where it has ids beyond the embedding, or where its
  ///   tokens are not the file's.
  init(path: String, for file: GGUFFile, vocabularySize: Int) throws {
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
    let tokens = try tokens()
    guard let largest = tokens.keys.max() else {
      throw TuneError(
        .malformedFile, "no vocabulary in it", remedy: "Pass a tokenizer.json to --tokenizer.",
        at: .init(file: files[0].path, key: "model.vocab"))
    }
    guard largest < vocabularySize else {
      throw failure("has token \(largest), but the embedding has \(vocabularySize) rows")
    }
    try compare(tokens, with: file, vocabularySize)
  }

  private func failure(_ message: String) -> TuneError {
    TuneError(
      .checkpointMismatch, message, remedy: "Pass the tokenizer of this model to --tokenizer.",
      at: .init(file: files[0].path))
  }

  /// By id; those of tokenizer.json go before what the files beside it add.
  private func tokens() throws -> [Int: String] {
    var tokens: [Int: String] = [:]
    for (name, path) in files {
      switch name {
      case "tokenizer_config.json":
        for (id, token) in try JSON.load(path: path)["added_tokens_decoder"]?.object ?? [:] {
          if let id = Int(id), tokens[id] == nil { tokens[id] = token["content"]?.string }
        }
      case "added_tokens.json":
        for (text, id) in try JSON.load(path: path).object ?? [:] {
          if let id = id.integer, tokens[id] == nil { tokens[id] = text }
        }
      case "tokenizer.json":
        let json = try JSON.load(path: path)
        // An object for BPE, a list of pairs for unigram models.
        let vocabulary = json["model"]?["vocab"]
        for (text, id) in vocabulary?.object ?? [:] {
          if let id = id.integer { tokens[id] = text }
        }
        for (id, pair) in (vocabulary?.array ?? []).enumerated() {
          tokens[id] = pair.array?.first?.string
        }
        for token in json["added_tokens"]?.array ?? [] {
          if let id = token["id"]?.integer { tokens[id] = token["content"]?.string }
        }
      default: break
      }
    }
    return tokens
  }

  /// - Throws: for the first id whose token differs. Only of the kinds whose files have the texts of
  ///   tokenizer.json.
  private func compare(_ own: [Int: String], with file: GGUFFile, _ vocabularySize: Int) throws {
    let kind = try file.string("tokenizer.ggml.model")
    guard kind == "gpt2" || kind == "llama", file.values["tokenizer.ggml.tokens"] != nil else {
      return
    }
    let list = try TokenList(file, vocabularySize: vocabularySize)
    let last = max(list.texts.count, (own.keys.max() ?? -1) + 1)
    for id in 0..<last {
      let theirs = id < list.texts.count ? list.texts[id] : nil
      switch (own[id], theirs) {
      // A hole in both, or padding of the embedding.
      case (nil, nil): continue
      case (nil, _?) where list.kinds[id] == .unused || list.isPadding(id): continue
      case (let mine?, let theirs?) where Self.areAlike(mine, theirs): continue
      // A byte that an import wrote as its character, where no other token has that.
      case (let mine?, let theirs?)
      where list.kinds[id] == .byte && mine.utf8.count == 1
        && Int(theirs.dropFirst(3).dropLast(), radix: 16) == mine.utf8.first.map { Int($0) }:
        continue
      case (let mine, let theirs):
        func quoted(_ text: String?) -> String { text.map { "'\($0)'" } ?? "missing" }
        let name = (file.path as NSString).lastPathComponent
        throw failure("token \(id) is \(quoted(mine)) here and \(quoted(theirs)) in \(name)")
      }
    }
  }

  /// Converters write the spaces of added tokens in either way.
  private static func areAlike(_ mine: String, _ theirs: String) -> Bool {
    func plain(_ text: String) -> TokenText { TokenText(text.replacing("\u{2581}", with: " ")) }
    return TokenText(mine) == TokenText(theirs) || plain(mine) == plain(theirs)
  }
}
