// A folder's tokenizer.json as llama.cpp's keys: the tokens in the order of their ids, their types, the
// merges, the ids with a meaning, the chat template. How texts are split is a name there; it is chosen by
// comparing what the file's own description and llama.cpp's say, never guessed.
import Essentials
import Foundation
import GGUF
import Tokenizers

struct GGUFTokenizer {
  private(set) var keys: [(key: String, value: GGUFValue)] = []
  let path: String
  let tokenizer: HuggingFaceModelTokenizer
  private let root: JSON

  private enum Kind: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// - Throws: `TuneError` `.missingFile` for a folder without tokenizer.json, `.unsupported` for a tokenizer
  ///   that llama.cpp does not have.
  init(folder: String, vocabularySize: Int) throws {
    path = folder + "/tokenizer.json"
    tokenizer = try HuggingFaceModelTokenizer(folder: folder)
    root = try JSON.load(path: path)
    guard root["model"]?["vocab"]?.object != nil, root["model"]?["merges"]?.array != nil else {
      throw refusal(
        "model", "llama.cpp has no tokenizer of this kind; byte pair encoding is needed")
    }
    let isByteLevel = try self.isByteLevel()
    let (texts, kinds) = try tokens(vocabularySize, isByteLevel: isByteLevel)
    add("tokenizer.ggml.model", .string(isByteLevel ? "gpt2" : "llama"))
    if isByteLevel {
      let pre = try PreTokenizerChoice(root, path: path, tokenizer).name
      add("tokenizer.ggml.pre", .string(pre))
    }
    add("tokenizer.ggml.tokens", .strings(texts))
    add("tokenizer.ggml.token_type", .integers(kinds.map(\.rawValue)))
    if isByteLevel {
      add("tokenizer.ggml.merges", .strings(try merges().map { $0.0 + " " + $0.1 }))
    } else {
      add("tokenizer.ggml.scores", .numbers(try scores(texts, kinds)))
      add("tokenizer.ggml.add_space_prefix", .bool(prependsSpace))
    }
    try addSpecialTokens()
    addChatTemplates()
    try prove(vocabularySize: vocabularySize)
  }

  private mutating func add(_ key: String, _ value: GGUFValue) { keys.append((key, value)) }

  func refusal(_ key: String, _ message: String) -> TuneError {
    TuneError(
      .unsupported, message, remedy: "Export to another format, which takes the file as it is.",
      at: .init(file: path, key: key))
  }

  /// Whether tokens are spelled in GPT-2's alphabet of bytes; else they are pieces with marks for spaces.
  private func isByteLevel() throws -> Bool {
    if Self.types(root["pre_tokenizer"]).contains("ByteLevel") { return true }
    let decoders = Self.types(root["decoder"])
    guard root["model"]?["byte_fallback"]?.bool == true, decoders.contains("ByteFallback") else {
      throw refusal(
        "pre_tokenizer", "llama.cpp has byte-level tokenizers and SentencePiece's; this is neither")
    }
    return false
  }
  private static func types(_ component: JSON?) -> [String] {
    guard let component else { return [] }
    let inner = ["pretokenizers", "normalizers", "decoders"].compactMap { component[$0]?.array }
    return (component["type"]?.string.map { [$0] } ?? []) + inner.joined().flatMap { types($0) }
  }

  // MARK: Tokens

  private func tokens(_ count: Int, isByteLevel: Bool) throws -> (texts: [String], kinds: [Kind]) {
    var texts = [String?](repeating: nil, count: count)
    var kinds = [Kind](repeating: .normal, count: count)
    func put(_ text: String, _ id: Int, _ kind: Kind) throws {
      guard texts.indices.contains(id) else {
        throw refusal("model.vocab", "token \(id), '\(text)', is beyond the \(count) of the model")
      }
      (texts[id], kinds[id]) = (text, kind)
    }
    for (text, value) in root["model"]?["vocab"]?.object ?? [:] {
      guard let id = value.integer else { throw refusal("model.vocab", "'\(text)' has no id") }
      try put(text, id, !isByteLevel && Self.isByte(text) ? .byte : .normal)
    }
    for token in root["added_tokens"]?.array ?? [] {
      guard let text = token["content"]?.string, let id = tokenizer.id(ofToken: text) else {
        continue
      }
      let isSpecial = token["special"]?.bool == true
      // llama.cpp looks for these in a text whose spaces are no marks yet.
      let spelled = isByteLevel ? text : text.replacing("\u{2581}", with: " ")
      try put(spelled, Int(id), isSpecial ? .control : .userDefined)
    }
    if !isByteLevel, let name = root["model"]?["unk_token"]?.string,
      let id = tokenizer.id(ofToken: name)
    {
      kinds[Int(id)] = .unknown
    }
    if !isByteLevel { nameBytes(&texts, &kinds) }
    for id in texts.indices where texts[id] == nil {
      (texts[id], kinds[id]) = ("[PAD\(id)]", .unused)
    }
    let all = texts.compactMap { $0 }
    var seen: Set<[UInt8]> = []
    for (id, text) in all.enumerated() where !seen.insert(Array(text.utf8)).inserted {
      throw refusal("model.vocab", "token \(id), '\(text)', is also another token")
    }
    return (all, kinds)
  }

