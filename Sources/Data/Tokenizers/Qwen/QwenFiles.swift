// What a Qwen tokenizer is read from: vocab.json with merges.txt, whose special tokens are given
// apart, or a tokenizer.json. The two find special tokens in different texts: torchtune composes
// (NFC) the whole text first, Hugging Face only what lies between those found in the text as it is.
import Essentials

struct QwenFiles {
  enum Core: Sendable {
    case files(Vocabulary, AddedTokens)
    case pipeline(TokenizerPipeline)
  }
  var core: Core
  /// The ids of the added tokens by their names.
  var ids: [String: Int32]

  static func load(
    _ family: QwenFamily, path: String, mergesPath: String?, specialTokensPath: String?
  ) throws -> QwenFiles {
    guard let mergesPath else {
      let pipeline = try TokenizerPipeline(path: path, addedTokensPath: specialTokensPath)
      return QwenFiles(core: .pipeline(pipeline), ids: pipeline.added.namedIDs)
    }
    let ids =
      try specialTokensPath.map { try TokenizerJSON.specialTokens(path: $0) }
      ?? family.specialTokens
    let vocabulary = try vocabulary(path: path, mergesPath: mergesPath, special: ids)
    try checkIDs(ids, vocabulary, file: path)
    return QwenFiles(core: .files(vocabulary, AddedTokens(ids)), ids: ids)
  }

  private static func vocabulary(
    path: String, mergesPath: String, special: [String: Int32]
  ) throws -> Vocabulary {
    guard let entries = try JSON.load(path: path).object else {
      throw TuneError(
        .malformedFile, "expected an object of tokens and their ids", at: .init(file: path))
    }
    if entries["model"]?.object != nil {
      throw TuneError(
        .configuration, "the file is a tokenizer.json, which holds its merges itself",
        remedy: "Give the model's vocab.json, or leave out \(Setting.mergesPath).",
        at: .init(file: path, .vocabularyPath))
    }
    let (table, base) = try TokenizerJSON.vocabulary(
      entries, special: special, file: path, key: "")
    let pairs = try merges(path: mergesPath, table)
    guard let encoder = BytePairEncoder(tokens: table, pairs: pairs, takesWholePieces: false)
    else { throw Vocabulary.incomplete(path) }
    return Vocabulary(
      encoder: encoder, splitter: try PieceSplitter(pattern: PieceSplitter.qwenPattern),
      isComposed: true, baseCount: base)
  }

  /// merges.txt: two tokens a line, in the order in which they merge; the first line may name a
  /// version.
  private static func merges(path: String, _ table: TokenTable) throws -> PairTable {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      let bytes = UnsafeRawBufferPointer(file.bytes)
      var pairs = PairTable(capacity: 1024)
      var rank: UInt32 = 0
      let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
      for (number, bytes) in lines.enumerated() {
        let line = String(decoding: bytes, as: UTF8.self).strippedLikePython
        if line.isEmpty || number == 0 && line.hasPrefix("#version:") { continue }
        let parts = line.unicodeScalars.split { isPythonSpace($0.value) }.map { Substring($0) }
        try TokenizerJSON.insert(parts, rank: rank, into: &pairs, table) {
          TuneError(.malformedFile, $0, at: .init(file: path, line: number + 1))
        }
        rank += 1
      }
      return pairs
    }
  }

  private static func checkIDs(
    _ ids: [String: Int32], _ vocabulary: Vocabulary, file: String
  ) throws {
    var names: [Int32: String] = [:]
    for (name, id) in ids.sorted(by: { $0.key < $1.key }) {
      let isTaken = !vocabulary.encoder.tokens.bytes(of: id).isEmpty
      if let other = isTaken ? "an ordinary token" : names.updateValue(name, forKey: id) {
        throw TuneError(
          .malformedFile, "the special token \(name) has id \(id), which \(other) has already",
          remedy: "Check that the files belong to the same model.",
          at: .init(file: file, key: "added_tokens"))
      }
    }
  }
}
