// The tokenizer of the Llama 2 family: any SentencePiece model, with torchtune's way to put a
// conversation together, which has no special tokens but the begin and the end of a turn.
import Essentials
import Templates

/// A SentencePiece `.model` file (byte pair, unigram, word or character) as a tokenizer, with the
/// chat format of Llama 2. Ids and decoded text equal those of the `sentencepiece` library, and
/// conversations those of torchtune's `Llama2Tokenizer` (0.6.1).
public final class Llama2Tokenizer: Tokenizer {
  /// Conversations are cut to this many tokens; nil for no limit.
  public let maxSeqLen: Int?
  /// The id of the model's piece that begins a text, usually `<s>`.
  public let bosID: Int32
  /// The id of the model's piece that ends a text, usually `</s>`.
  public let eosID: Int32
  /// Always 0, as torchtune has it: Llama 2's model names no padding token.
  public let padID: Int32 = 0
  let promptTemplate: PromptTemplate?
  private let encoder: SentencePieceEncoder
  /// What a line break becomes, which is put before a text whose own first space must not count;
  /// nil where spaces become no tokens.
  private let lineBreak: [Int32]?

  /// - Parameters:
  ///   - path: a SentencePiece model, usually called `tokenizer.model`.
  ///   - maxSeqLen: conversations are cut to this many tokens.
  ///   - promptTemplate: text around each message; nil for none.
  /// - Throws: `TuneError`: `.missingFile`, `.malformedFile` for a file that is no SentencePiece
  ///   model or contradicts itself, `.unsupported` for a model that cannot be followed exactly,
  ///   `.configuration` for a `maxSeqLen` below 1.
  public init(
    path: String, maxSeqLen: Int? = nil, promptTemplate: PromptTemplate? = .llama2Chat
  ) throws {
    try checkMaxSeqLen(maxSeqLen)
    let model = try SentencePieceModel.load(path: path)
    guard let bosID = model.controlID(model.beginName), let eosID = model.controlID(model.endName)
    else {
      throw TuneError(
        .unsupported, "the model has no tokens for the begin and the end of a text",
        remedy: "Use a model that was trained with bos_id and eos_id.", at: .init(file: path))
    }
    (self.bosID, self.eosID) = (bosID, eosID)
    self.maxSeqLen = maxSeqLen
    self.promptTemplate = promptTemplate
    let encoder = SentencePieceEncoder(model)
    self.encoder = encoder
    let spaces = [" ", "\n", "\t", "\r", "\u{B}"].map { Self.encode($0, encoder) }
    lineBreak = spaces.contains { !$0.isEmpty } ? spaces[1] : nil
  }

  /// How many pieces the model has.
  public var vocabularySize: Int { encoder.model.pieces.count }
  /// How many pieces the model has: its special tokens are among them.
  public var baseVocabularySize: Int { encoder.model.pieces.count }
  /// The model's control and unknown pieces. Their text in ordinary input is plain text.
  public var specialTokens: [String: Int32] {
    var tokens: [String: Int32] = [:]
    for (text, id) in encoder.model.reserved where encoder.model.pieces[Int(id)].kind != .byte {
      tokens[String(decoding: text, as: UTF8.self)] = id
    }
    return tokens
  }
  /// `eosID` alone.
  public var stopTokens: [Int32] { [eosID] }

  /// The ids of a text.
  /// - Parameters:
  ///   - addBOS: begin with `bosID`.
  ///   - addEOS: end with `eosID`.
  public func encode(_ text: String, addBOS: Bool, addEOS: Bool) -> [Int32] {
    let ids = Self.encode(text, encoder)
    return (addBOS ? [bosID] : []) + ids + (addEOS ? [eosID] : [])
  }

  /// Encodes bytes that need not be UTF-8: each one that is not counts as one U+FFFD.
  public func encode(utf8 bytes: some Collection<UInt8>) -> [Int32] {
    var ids: [Int32] = []
    Array(bytes).withUnsafeBufferPointer { encoder.encode($0, into: &ids) }
    return ids
  }

  private static func encode(_ text: String, _ encoder: SentencePieceEncoder) -> [Int32] {
    var (text, ids): (String, [Int32]) = (text, [])
    text.withUTF8 { encoder.encode($0, into: &ids) }
    return ids
  }

  /// The text as it goes on after other text: without the space that SentencePiece puts first.
  func encode(continuing text: String) -> [Int32] {
    guard let lineBreak else { return Self.encode(text, encoder) }
    return Array(Self.encode("\n" + text, encoder).dropFirst(lineBreak.count))
  }

  /// The text of ids, without the space that SentencePiece puts before a text.
  /// - Parameters:
  ///   - truncateAtEOS: leave out `eosID` and what follows it.
  ///   - skipSpecialTokens: changes nothing: control pieces have no text.
  public func decode(_ ids: [Int32], truncateAtEOS: Bool, skipSpecialTokens: Bool) -> String {
    decode(ids, truncateAtEOS: truncateAtEOS, isContinuation: false)
  }

  /// The text of ids that follow others: the space before it is kept.
  public func decode(continuing ids: [Int32]) -> String {
    decode(ids, truncateAtEOS: false, isContinuation: true)
  }

  private func decode(_ ids: [Int32], truncateAtEOS: Bool, isContinuation: Bool) -> String {
    var ids = ids[...]
    if truncateAtEOS, let end = ids.firstIndex(of: eosID) { ids = ids[..<end] }
    return String(
      decoding: encoder.decode(ids, isContinuation: isContinuation), as: UTF8.self)
  }
}
