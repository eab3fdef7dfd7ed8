// The tokenizer of the Llama 3 family, from tokenizer.model or tokenizer.json, with equal ids.
// Very long texts are cut as torchtune cuts them, so that ids are equal there too.
import Essentials
import Foundation
import Synchronization
import Templates

/// A tiktoken `tokenizer.model` or a `tokenizer.json` of the Llama 3 family, with its chat format. Ids, decoded text and conversations equal those of torchtune's `Llama3Tokenizer` (0.6.1):
/// the text of a special token is plain text, and "" gives no ids, not even BOS and EOS.
public final class Llama3Tokenizer: Tokenizer {
  /// Conversations are cut to this many tokens; nil for no limit.
  public let maxSeqLen: Int?
  let promptTemplate: PromptTemplate?
  let special: SpecialTokens
  private let codec: TokenCodec
  private let specialNames: [Int32: String]
  private let cache = Mutex(PieceCache())

  /// - Parameters:
  ///   - path: a tokenizer.model (tiktoken ranks) or a tokenizer.json.
  ///   - specialTokensPath: a tokenizer.json whose added tokens are the special tokens. Without it
  ///     they come from `path`, or for a tokenizer.model of another size than Llama 3's from the
  ///     tokenizer.json beside or above it, or follow the vocabulary in Llama 3's order.
  ///   - maxSeqLen: conversations are cut to this many tokens.
  ///   - promptTemplate: text around each message; nil for none.
  /// - Throws: `TuneError` that names the file, and the line or key where it is broken.
  public init(
    path: String, specialTokensPath: String? = nil, maxSeqLen: Int? = nil,
    promptTemplate: PromptTemplate? = nil
  ) throws {
    try checkMaxSeqLen(maxSeqLen)
    let codec = try TokenCodec.load(path: path)
    let (ids, file) = try Self.specialTokens(
      of: codec, path: path, specialTokensPath: specialTokensPath)
    special = try SpecialTokens(ids, baseCount: codec.ordinaryCount, file: file)
    specialNames = Dictionary(uniqueKeysWithValues: special.ids.map { ($0.value, $0.key) })
    self.codec = codec
    self.maxSeqLen = maxSeqLen
    self.promptTemplate = promptTemplate
  }

  /// Whether a tokenizer.json has the special tokens that Llama 3's conversations need.
  package static func hasSpecialTokens(tokenizerJSON path: String) throws -> Bool {
    let ids = try TokenizerJSON.specialTokens(path: path)
    return SpecialTokens.required.allSatisfy { ids[$0] != nil }
  }

  private static func specialTokens(
    of codec: TokenCodec, path: String, specialTokensPath: String?
  ) throws -> ([String: Int32], file: String) {
    if let specialTokensPath {
      return (try TokenizerJSON.specialTokens(path: specialTokensPath), specialTokensPath)
    }
    if case .pipeline(let pipeline) = codec { return (pipeline.added.namedIDs, path) }
    if codec.baseCount != SpecialTokens.llama3BaseCount {
      let folder = path.parentFolder
      for place in ["tokenizer.json", "../tokenizer.json"] {
        let sibling = (folder as NSString).appendingPathComponent(place)
        if try FolderEntry.exists(sibling) {
          return (try TokenizerJSON.specialTokens(path: sibling), sibling)
        }
      }
    }
    return (SpecialTokens.standard(after: codec.baseCount), path)
  }

  /// How many ids the vocabulary has without special tokens: 128,000 for Llama 3.
  public var baseVocabularySize: Int { codec.baseCount }
  /// The highest id + 1, special tokens included.
  public var vocabularySize: Int {
    max(codec.baseCount, Int(special.ids.values.max() ?? 0) + 1)
  }
  /// The ids of the special tokens by their text.
  public var specialTokens: [String: Int32] { special.ids }
  /// The id of `<|begin_of_text|>`.
  public var bosID: Int32 { special.beginOfText }
  /// The id of `<|end_of_text|>`.
  public var eosID: Int32 { special.endOfText }
  /// The id of `<|finetune_right_pad_id|>`, or `eosID` where the file does not have it.
  public var padID: Int32 { special.pad }
  /// The ids of `<|end_of_text|>`, `<|eot_id|>` and, where it is a token, `<|eom_id|>`.
  public var stopTokens: [Int32] {
    let all = [special.endOfText, special.endOfTurn, special.endOfMessage]
    return all[2] == all[1] ? Array(all.dropLast()) : all
  }

  /// The ids of a text. The text of a special token is plain text; "" gives no ids at all.
  /// - Parameters:
  ///   - addBOS: begin with `bosID`.
  ///   - addEOS: end with `eosID`.
  /// - Throws: `TuneError` `.unsupported` where the pattern of the file cannot split the text.
  public func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32] {
    if text.isEmpty { return [] }
    var text = text
    var ids: [Int32] = []
    ids.reserveCapacity(text.utf8.count / 3 + 2)
    if addBOS { ids.append(bosID) }
    try text.withUTF8 { bytes in
      // Another thread may be using the cache: then this call makes do with one of its own.
      let done: Void? = try cache.withLockIfAvailable { cache in
        try encode(bytes, into: &ids, cache: &cache)
      }
      if done == nil {
        var own = PieceCache()
        try encode(bytes, into: &ids, cache: &own)
      }
    }
    if addEOS { ids.append(eosID) }
    return ids
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    for part in LongText.parts(of: text) {
      try codec.encode(UnsafeBufferPointer(rebasing: text[part]), into: &ids, cache: &cache)
    }
  }

  /// The text of ids. Bytes that are not UTF-8 and ids without a token become U+FFFD.
  /// - Parameters:
  ///   - truncateAtEOS: leave out `eosID` and what follows it.
  ///   - skipSpecialTokens: leave out special tokens.
  public func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
    var ids = ids[...]
    if truncateAtEOS, let end = ids.firstIndex(of: eosID) { ids = ids[..<end] }
    if skipSpecialTokens { ids = withoutSpecialTokens(ids) }
    var (bytes, run): ([UInt8], [Int32]) = ([], [])
    for id in ids {
      guard let name = specialNames[id] else {
        run.append(id)
        continue
      }
      bytes += codec.decode(run) + Array(name.utf8)
      run = []
    }
    bytes += codec.decode(run)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Without special tokens and without the headers that name who speaks.
  private func withoutSpecialTokens(_ ids: ArraySlice<Int32>) -> ArraySlice<Int32> {
    var kept: [Int32] = []
    var position = ids.startIndex
    while position < ids.endIndex {
      let id = ids[position]
      if id == special.startHeader, let end = ids[position...].firstIndex(of: special.endHeader) {
        position = end + 1
        let lineBreaks: [UInt8] = [0x0A, 0x0A]
        if position < ids.endIndex,
          codec.decode([ids[position]]) == lineBreaks
        {
          position += 1
        }
        continue
      }
      if specialNames[id] == nil { kept.append(id) }
      position += 1
    }
    return kept[...]
  }
}
