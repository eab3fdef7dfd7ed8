// Hugging Face's tokenizer.json: a byte-level BPE model with its vocabulary, its merges in order,
// the pattern that splits text, and the added (special) tokens. What would tokenize differently
// from how this file is read is refused by name.
import Essentials

enum TokenizerJSON {
  /// - Throws: `TuneError`: `.malformedFile` with the key (and the line where the JSON itself is
  ///   broken), `.unsupported` for other kinds of tokenizers.
  static func parse(_ bytes: UnsafeRawBufferPointer, file: String) throws -> Vocabulary {
    try vocabulary(of: try JSON.parse(bytes, file: file), file: file)
  }

  /// The whole file, with what it says about each added token.
  static func load(path: String) throws -> (Vocabulary, [AddedToken]) {
    let root = try JSON.load(path: path)
    return (try vocabulary(of: root, file: path), try addedTokens(root, file: path))
  }
  static func addedTokens(path: String) throws -> [AddedToken] {
    try addedTokens(try JSON.load(path: path), file: path)
  }

  private static func vocabulary(of root: JSON, file: String) throws -> Vocabulary {
    guard root.object != nil else { throw malformed(file, nil, "expected an object") }
    let special = try specialTokens(root, file: file)
    guard let model = root["model"], model.object != nil else {
      throw malformed(file, "model", "the model is missing")
    }
    try checkModel(model, file: file)
    let (table, base) = try vocabulary(model, special: special, file: file)
    let pairs = try merges(model, table, file: file)
    let takesWholePieces = model["ignore_merges"]?.bool ?? false
    guard
      let encoder = BytePairEncoder(
        tokens: table, pairs: pairs, takesWholePieces: takesWholePieces)
    else { throw Vocabulary.incomplete(file) }
    let pattern = try splitPattern(root["pre_tokenizer"] ?? .null, file: file)
    return Vocabulary(
      encoder: encoder, splitter: try PieceSplitter(pattern: pattern, file: file),
      isComposed: try isComposed(root["normalizer"] ?? .null, file: file), baseCount: base,
      specialTokens: special)
  }

  /// The added tokens of a tokenizer.json, which is all that `special_tokens_path` is read for.
  static func specialTokens(path: String) throws -> [String: Int32] {
    try specialTokens(try JSON.load(path: path), file: path)
  }

  private static func specialTokens(_ root: JSON, file: String) throws -> [String: Int32] {
    Dictionary(try addedTokens(root, file: file).map { ($0.name, $0.id) }) { first, _ in first }
  }

  struct AddedToken {
    var name: String
    var id: Int32
    /// Left out of decoded text on request.
    var isSpecial: Bool
    /// Looked for after the text is normalized.
    var isNormalized: Bool
    /// Takes spaces around it along, or is only found as a whole word.
    var isPicky: Bool
  }

  /// In the file's order.
  static func addedTokens(_ root: JSON, file: String) throws -> [AddedToken] {
    guard let added = root["added_tokens"] else { return [] }
    guard let entries = added.array else {
      throw malformed(file, "added_tokens", "expected a list, found \(added.kind)")
    }
    var names: Set<String> = []
    return try entries.enumerated().map { position, entry in
      let key = "added_tokens[\(position)]"
      guard let name = entry["content"]?.string, !name.isEmpty else {
        throw malformed(file, key + ".content", "expected the token's text")
      }
      let id = try tokenID(entry["id"] ?? .null, file: file, key: key + ".id")
      if !names.insert(name).inserted {
        throw malformed(file, key, "the token \(name) appears twice")
      }
      func isSet(_ key: String) -> Bool { entry[key]?.bool ?? false }
      return AddedToken(
        name: name, id: id, isSpecial: isSet("special"), isNormalized: isSet("normalized"),
        isPicky: isSet("lstrip") || isSet("rstrip") || isSet("single_word"))
    }
  }

