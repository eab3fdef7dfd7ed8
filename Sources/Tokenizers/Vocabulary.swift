// What a tiktoken tokenizer.model, or vocab.json with merges.txt, says, read and checked: the encoder
// and the pattern; and `TokenCodec`, which is that or a tokenizer.json.
import Essentials

struct Vocabulary: Sendable {
  var encoder: BytePairEncoder
  var splitter: PieceSplitter
  /// Text is put into Unicode's composed form (NFC) before it is split.
  var isComposed = false
  /// How many tokens are not special.
  var baseCount: Int

  /// Far above any vocabulary in use; a bound on what a lying file makes us allocate.
  static let idLimit = 1 << 22

  static func incomplete(_ file: String) -> TuneError {
    TuneError(
      .malformedFile, "not every byte has a token of its own, so not every text can be encoded",
      remedy: "Only byte-level vocabularies are supported.", at: .init(file: file))
  }
}

/// Text to ids and back without special tokens.
enum TokenCodec: Sendable {
  case vocabulary(Vocabulary)
  case pipeline(TokenizerPipeline)

  /// A tokenizer.model or a tokenizer.json.
  static func load(path: String) throws -> TokenCodec {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      let bytes = UnsafeRawBufferPointer(file.bytes)
      let first = bytes.first { !($0 == 0x20 || (0x09...0x0D).contains($0)) }
      if first == UInt8(ascii: "{") || path.hasSuffix(".json") {
        return .pipeline(try TokenizerPipeline(try JSON.parse(bytes, file: path), file: path))
      }
      return .vocabulary(try TokenizerModel.parse(bytes, file: path))
    }
  }

  /// How many tokens are not special.
  var baseCount: Int {
    switch self {
    case .vocabulary(let vocabulary): vocabulary.baseCount
    case .pipeline(let pipeline): pipeline.baseVocabularySize
    }
  }

  /// Ids below are of ordinary tokens only. A tokenizer.json may have special tokens among them.
  var ordinaryCount: Int {
    if case .vocabulary(let vocabulary) = self { vocabulary.baseCount } else { 0 }
  }

  func encode(
    _ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    switch self {
    case .vocabulary(let vocabulary):
      try vocabulary.splitter.forEachPiece(in: text) {
        vocabulary.encoder.encode($0, into: &ids, cache: &cache)
      }
    case .pipeline(let pipeline): try pipeline.encodePlain(text, into: &ids, cache: &cache)
    }
  }

  /// The bytes of tokens, with a U+FFFD for an id without one.
  func decode(_ ids: [Int32]) -> [UInt8] {
    switch self {
    case .vocabulary(let vocabulary):
      ids.flatMap { id -> [UInt8] in
        let token = vocabulary.encoder.tokens.bytes(of: id)
        return token.isEmpty ? [0xEF, 0xBF, 0xBD] : Array(token)
      }
    case .pipeline(let pipeline): pipeline.decodePlain(ids)
    }
  }
}
