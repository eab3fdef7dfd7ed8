// The tokenizer of the Qwen family: byte-level BPE from vocab.json and merges.txt, or from
// tokenizer.json, on composed text, with special tokens that are found in the text.
import Essentials
import Synchronization
import Templates

/// Qwen 2, 2.5 and 3. With `vocab.json` and `merges.txt` ids, decoded text and conversations equal
/// those of torchtune's Qwen tokenizers, with `tokenizer.json` those of Hugging Face's `tokenizers`.
/// The text of a special token is that token. Nothing is put before a text: `bosID` is
/// `<|endoftext|>`, and `addBOS` adds nothing.
public final class QwenTokenizer: Tokenizer {
  /// Which of the family the tokenizer is.
  public let family: QwenFamily
  /// Conversations are cut to this many tokens; nil for no limit.
  public let maxSeqLen: Int?
  let promptTemplate: PromptTemplate?
  let startID, endID, endOfTextID: Int32
  let toolCallIDs: (begin: Int32, end: Int32)?
  private let core: QwenFiles.Core
  private let ids: [String: Int32]
  private let cache = Mutex(PieceCache())

  /// - Parameters:
  ///   - path: a `vocab.json`, or a `tokenizer.json` that holds everything.
  ///   - mergesPath: the `merges.txt` that belongs to a `vocab.json`.
  ///   - specialTokensPath: a `tokenizer.json` whose added tokens are the special tokens; without it
  ///     the published ones of the family, or those of `path` if it is a `tokenizer.json`.
  ///   - maxSeqLen: conversations are cut to this many tokens.
  ///   - promptTemplate: text around each message; nil for none.
  /// - Throws: `TuneError`: `.missingFile`, `.malformedFile` with file and line or key,
  ///   `.unsupported` for other kinds of tokenizers, `.configuration` for a `maxSeqLen` below 1 or
  ///   a template that would repeat the chat format.
  public init(
    _ family: QwenFamily, path: String, mergesPath: String? = nil,
    specialTokensPath: String? = nil, maxSeqLen: Int? = nil, promptTemplate: PromptTemplate? = nil
  ) throws {
    try checkMaxSeqLen(maxSeqLen)
    if promptTemplate?.style == .chatML {
      throw TuneError(
        .configuration, "ChatMLTemplate would put Qwen's own marks around each message twice",
        remedy: "Set \(Setting.promptTemplate) to null.",
        at: .init(.promptTemplate))
    }
    let files = try QwenFiles.load(
      family, path: path, mergesPath: mergesPath, specialTokensPath: specialTokensPath)
    let file = specialTokensPath ?? path
    let ids = files.ids
    func required(_ name: String) throws -> Int32 {
      if let id = ids[name] { return id }
      throw TuneError(
        .malformedFile, "the special token \(name) is missing",
        remedy: "Use the tokenizer.json of a Qwen model.",
        at: .init(file: file, key: "added_tokens"))
    }
    startID = try required(QwenFamily.start)
    endID = try required(QwenFamily.end)
    endOfTextID = try required(QwenFamily.endOfText)
    toolCallIDs =
      family == .qwen2
      ? nil : (try required(QwenFamily.toolCall), try required(QwenFamily.toolCallEnd))
    (self.family, self.maxSeqLen, self.promptTemplate) = (family, maxSeqLen, promptTemplate)
    (core, self.ids) = (files.core, ids)
  }

  /// How many ids the vocabulary has without special tokens.
  public var baseVocabularySize: Int {
    switch core {
    case .files(let vocabulary, _): vocabulary.baseCount
    case .pipeline(let pipeline): pipeline.baseVocabularySize
    }
  }
  /// The highest id + 1, special tokens included.
  public var vocabularySize: Int { max(baseVocabularySize, Int(ids.values.max() ?? 0) + 1) }
  /// The ids of the special tokens by their text.
  public var specialTokens: [String: Int32] { ids }
  /// The id of `<|endoftext|>`, which `addBOS` does not add.
  public var bosID: Int32 { endOfTextID }
  /// `<|im_end|>`, as in torchtune.
  public var eosID: Int32 { endID }
  /// The id of `<|endoftext|>`.
  public var padID: Int32 { endOfTextID }
  /// The ids of `<|im_end|>` and `<|endoftext|>`.
  public var stopTokens: [Int32] { [endID, endOfTextID] }

  /// The ids of a text. The text of a special token is that token.
  /// - Parameters:
  ///   - addBOS: adds nothing: texts of Qwen begin with no token.
  ///   - addEOS: end with `eosID`.
  /// - Throws: `TuneError` `.unsupported` where the pattern of the file cannot split the text.
  public func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32] {
    var ids: [Int32] = []
    switch core {
    case .pipeline(let pipeline): ids = try pipeline.encode(text)
    case .files(let vocabulary, let added):
      ids.reserveCapacity(text.utf8.count / 3 + 1)
      // Another thread may be using the cache: then this call makes do with one of its own.
      let done: Void? = try cache.withLockIfAvailable { cache in
        try Self.encode(text, vocabulary, added, into: &ids, cache: &cache)
      }
      if done == nil {
        var own = PieceCache()
        try Self.encode(text, vocabulary, added, into: &ids, cache: &own)
      }
    }
    if addEOS { ids.append(eosID) }
    return ids
  }

  private static func encode(
    _ text: String, _ vocabulary: Vocabulary, _ added: AddedTokens, into ids: inout [Int32],
    cache: inout PieceCache
  ) throws {
    try added.split(
      text, found: { ids.append($0) },
      between: { part in
        try vocabulary.splitter.forEachPiece(in: part) {
          vocabulary.encoder.encode($0, into: &ids, cache: &cache)
        }
      })
  }

  /// The text of ids. Bytes that are not UTF-8 and ids without a token become U+FFFD.
  /// - Parameters:
  ///   - truncateAtEOS: leave out `eosID` and what follows it.
  ///   - skipSpecialTokens: leave out special tokens.
  public func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
    var ids = ids[...]
    if truncateAtEOS, let end = ids.firstIndex(of: eosID) { ids = ids[..<end] }
    switch core {
    case .pipeline(let pipeline):
      return pipeline.decode(ids, skipsSpecialTokens: skipSpecialTokens)
    case .files(let vocabulary, let added):
      var bytes: [UInt8] = []
      for id in ids {
        if let name = added.names[id] {
          if !skipSpecialTokens { bytes += Array(name.utf8) }
          continue
        }
        let token = vocabulary.encoder.tokens.bytes(of: id)
        bytes += token.isEmpty ? [0xEF, 0xBF, 0xBD] : token
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
