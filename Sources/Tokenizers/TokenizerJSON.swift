// Parts of Hugging Face's files that other formats lean on: the added tokens of a tokenizer.json, as
// the names and ids of special tokens, and the vocabulary and merges of vocab.json and merges.txt.
import Essentials

enum TokenizerJSON {
  /// The added tokens of a tokenizer.json, which is all that `special_tokens_path` is read for.
  static func specialTokens(path: String) throws -> [String: Int32] {
    try specialTokens(try JSON.load(path: path), file: path)
  }

  private static func specialTokens(_ root: JSON, file: String) throws -> [String: Int32] {
    Dictionary(try addedTokens(root, file: file).map { ($0.name, $0.id) }) { first, _ in first }
  }

  private struct AddedToken {
    var name: String
    var id: Int32
  }

  /// In the file's order.
  private static func addedTokens(_ root: JSON, file: String) throws -> [AddedToken] {
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
      return AddedToken(name: name, id: id)
    }
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
