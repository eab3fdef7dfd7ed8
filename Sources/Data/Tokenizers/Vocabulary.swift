// What a tokenizer's files say, read and checked: the encoder, the pattern, the special tokens.
// Two formats: tiktoken's tokenizer.model (a line a token) and Hugging Face's tokenizer.json.
import Essentials

struct Vocabulary: Sendable {
  var encoder: BytePairEncoder
  var splitter: PieceSplitter
  /// Text is put into Unicode's composed form (NFC) before it is split.
  var isComposed = false
  /// How many tokens are not special.
  var baseCount: Int
  /// nil when the file names none (tokenizer.model).
  var specialTokens: [String: Int32]?

  /// Far above any vocabulary in use; a bound on what a lying file makes us allocate.
  static let idLimit = 1 << 22

  static func load(path: String) throws -> Vocabulary {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      let bytes = UnsafeRawBufferPointer(file.bytes)
      let first = bytes.first { !($0 == 0x20 || (0x09...0x0D).contains($0)) }
      if first == UInt8(ascii: "{") || path.hasSuffix(".json") {
        return try TokenizerJSON.parse(bytes, file: path)
      }
      return try TokenizerModel.parse(bytes, file: path)
    }
  }

  static func incomplete(_ file: String) -> TuneError {
    TuneError(
      .malformedFile, "not every byte has a token of its own, so not every text can be encoded",
      remedy: "Only byte-level vocabularies are supported.", at: .init(file: file))
  }
}
