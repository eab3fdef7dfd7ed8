// Any tokenizer.json of Hugging Face's tokenizers library, with the special tokens that the other
// files of a model folder name.
import Essentials
import Synchronization
import Templates

/// Text to ids and back by a `tokenizer.json`: byte pair encoding, Unigram, WordPiece or WordLevel, with
/// every normalizer, pre-tokenizer, post-processor and decoder of the `tokenizers` library (0.23),
/// whose ids and decoded texts these equal. The text of an added token is that token.
///
/// Tokens that `tokenizer_config.json`, `special_tokens_map.json` or `added_tokens.json` names and
/// tokenizer.json lacks are added as `transformers` adds them; an id that contradicts is refused.
/// `truncation` and `padding` of the file are not applied, as `transformers` does not: `maxSeqLen`
/// truncates conversations.
public final class HuggingFaceModelTokenizer: Tokenizer {
  /// At which end a conversation longer than `maxSeqLen` is cut.
  public enum TruncationType: String, Sendable, CaseIterable {
    /// The end (`right`) or the start (`left`) is lost.
    case right, left
  }

  /// Conversations are cut to this many tokens; nil for no limit.
  public let maxSeqLen: Int?
  /// At which end conversations longer than `maxSeqLen` are cut.
  public let truncationType: TruncationType
  /// Whether `truncationType` is `left`.
  public var truncatesStart: Bool { truncationType == .left }
  /// The id of the token that texts begin with; `eosID` where the files name none.
  public let bosID: Int32
  /// The id of the token that ends a text.
  public let eosID: Int32
  /// The id of the padding token; `eosID` where the files name none.
  public let padID: Int32
  /// The ids that end generation: `eosID`, and those of generation_config.json.
  public let stopTokens: [Int32]
  /// What tokenizer_config.json and its neighbours say, for chat templates.
  package let configuration: PretrainedConfiguration
  let pipeline: TokenizerPipeline
  /// Chat templates by name, each parsed when it is first needed.
  let parsedTemplates = Mutex<[String: ChatTemplate]>([:])
  /// Whether there is a token that texts begin with; if not, `bosID` is `eosID`.
  package let hasBOS: Bool
  /// Whether BOS begins a text even where the file's post-processor puts none there.
  private let alwaysAddsBOS: Bool

  /// The arguments are those of torchtune's `HuggingFaceModelTokenizer`. As there, a text begins with BOS
  /// even where the file's post-processor puts none there.
  /// - Parameters:
  ///   - tokenizerJSONPath: the `tokenizer.json`.
  ///   - tokenizerConfigJSONPath: the `tokenizer_config.json`, which names BOS, EOS and padding and
  ///     has the chat template.
  ///   - generationConfigPath: the `generation_config.json`, whose ids of BOS and padding count where
  ///     the other file names none; all of its EOS ids end generation.
  ///     Where neither file is given, those beside the tokenizer.json are taken.
  ///   - maxSeqLen: conversations are cut to this many tokens.
  ///   - truncationType: at which end.
  /// - Throws: `TuneError`: `.missingFile`, `.malformedFile` and `.unsupported` with file and key;
  ///   `.configuration` when neither file names the token that ends a text, or for a `maxSeqLen` below
  ///   1.
  public convenience init(
    tokenizerJSONPath: String, tokenizerConfigJSONPath: String? = nil,
    generationConfigPath: String? = nil, maxSeqLen: Int? = nil,
    truncationType: TruncationType = .right
  ) throws {
    try self.init(
      try PretrainedFiles(
        tokenizer: tokenizerJSONPath, configuration: tokenizerConfigJSONPath,
        generation: generationConfigPath),
      maxSeqLen: maxSeqLen, truncationType: truncationType, alwaysAddsBOS: true)
  }

