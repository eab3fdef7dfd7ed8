// Byte-level BPE: tokens in GPT-2's alphabet of bytes, and merges in their order.
import Essentials

struct ByteLevelTokenizer: Sendable {
  let parts: JSONObject
  let model: TokenizerModel
  let pre: PreTokenizer

  init(_ tokens: TokenList) throws {
    let file = tokens.file
    let key = "tokenizer.ggml.pre"
    guard let name = try file.string(key) else {
      throw file.failure(
        key, "is missing: the file does not say how texts are split",
        remedy: ImportedTokenizer.remedy)
    }
    guard let pre = PreTokenizer(named: name) else {
      let list = PreTokenizer.names.joined(separator: ", ")
      throw file.failure(
        key, "the pre-tokenizer '\(name)' is not known; these are: \(list)",
        remedy: ImportedTokenizer.remedy, code: .unsupported)
    }
    self.pre = pre
    let settings: JSONObject = [
      "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
      "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
      "ignore_merges": .bool(pre.ignoresMerges),
    ]
    model = TokenizerModel(
      settings: settings,
      vocabulary: tokens.texts.enumerated().filter { !tokens.isPadding($0.offset) }
        .map { ($0.element, $0.offset) }, merges: try Self.merges(tokens))
    parts = [
      "normalizer": pre.normalizer, "pre_tokenizer": pre.json,
      "decoder": PreTokenizer.byteLevel(splits: true),
    ]
  }

  /// As pairs. The real library refuses a file with a merge of unknown tokens, so this does first.
  private static func merges(_ tokens: TokenList) throws -> [(String, String)] {
    let key = "tokenizer.ggml.merges"
    guard let lines = try tokens.file.strings(key) else {
      throw tokens.file.failure(key, "is missing", remedy: ImportedTokenizer.remedy)
    }
    return try lines.enumerated().map { position, line in
      let halves = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        .map { String(Substring($0)) }
      let known = (halves + [halves.joined()]).allSatisfy { tokens.ids[TokenText($0)] != nil }
      guard halves.count == 2, known else {
        throw tokens.file.failure(key, "merge \(position), '\(line)', is not of two known tokens")
      }
      return (halves[0], halves[1])
    }
  }
}
