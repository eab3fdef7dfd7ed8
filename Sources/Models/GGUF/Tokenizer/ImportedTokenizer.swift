// The tokenizer of a GGUF file as tokenizer.json and tokenizer_config.json. llama.cpp's two kinds are
// read: byte-level BPE with merges ("gpt2"), and SentencePiece BPE with scores ("llama").
import Essentials

struct ImportedTokenizer: Sendable {
  /// What both files say of an added token.
  struct AddedToken: Sendable {
    var id: Int
    var text: String
    var isSpecial: Bool
    var stripsRight = false
  }

  /// `normalizer`, `pre_tokenizer` and `decoder` of tokenizer.json.
  var parts: JSONObject
  var model: TokenizerModel
  var added: [AddedToken]
  var addsBOS: Bool
  var addsEOS: Bool

  /// - Throws: `TuneError` `.unsupported` for another kind, or a pre-tokenizer that is not known.
  init(_ file: GGUFFile, vocabularySize: Int) throws {
    let key = "tokenizer.ggml.model"
    guard let kind = try file.string(key) else {
      throw file.failure(key, "is missing", remedy: Self.remedy)
    }
    guard kind == "gpt2" || kind == "llama" else {
      throw file.failure(
        key, "a tokenizer of kind '\(kind)' is not read; 'gpt2' and 'llama' are",
        remedy: Self.remedy, code: .unsupported)
    }
    let tokens = try TokenList(file, vocabularySize: vocabularySize)
    var defaultsToBOS = true
    if kind == "gpt2" {
      let bytes = try ByteLevelTokenizer(tokens)
      (parts, model, defaultsToBOS) = (bytes.parts, bytes.model, bytes.pre.addsBOS)
    } else {
      let pieces = try ScoredTokenizer(tokens)
      (parts, model) = (pieces.parts, pieces.model)
    }
    addsBOS = try file.bool("tokenizer.ggml.add_bos_token") ?? defaultsToBOS
    addsEOS = try file.bool("tokenizer.ggml.add_eos_token") ?? false
    added = Self.added(tokens, pieces: kind == "llama", stripsRight: try Self.stripsRight(file))
  }

  static let remedy = """
    Pass the tokenizer of the original model: --tokenizer FOLDER, with its tokenizer.json and \
    tokenizer_config.json.
    """

  private static func added(_ tokens: TokenList, pieces: Bool, stripsRight: Bool) -> [AddedToken] {
    let keepSpaces: Set = ["<unk>", "<s>", "<|endoftext|>"]
    return tokens.texts.indices.compactMap { id in
      let kind = tokens.kinds[id]
      let isSpecial = kind == .control || kind == .unknown
      guard isSpecial || kind == .userDefined else { return nil }
      let text = tokens.texts[id]
      return AddedToken(
        id: id, text: pieces ? ScoredTokenizer.marked(text) : text, isSpecial: isSpecial,
        stripsRight: stripsRight && isSpecial && !keepSpaces.contains(tokens.texts[id]))
    }
  }

  /// Phi 3's special tokens take the spaces after them along. The file does not say so; llama.cpp goes by
  /// the model's name too.
  private static func stripsRight(_ file: GGUFFile) throws -> Bool {
    let name = try file.string("general.name")?.lowercased() ?? ""
    return name.contains("phi-3") || name.contains("phi3")
  }

  // MARK: Files

  /// tokenizer.json as text.
  func text(_ ids: SpecialTokenIDs) -> String {
    var head: JSONObject = ["version": "1.0", "truncation": .null, "padding": .null]
    head["added_tokens"] = .array(
      added.map { token in
        var object: JSONObject = ["id": .integer(token.id)]
        for (key, value) in Self.settings(token) { object[key] = value }
        return .object(object)
      })
    for key in ["normalizer", "pre_tokenizer"] { head[key] = parts[key] ?? .null }
    head["post_processor"] = postProcessor(ids)
    head["decoder"] = parts["decoder"] ?? .null
    return JSON.object(head).text(indented: true).dropLast(2) + ",\n  \"model\": " + model.text
      + "\n}\n"
  }

  private static func settings(_ token: AddedToken) -> JSONObject {
    [
      "content": .string(token.text), "single_word": false, "lstrip": false,
      "rstrip": .bool(token.stripsRight), "normalized": false, "special": .bool(token.isSpecial),
    ]
  }

  /// The tokens before and after each text; null for none.
  private func postProcessor(_ ids: SpecialTokenIDs) -> JSON {
    let bos = addsBOS ? ids.bos.flatMap(text(of:)) : nil
    let eos = addsEOS ? ids.eos.flatMap(text(of:)) : nil
    func around(_ sequence: String, _ type: Int) -> [JSON] {
      func special(_ token: (id: Int, text: String)) -> JSON {
        ["SpecialToken": ["id": .string(token.text), "type_id": .integer(type)]]
      }
      let own: JSON = ["Sequence": ["id": .string(sequence), "type_id": .integer(type)]]
      return (bos.map { [special($0)] } ?? []) + [own] + (eos.map { [special($0)] } ?? [])
    }
    guard bos != nil || eos != nil else { return .null }
    var specials = JSONObject()
    for token in [bos, eos].compactMap({ $0 }) {
      specials[token.text] = [
        "id": .string(token.text), "ids": .array([.integer(token.id)]),
        "tokens": .array([.string(token.text)]),
      ]
    }
    return [
      "type": "TemplateProcessing", "single": .array(around("A", 0)),
      "pair": .array(around("A", 0) + around("B", 1)), "special_tokens": .object(specials),
    ]
  }

  /// Also of a token that the vocabulary calls normal.
  private func text(of id: Int) -> (id: Int, text: String)? {
    let text = added.first { $0.id == id }?.text ?? model.vocabulary.first { $0.id == id }?.text
    return text.map { (id, $0) }
  }

  /// tokenizer_config.json.
  func configuration(_ ids: SpecialTokenIDs, _ template: JSON?, contextLength: Int) -> JSON {
    var decoder = JSONObject()
    for token in added { decoder[String(token.id)] = .object(Self.settings(token)) }
    var json: JSONObject = [
      "add_bos_token": .bool(addsBOS), "add_eos_token": .bool(addsEOS),
      "added_tokens_decoder": .object(decoder),
    ]
    let named = [
      ("bos_token", ids.bos), ("eos_token", ids.eos), ("pad_token", ids.padding),
      ("unk_token", ids.unknown),
    ]
    for (name, id) in named {
      json[name] = id.flatMap(text(of:)).map { .string($0.text) } ?? .null
    }
    if let template { json["chat_template"] = template }
    json["clean_up_tokenization_spaces"] = false
    json["model_max_length"] = .integer(contextLength)
    json["tokenizer_class"] = "PreTrainedTokenizerFast"
    return .object(json)
  }

  /// The chat template, or a list of named ones, as tokenizer_config.json has them; nil for none.
  static func chatTemplate(_ file: GGUFFile) throws -> JSON? {
    let main = try file.string("tokenizer.chat_template")
    let names = try file.strings("tokenizer.chat_templates") ?? []
    guard !names.isEmpty else { return main.map { .string($0) } }
    var list: [JSON] = main.map { [["name": "default", "template": .string($0)]] } ?? []
    for name in names {
      let key = "tokenizer.chat_template." + name
      guard let text = try file.string(key) else { throw file.failure(key, "is missing") }
      list.append(["name": .string(name), "template": .string(text)])
    }
    return .array(list)
  }
}