  /// The tokenizer of a model folder, as transformers loads it: its tokenizer.json, and of tokenizer_config.json,
  /// generation_config.json, special_tokens_map.json, added_tokens.json and chat_template.jinja those that
  /// are there. A text begins with BOS where the file's post-processor puts it there.
  /// - Throws: as the other initializer; `.missingFile` for a folder without tokenizer.json.
  public convenience init(
    folder: String, maxSeqLen: Int? = nil, truncationType: TruncationType = .right
  ) throws {
    try self.init(
      try PretrainedFiles(folder: folder), maxSeqLen: maxSeqLen, truncationType: truncationType,
      alwaysAddsBOS: false)
  }

  private init(
    _ files: PretrainedFiles, maxSeqLen: Int?, truncationType: TruncationType, alwaysAddsBOS: Bool
  ) throws {
    try checkMaxSeqLen(maxSeqLen)
    let configuration = try PretrainedConfiguration(files)
    let pipeline = try TokenizerPipeline(
      path: files.tokenizer, configured: configuration.tokens)
    let ids = try SpecialIDs(configuration, files, pipeline)
    (self.pipeline, self.configuration) = (pipeline, configuration)
    (self.maxSeqLen, self.truncationType) = (maxSeqLen, truncationType)
    (bosID, eosID, padID) = (ids.bos ?? ids.eos, ids.eos, ids.pad ?? ids.eos)
    (hasBOS, stopTokens) = (ids.bos != nil, ids.stop)
    self.alwaysAddsBOS = alwaysAddsBOS
  }

  /// The highest id of the file, added tokens included, + 1.
  public var vocabularySize: Int { pipeline.vocabularySize }
  /// How many ids the file's model has, without added tokens.
  public var baseVocabularySize: Int { pipeline.baseVocabularySize }
  /// The ids of the added tokens that the file marks as special, by their text.
  public var specialTokens: [String: Int32] { pipeline.added.specialIDs }

  /// Tokens that tokenizer.json lacks and another file names, by their text, with that file and the id
  /// that they have.
  package var tokensOfOtherFiles: [(text: String, file: String, key: String, id: Int32)] {
    pipeline.added.configured.map {
      (String(decoding: $0.token.content, as: UTF8.self), $0.file, $0.key, $0.token.id)
    }
  }

  /// The id of a token by its text, added or not.
  public func id(ofToken token: String) -> Int32? { pipeline.id(of: token) }

  /// - Parameters:
  ///   - addBOS: put the tokens before the text that the file's post-processor puts there. The tokenizer
  ///     made from paths, torchtune's, also puts `bosID` first, once; not where the files name no BOS
  ///     token.
  ///   - addEOS: put those after it that the post-processor puts there, and `eosID` last, once.
  public func encode(_ text: String, addBOS: Bool, addEOS: Bool) throws -> [Int32] {
    var ids = try pipeline.encode(text)
    if addBOS {
      let prefix = pipeline.postProcessor.prefix
      if prefix.isEmpty || prefix != Array(ids.prefix(prefix.count)) { ids = prefix + ids }
      if alwaysAddsBOS, hasBOS, !prefix.contains(bosID), ids.first != bosID {
        ids.insert(bosID, at: 0)
      }
    }
    if addEOS {
      let suffix = pipeline.postProcessor.suffix
      if suffix.isEmpty || suffix != Array(ids.suffix(suffix.count)) { ids += suffix }
      if !suffix.contains(eosID) { ids.append(eosID) }
    }
    return ids
  }

  /// The ids that the `tokenizers` library gives for a text.
  /// - Parameter addSpecialTokens: with those that the file's post-processor adds.
  public func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
    let ids = try pipeline.encode(text)
    return addSpecialTokens ? pipeline.postProcessor.apply(to: ids) : ids
  }

  /// The text of ids. Ids without a token are left out, as in the library.
  public func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
    var ids = ids[...]
    if truncateAtEOS, let end = ids.firstIndex(of: eosID) { ids = ids[..<end] }
    return pipeline.decode(ids, skipsSpecialTokens: skipSpecialTokens)
  }

  /// The text of ids that follow others, special tokens included: a space that the decoder would drop
  /// from the start of a text is kept.
  public func decode(continuing ids: [Int32]) -> String {
    pipeline.decode(ids, skipsSpecialTokens: false, continues: true)
  }
}
