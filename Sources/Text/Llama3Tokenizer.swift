// The tokenizer of the Llama 3 family, from tokenizer.model or tokenizer.json, with equal ids.
// Very long texts are cut as torchtune cuts them, so that ids are equal there too.
import Essentials
import Foundation
import Synchronization

package final class Llama3Tokenizer: Tokenizer {
  package let maxSeqLen: Int?
  let special: SpecialTokens
  private let vocabulary: Vocabulary
  private let specialNames: [Int32: String]
  private let cache = Mutex(PieceCache())

  /// - Parameters:
  ///   - path: a tokenizer.model (tiktoken ranks) or a tokenizer.json (byte-level BPE).
  ///   - specialTokensPath: a tokenizer.json whose added tokens are the special tokens. Without it
  ///     they come from `path`, or for a tokenizer.model of another size than Llama 3's from the
  ///     tokenizer.json beside or above it, or follow the vocabulary in Llama 3's order.
  /// - Throws: `TuneError` that names the file, and the line or key where it is broken.
  package init(path: String, specialTokensPath: String? = nil, maxSeqLen: Int? = nil) throws {
    if let maxSeqLen, maxSeqLen < 1 {
      throw TuneError(
        .configuration, "max_seq_len must be at least 1, not \(maxSeqLen)",
        at: .init(key: "tokenizer.max_seq_len"))
    }
    let vocabulary = try Vocabulary.load(path: path)
    let (ids, file) = try Self.specialTokens(
      of: vocabulary, path: path, specialTokensPath: specialTokensPath)
    special = try SpecialTokens(ids, baseCount: vocabulary.baseCount, file: file)
    specialNames = Dictionary(uniqueKeysWithValues: special.ids.map { ($0.value, $0.key) })
    self.vocabulary = vocabulary
    self.maxSeqLen = maxSeqLen
  }

  private static func specialTokens(
    of vocabulary: Vocabulary, path: String, specialTokensPath: String?
  ) throws -> ([String: Int32], file: String) {
    if let specialTokensPath {
      return (try TokenizerJSON.specialTokens(path: specialTokensPath), specialTokensPath)
    }
    if let tokens = vocabulary.specialTokens { return (tokens, path) }
    if vocabulary.baseCount != SpecialTokens.llama3BaseCount {
      let folder = (path as NSString).deletingLastPathComponent
      for place in ["tokenizer.json", "../tokenizer.json"] {
        let sibling = (folder as NSString).appendingPathComponent(place)
        if FileManager.default.fileExists(atPath: sibling) {
          return (try TokenizerJSON.specialTokens(path: sibling), sibling)
        }
      }
    }
    return (SpecialTokens.standard(after: vocabulary.baseCount), path)
  }

  package var baseVocabularySize: Int { vocabulary.baseCount }
  package var vocabularySize: Int {
    max(vocabulary.baseCount, Int(special.ids.values.max() ?? 0) + 1)
  }
  package var specialTokens: [String: Int32] { special.ids }
  package var bosID: Int32 { special.beginOfText }
  package var eosID: Int32 { special.endOfText }
  package var padID: Int32 { special.pad }
  package var stopTokens: [Int32] {
    let all = [special.endOfText, special.endOfTurn, special.endOfMessage]
    return all[2] == all[1] ? Array(all.dropLast()) : all
  }

  package func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32] {
    if text.isEmpty { return [] }
    var text = vocabulary.isComposed ? text.precomposedStringWithCanonicalMapping : text
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

  package func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
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
