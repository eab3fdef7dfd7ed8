// The vocabulary of a GGUF file: token texts with their types, in the order of their ids.
import Essentials

struct TokenList: Sendable {
  enum Kind: Int, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  let file: GGUFFile
  let texts: [String]
  let kinds: [Kind]
  let ids: [TokenText: Int]

  /// - Throws: `TuneError` for lists that are missing, of unequal lengths, too long, or with a text twice.
  init(_ file: GGUFFile, vocabularySize: Int) throws {
    self.file = file
    let key = "tokenizer.ggml.tokens"
    guard let count = try file.count(key) else { throw file.failure(key, "is missing") }
    // Before any of them takes memory.
    guard count <= vocabularySize else {
      throw file.failure(
        key, "has \(count) tokens, but the embedding has \(vocabularySize) rows")
    }
    texts = try file.strings(key) ?? []
    kinds = try Self.kinds(file, count: count)
    var ids: [TokenText: Int] = [:]
    for (id, text) in texts.enumerated() {
      guard ids.updateValue(id, forKey: TokenText(text)) == nil else {
        throw file.failure(key, "token \(id), '\(text)', is also another token")
      }
    }
    self.ids = ids
  }

  private static func kinds(_ file: GGUFFile, count: Int) throws -> [Kind] {
    let key = "tokenizer.ggml.token_type"
    guard let codes = try file.integers(key) else {
      return Array(repeating: .normal, count: count)
    }
    guard codes.count == count else {
      throw file.failure(key, "has \(codes.count) entries for \(count) tokens")
    }
    return try codes.map { code in
      // 0, undefined, is what old converters wrote for all.
      guard let kind = Kind(rawValue: code == 0 ? 1 : code) else {
        throw file.failure(key, "unknown token type \(code)")
      }
      return kind
    }
  }

  /// Padding of the vocabulary up to the embedding's rows, which no tokenizer had.
  func isPadding(_ id: Int) -> Bool {
    kinds[id] == .unused && texts[id].utf8.starts(with: "[PAD".utf8)
  }
}

/// A text that equals another only if their bytes do: Swift's strings are equal also where they are
/// canonically equivalent, and vocabularies have tokens that differ in no more.
struct TokenText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (a: TokenText, b: TokenText) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
