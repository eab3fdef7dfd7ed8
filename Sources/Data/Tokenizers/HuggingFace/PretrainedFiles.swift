// The files of a model folder that have to do with its tokenizer, and what they say beside the
// tokenizer.json: the names of special tokens and the chat templates.
import Essentials
import Foundation
import Templates

/// Paths; only the first file is needed.
struct PretrainedFiles {
  var tokenizer: String
  var configuration: String?
  var generation: String?
  var specialTokensMap: String?
  var addedTokens: String?
  /// Where a chat_template.jinja may be.
  var folder: String?

  private init(tokenizer: String, configuration: String?, generation: String?, folder: String?) {
    (self.tokenizer, self.configuration) = (tokenizer, configuration)
    (self.generation, self.folder) = (generation, folder)
  }

  /// Where neither of the others is given, those beside the tokenizer.json are taken.
  init(tokenizer: String, configuration: String?, generation: String?) throws {
    if configuration == nil, generation == nil {
      try self.init(folder: tokenizer.parentFolder, tokenizer: tokenizer)
      return
    }
    self = PretrainedFiles(
      tokenizer: tokenizer, configuration: configuration, generation: generation,
      folder: configuration?.parentFolder)
  }

  /// - Throws: `TuneError` `.missingFile` for a folder without tokenizer.json, with what can be done.
  init(folder: String, tokenizer: String? = nil) throws {
    func path(_ name: String) -> String { (folder as NSString).appendingPathComponent(name) }
    func existing(_ name: String) throws -> String? {
      try FolderEntry.exists(path(name)) ? path(name) : nil
    }
    guard let tokenizer = try tokenizer ?? existing("tokenizer.json") else {
      var remedy = "Download it with the model."
      if try existing("tokenizer.model") != nil {
        remedy =
          "The folder has a tokenizer.model: use \(Setting.llama2Tokenizer) for a "
          + "SentencePiece model, \(Setting.llama3Tokenizer) for tiktoken's."
      } else if try existing("vocab.json") != nil, try existing("merges.txt") != nil {
        remedy =
          "The folder has vocab.json and merges.txt: use \(Setting.qwenTokenizer), or "
          + "save the tokenizer with transformers, which writes a tokenizer.json."
      }
      throw TuneError(
        .missingFile, "the folder has no tokenizer.json", remedy: remedy,
        at: .init(file: path("tokenizer.json")))
    }
    self = PretrainedFiles(
      tokenizer: tokenizer, configuration: try existing("tokenizer_config.json"),
      generation: try existing("generation_config.json"), folder: folder)
    specialTokensMap = try existing("special_tokens_map.json")
    addedTokens = try existing("added_tokens.json")
  }
}

