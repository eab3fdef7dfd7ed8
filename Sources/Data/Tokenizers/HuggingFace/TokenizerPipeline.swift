// Everything that a tokenizer.json says, from text to ids and back, as the `tokenizers` library of
// Hugging Face (0.23) does it: find added tokens, normalize, cut into pieces, encode each, put special
// tokens around. `truncation` and `padding` are not applied: they belong to whoever makes batches.
import Essentials
import Synchronization

final class TokenizerPipeline: Sendable {
  let added: AddedVocabulary
  let postProcessor: PostProcessor
  private let normalizers: Normalizers
  private let preTokenizers: PreTokenizers
  private let model: PretrainedModel
  private let decoders: Decoders
  private let offsets: TokenOffsets
  private let cache = Mutex(PieceCache())

  /// - Throws: `TuneError`: `.missingFile`, `.malformedFile` and `.unsupported` with file and key.
  /// - Parameter addedTokensPath: another tokenizer.json, whose added tokens take the place of those
  ///   of the first.
  /// - Parameter configured: tokens that other files add.
  convenience init(
    path: String, addedTokensPath: String? = nil, configured: ConfiguredTokens = .init()
  ) throws {
    guard var root = try JSON.load(path: path).object else {
      throw TuneError(.malformedFile, "expected an object", at: .init(file: path))
    }
    if let addedTokensPath {
      root["added_tokens"] = try JSON.load(path: addedTokensPath)["added_tokens"] ?? .null
    }
    try self.init(.object(root), file: path, configured: configured)
  }

  init(_ root: JSON, file: String, configured: ConfiguredTokens = .init()) throws {
    guard root.object != nil else {
      throw TuneError(.malformedFile, "expected an object", at: .init(file: file))
    }
    if let version = root["version"], version != "1.0" {
      throw TuneError(
        .unsupported, "the version of the file is not 1.0", at: .init(file: file, key: "version"))
    }
    func component(_ key: String) -> Component {
      Component(root[key] ?? .null, file: file, key: key)
    }
    let model = try PretrainedModel(component("model"))
    normalizers = try Normalizers(component("normalizer"))
    preTokenizers = try PreTokenizers(component("pre_tokenizer"))
    postProcessor = try PostProcessor(component("post_processor"))
    decoders = try Decoders(component("decoder"))
    added = try AddedVocabulary(
      root, file: file, vocabularyCount: model.count, normalizers: normalizers,
      configured: configured, modelID: { model.table.id(of: $0) })
    self.model = model
    offsets = TokenOffsets(root)
  }

  /// The highest id + 1.
  var vocabularySize: Int {
    max(model.table.idLimit, Int(added.highestID) + 1, Int(postProcessor.highestID) + 1)
  }
  /// How many ids the model has without added tokens.
  var baseVocabularySize: Int { model.table.idLimit }

  func id(of token: String) -> Int32? {
    added.ids[Array(token.utf8)] ?? model.table.id(of: token.utf8)
  }

  /// The ids of a text, without what the post-processor adds.
  func encode(_ text: String) throws -> [Int32] {
    var text = text
    var ids: [Int32] = []
    ids.reserveCapacity(text.utf8.count / 3 + 2)
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
    return ids
  }

  /// The byte range of each of a text's tokens as the library gives it, or nil where a normalizer
  /// changed the text.
  func offsets(of ids: [Int32], in text: [UInt8]) -> [Range<Int>]? {
    offsets.ranges(
      of: ids.map { id in
        if let token = added.tokens[id] { return (token.content, true) }
        return (offsets.surface(model.table.bytes(of: id)), false)
      }, in: text)
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    try added.split(
      text, normalizers: normalizers, found: { ids.append($0) },
      between: { part in try encode(part, into: &ids, cache: &cache) })
  }

  /// The ids of a text in which added tokens are plain text.
  func encodePlain(
    _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    if text.isEmpty { return }
    var part = NormalizedText(bytes: Array(text), isFirst: true)
    try normalizers.apply(to: &part)
    try encode(part, into: &ids, cache: &cache)
  }

  private func encode(
    _ part: NormalizedText, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    var pieces = Pieces(part)
    try preTokenizers.apply(to: &pieces)
    try pieces.text.withUnsafeBufferPointer { text in
      for piece in pieces.bounds {
        try model.encode(UnsafeBufferPointer(rebasing: text[piece]), into: &ids, cache: &cache)
      }
    }
  }

  /// The bytes of some of the model's tokens, with a U+FFFD for an id without one.
  func decodePlain(_ ids: [Int32]) -> [UInt8] {
    if decoders.isByteLevel {
      return ids.flatMap { id -> [UInt8] in
        guard let token = modelToken(id) else { return [0xEF, 0xBF, 0xBD] }
        return ByteAlphabet.decode(utf8: token) ?? token
      }
    }
    return Array(decode(ids, skipsSpecialTokens: false).utf8)
  }

  /// The text of ids. Ids without a token are left out.
  func decode(
    _ ids: some Sequence<Int32>, skipsSpecialTokens: Bool, continues: Bool = false
  ) -> String {
    var tokens: [[UInt8]] = []
    for id in ids {
      guard let token = added.decoded[id] ?? modelToken(id) else { continue }
      if skipsSpecialTokens, added.isSpecial(token) { continue }
      tokens.append(token)
    }
    do {
      let bytes = try decoders.decode(tokens, continues: continues)
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      // Only a pattern of a Replace decoder can fail, on a text too long for it.
      return String(decoding: tokens.joined(), as: UTF8.self)
    }
  }

  private func modelToken(_ id: Int32) -> [UInt8]? {
    let bytes = model.table.bytes(of: id)
    return bytes.isEmpty ? nil : Array(bytes)
  }
}
