// The tokenizer of the Llama 3 family, from tokenizer.model or tokenizer.json, with equal ids.
// Very long texts are cut as torchtune cuts them, so that ids are equal there too.
import Essentials
import Foundation
import Synchronization
import Templates

/// A tiktoken `tokenizer.model` or a byte-level `tokenizer.json` of the Llama 3 family, with its chat
/// format. Ids, decoded text and conversations equal those of torchtune's `Llama3Tokenizer` (0.6.1):
/// the text of a special token is plain text, and "" gives no ids, not even BOS and EOS.
public final class Llama3Tokenizer: Tokenizer {
  public let maxSeqLen: Int?
  let promptTemplate: PromptTemplate?
  let special: SpecialTokens
  private let vocabulary: Vocabulary
  private let specialNames: [Int32: String]
  private let cache = Mutex(PieceCache())

  /// - Parameters:
  ///   - path: a tokenizer.model (tiktoken ranks) or a tokenizer.json (byte-level BPE).
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
    let vocabulary = try Vocabulary.load(path: path)
    let (ids, file) = try Self.specialTokens(
      of: vocabulary, path: path, specialTokensPath: specialTokensPath)
    special = try SpecialTokens(ids, baseCount: vocabulary.baseCount, file: file)
    specialNames = Dictionary(uniqueKeysWithValues: special.ids.map { ($0.value, $0.key) })
    self.vocabulary = vocabulary
    self.maxSeqLen = maxSeqLen
    self.promptTemplate = promptTemplate
  }

  private static func specialTokens(
    of vocabulary: Vocabulary, path: String, specialTokensPath: String?
  ) throws -> ([String: Int32], file: String) {
    if let specialTokensPath {
      return (try TokenizerJSON.specialTokens(path: specialTokensPath), specialTokensPath)
    }
    if let tokens = vocabulary.specialTokens { return (tokens, path) }
    if vocabulary.baseCount != SpecialTokens.llama3BaseCount {
      let folder = path.parentFolder
      for place in ["tokenizer.json", "../tokenizer.json"] {
        let sibling = (folder as NSString).appendingPathComponent(place)
        if FileManager.default.fileExists(atPath: sibling) {
          return (try TokenizerJSON.specialTokens(path: sibling), sibling)
        }
      }
    }
    return (SpecialTokens.standard(after: vocabulary.baseCount), path)
  }

  public var baseVocabularySize: Int { vocabulary.baseCount }
  public var vocabularySize: Int {
    max(vocabulary.baseCount, Int(special.ids.values.max() ?? 0) + 1)
  }
  public var specialTokens: [String: Int32] { special.ids }
  public var bosID: Int32 { special.beginOfText }
  public var eosID: Int32 { special.endOfText }
  public var padID: Int32 { special.pad }
  public var stopTokens: [Int32] {
    let all = [special.endOfText, special.endOfTurn, special.endOfMessage]
    return all[2] == all[1] ? Array(all.dropLast()) : all
  }

  public func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32] {
    if text.isEmpty { return [] }
    var text = vocabulary.isComposed ? text.composed : text
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
      try vocabulary.splitter.forEachPiece(in: UnsafeBufferPointer(rebasing: text[part])) {
        vocabulary.encoder.encode($0, into: &ids, cache: &cache)
      }
    }
  }

  public func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
    var ids = ids[...]
    if truncateAtEOS, let end = ids.firstIndex(of: eosID) { ids = ids[..<end] }
    if skipSpecialTokens { ids = withoutSpecialTokens(ids) }
    var bytes: [UInt8] = []
    for id in ids {
      let token = vocabulary.encoder.tokens.bytes(of: id)
      if !token.isEmpty {
        bytes.append(contentsOf: token)
      } else {
        bytes.append(contentsOf: (specialNames[id] ?? "\u{FFFD}").utf8)
      }
    }
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
          vocabulary.encoder.tokens.bytes(of: ids[position]).elementsEqual(lineBreaks)
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