  /// transformers spells the byte of a tab as that character where longer tokens of tabs are (Gemma); llama.cpp
  /// wants all 256 bytes by their names.
  private func nameBytes(_ texts: inout [String?], _ kinds: inout [Kind]) {
    for byte in UInt8.min..<0x80 {
      let digits = String(byte, radix: 16, uppercase: true)
      let name = "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
      guard tokenizer.id(ofToken: name) == nil,
        let id = tokenizer.id(ofToken: String(UnicodeScalar(byte))),
        texts.indices.contains(Int(id)), kinds[Int(id)] == .normal
      else { continue }
      (texts[Int(id)], kinds[Int(id)]) = (name, .byte)
    }
  }

  private static func isByte(_ text: String) -> Bool {
    text.utf8.count == 6 && text.hasPrefix("<0x") && text.hasSuffix(">")
  }

  private func merges() throws -> [(String, String)] {
    try (root["model"]?["merges"]?.array ?? []).enumerated().map { position, merge in
      let halves =
        merge.array?.compactMap(\.string)
        ?? merge.string?.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        ?? []
      guard halves.count == 2, !halves.contains(where: { $0.utf8.contains(0x20) }) else {
        throw refusal("model.merges[\(position)]", "llama.cpp cannot express this merge")
      }
      return (halves[0], halves[1])
    }
  }

  /// llama.cpp merges the two pieces that make the piece of the highest score: here that of the earliest
  /// merge.
  private func scores(_ texts: [String], _ kinds: [Kind]) throws -> [Float] {
    var first: [[UInt8]: Int] = [:]
    for (position, merge) in try merges().enumerated() {
      let text = Array((merge.0 + merge.1).utf8)
      if first[text] == nil { first[text] = position }
    }
    return texts.indices.map { id in
      guard kinds[id] == .normal, let place = first[Array(texts[id].utf8)] else { return 0 }
      return -Float(place + 1)
    }
  }

  private var prependsSpace: Bool {
    let types = Self.types(root["normalizer"])
    if types.contains("Prepend") { return true }
    let pre = root["pre_tokenizer"]
    return pre?["type"] == "Metaspace" && pre?["prepend_scheme"] != "never"
  }

  // MARK: Ids

  private mutating func addSpecialTokens() throws {
    func id(_ token: Int32) -> GGUFValue { .integer(UInt32(token)) }
    let names = ["eos", "eot", "eom"]
    for (name, token) in zip(names, tokenizer.stopTokens) {
      add("tokenizer.ggml.\(name)_token_id", id(token))
    }
    if tokenizer.hasBOS { add("tokenizer.ggml.bos_token_id", id(tokenizer.bosID)) }
    if tokenizer.padID != tokenizer.eosID {
      add("tokenizer.ggml.padding_token_id", id(tokenizer.padID))
    }
    if let name = root["model"]?["unk_token"]?.string, let unknown = tokenizer.id(ofToken: name) {
      add("tokenizer.ggml.unknown_token_id", id(unknown))
    }
    let bare = try tokenizer.encode("a", addSpecialTokens: false)
    let whole = try tokenizer.encode("a", addSpecialTokens: true)
    let around = [
      (false, false, bare), (true, false, [tokenizer.bosID] + bare),
      (false, true, bare + [tokenizer.eosID]),
      (true, true, [tokenizer.bosID] + bare + [tokenizer.eosID]),
    ]
    guard let found = around.first(where: { $0.2 == whole }) else {
      throw refusal(
        "post_processor", "llama.cpp puts no other tokens around a text than BOS and EOS")
    }
    add("tokenizer.ggml.add_bos_token", .bool(found.0))
    add("tokenizer.ggml.add_eos_token", .bool(found.1))
  }

  private mutating func addChatTemplates() {
    let templates = tokenizer.configuration.chatTemplates
    if let main = templates["default"] { add("tokenizer.chat_template", .string(main)) }
    let others = templates.keys.filter { $0 != "default" }.sorted()
    guard !others.isEmpty else { return }
    add("tokenizer.chat_templates", .strings(others))
    for name in others {
      add("tokenizer.chat_template." + name, .string(templates[name] ?? ""))
    }
  }
}