  private static func checkModel(_ model: JSON, file: String) throws {
    func refuse(_ key: String, _ what: String) -> TuneError {
      TuneError(
        .unsupported, what, remedy: "Only byte-level BPE tokenizers are supported.",
        at: .init(file: file, key: key))
    }
    if let type = model["type"], type.string != "BPE" {
      throw refuse("model.type", "the tokenizer's model is \(type.string ?? type.kind), not BPE")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let value = model[key], !value.isNull, value.string != "" {
        throw refuse("model." + key, "marks inside words are not supported")
      }
    }
    if model["byte_fallback"]?.bool == true {
      throw refuse("model.byte_fallback", "byte fallback belongs to another kind of tokenizer")
    }
    if let dropout = model["dropout"]?.double, dropout != 0 {
      throw refuse("model.dropout", "merges left out at random are not supported")
    }
  }

  private static func vocabulary(
    _ model: JSON, special: [String: Int32], file: String
  ) throws -> (TokenTable, baseCount: Int) {
    guard let entries = model["vocab"]?.object else {
      throw malformed(file, "model.vocab", "the vocabulary is missing or not an object")
    }
    return try vocabulary(entries, special: special, file: file, key: "model.vocab")
  }

  /// - Parameter key: where in the file the entries are; empty for the whole file.
  static func vocabulary(
    _ entries: JSONObject, special: [String: Int32], file: String, key place: String
  ) throws -> (TokenTable, baseCount: Int) {
    var tokens: [(bytes: [UInt8], id: Int32)] = []
    tokens.reserveCapacity(entries.count)
    var ids: Set<Int32> = []
    for (token, value) in entries where special[token] == nil {
      let key = place.isEmpty ? token : "\(place)['\(token)']"
      let id = try tokenID(value, file: file, key: key)
      guard let bytes = ByteAlphabet.decode(token), !bytes.isEmpty else {
        throw malformed(file, key, "the token is not written in the byte-level alphabet")
      }
      if !ids.insert(id).inserted { throw malformed(file, key, "the id \(id) appears twice") }
      tokens.append((bytes, id))
    }
    guard let highest = ids.max() else {
      throw malformed(file, place.isEmpty ? nil : place, "the vocabulary is empty")
    }
    return (TokenTable(tokens, idLimit: Int(highest) + 1), Int(highest) + 1)
  }

  private static func merges(
    _ model: JSON, _ table: TokenTable, file: String
  ) throws -> PairTable {
    guard let merges = model["merges"]?.array else {
      throw malformed(file, "model.merges", "the merges are missing or not a list")
    }
    var pairs = PairTable(capacity: merges.count)
    for (position, merge) in merges.enumerated() {
      let parts: [Substring]
      if let text = merge.string {
        parts = text.split(separator: " ", omittingEmptySubsequences: false)
      } else {
        parts = (merge.array ?? []).compactMap { $0.string.map { Substring($0) } }
      }
      try insert(parts, rank: UInt32(position), into: &pairs, table) {
        malformed(file, "model.merges[\(position)]", $0)
      }
    }
    return pairs
  }

  /// Adds the merge of two tokens as they are spelled.
  static func insert(
    _ parts: [Substring], rank: UInt32, into pairs: inout PairTable, _ table: TokenTable,
    fail: (String) -> TuneError
  ) throws {
    guard parts.count == 2 else { throw fail("expected two tokens") }
    guard let left = ByteAlphabet.decode(parts[0]), let right = ByteAlphabet.decode(parts[1]),
      let leftID = table.id(of: left), let rightID = table.id(of: right),
      let merged = table.id(of: left + right)
    else {
      throw fail("'\(parts[0])' and '\(parts[1])' or what they make is not in the vocabulary")
    }
    pairs.insert(leftID, rightID, rank: rank, merged: merged)
  }

  private static func tokenID(_ value: JSON, file: String, key: String) throws -> Int32 {
    guard let id = value.integer, (0..<Vocabulary.idLimit).contains(id) else {
      throw malformed(file, key, "expected an id from 0 to \(Vocabulary.idLimit - 1)")
    }
    return Int32(id)
  }

  static func malformed(_ file: String, _ key: String?, _ message: String) -> TuneError {
    TuneError(.malformedFile, message, at: .init(file: file, key: key))
  }
}