/// What tokenizer_config.json says, and the files that stand in for parts of it.
package struct PretrainedConfiguration: Sendable {
  /// The whole tokenizer_config.json, and what special_tokens_map.json says over it where transformers
  /// reads that; empty without them.
  package let values: JSONObject
  /// The file that would have the chat template.
  package let file: String
  /// The chat templates by name; the only one, or the one that is taken when none is asked for, is
  /// `default`. A chat_template.jinja and additional_chat_templates go before those of
  /// tokenizer_config.json; a processor's chat_template.json counts where there are no others.
  package let chatTemplates: [String: String]
  private let folder: String?
  /// The content of `bos_token`, `eos_token` and the like, by that name.
  package let specialTokenNames: [String: String]
  let generation: JSONObject

  /// The tokens that these files add to tokenizer.json.
  let tokens: ConfiguredTokens

  /// In the order in which transformers adds them.
  private static let tokenKeys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  init(_ files: PretrainedFiles) throws {
    let own = try files.configuration.map { try Self.object($0) } ?? [:]
    file = files.configuration ?? files.tokenizer
    generation = try files.generation.map { try Self.object($0) } ?? [:]
    // transformers reads it where nothing newer says what the tokens are, and then it goes first.
    let isOld = own["added_tokens_decoder"].map(\.isNull) ?? true
    let map = isOld ? try files.specialTokensMap.map { try Self.object($0) } ?? [:] : [:]
    let place = { [file] key in map[key] == nil ? file : files.specialTokensMap ?? file }
    var values = own
    for (key, value) in map { values[key] = value }
    self.values = values
    let named = Self.namedTokens(values)
    tokens = try ConfiguredTokens(
      values, names: named, addedTokens: isOld ? files.addedTokens : nil, place: place)
    var names: [String: String] = [:]
    for (key, value) in named { names[key] = value.string ?? value["content"]?.string }
    specialTokenNames = names
    chatTemplates = try Self.chatTemplates(own, file: file, folder: files.folder)
    folder = files.folder
  }

  /// `bos_token` and its kin, those that `extra_special_tokens` names, and others of the form `…_token`.
  private static func namedTokens(_ values: JSONObject) -> [(key: String, value: JSON)] {
    var named = tokenKeys.compactMap { key in values[key].map { (key: key, value: $0) } }
    for (key, value) in values["extra_special_tokens"]?.object ?? [:] {
      named.append((key, value))
    }
    for (key, value) in values where key.hasSuffix("_token") && !tokenKeys.contains(key) {
      if value.string != nil || value["__type"]?.string == "AddedToken" {
        named.append((key, value))
      }
    }
    return named.filter { !$0.value.isNull }
  }

  /// The file that has a chat template, for messages.
  func place(ofTemplate name: String) -> String {
    let own = name == "default" ? "chat_template.jinja" : "additional_chat_templates/\(name).jinja"
    let path = folder.map { ($0 as NSString).appendingPathComponent(own) }
    if let path, FileManager.default.fileExists(atPath: path) { return path }
    return "\(file) (chat_template \(name))"
  }

  private static func object(_ path: String) throws -> JSONObject {
    guard let object = try JSON.load(path: path).object else {
      throw TuneError(.malformedFile, "expected an object", at: .init(file: path))
    }
    return object
  }

  private static func chatTemplates(
    _ values: JSONObject, file: String, folder: String?
  ) throws -> [String: String] {
    var templates: [String: String] = [:]
    switch values["chat_template"] {
    case nil, .null: break
    case .string(let text): templates["default"] = text
    case .array(let entries):
      for (position, entry) in entries.enumerated() {
        guard let name = entry["name"]?.string, let text = entry["template"]?.string else {
          throw TuneError(
            .malformedFile, "expected an object with name and template",
            at: .init(file: file, key: "chat_template[\(position)]"))
        }
        templates[name] = text
      }
    case let other?:
      throw TuneError(
        .malformedFile, "expected a string or a list of templates, found \(other.kind)",
        at: .init(file: file, key: "chat_template"))
    }
    if let folder {
      for (name, template) in try ChatTemplate.sources(inFolder: folder) {
        templates[name] = template
      }
      if templates.isEmpty {
        templates = try ChatTemplate.processorSources(inFolder: folder)
      }
    }
    return templates
  }
}

/// The ids of the tokens that begin, end and fill up texts.
struct SpecialIDs {
  var bos, pad: Int32?
  var eos: Int32
  var stop: [Int32]

  init(
    _ configuration: PretrainedConfiguration, _ files: PretrainedFiles,
    _ pipeline: TokenizerPipeline
  ) throws {
    func named(_ key: String) -> Int32? {
      configuration.specialTokenNames[key].flatMap { pipeline.id(of: $0) }
    }
    func generated(_ key: String) throws -> [Int32] {
      guard let value = configuration.generation[key], !value.isNull else { return [] }
      return try (value.array ?? [value]).map { value in
        guard let id = value.integer, (0..<Vocabulary.idLimit).contains(id) else {
          throw TuneError(
            .malformedFile, "expected a token id, or a list of them",
            at: .init(file: files.generation, key: key))
        }
        return Int32(id)
      }
    }
    let ends = try generated("eos_token_id")
    guard let eos = named("eos_token") ?? ends.first else {
      throw TuneError(
        .configuration, "no file names the token that ends a text",
        remedy: "Give a tokenizer_config.json with eos_token, or a generation_config.json with "
          + "eos_token_id.", at: .init(file: configuration.file, key: "eos_token"))
    }
    self.eos = eos
    bos = try named("bos_token") ?? generated("bos_token_id").first
    pad = try named("pad_token") ?? generated("pad_token_id").first
    stop = [eos] + ends.filter { $0 != eos }
  }
}
