// The two models that know whole words: WordPiece takes the longest token again and again, WordLevel
// has a token for a word or none.
import Essentials

struct WordPieceModel: Sendable {
  let table: TokenTable
  private let unknownName: String
  private let unknownID: Int32?
  private let longestWord: Int
  /// The tokens that words begin with, and those that go on, without their prefix.
  private let beginnings, continuations: ByteTrie
  private let place: TuneError.Location

  init(_ component: Component) throws {
    let table = try TokenVocabulary(component).table
    self.table = table
    unknownName = try component.string("unk_token")
    unknownID = table.id(of: unknownName.utf8)
    longestWord = try component.count("max_input_chars_per_word", default: 100)
    let prefix = Array(try component.string("continuing_subword_prefix").utf8)
    let tokens = (0..<Int32(table.idLimit)).map { (key: Array(table.bytes(of: $0)), value: $0) }
    try checkLengths(tokens.lazy.map(\.key), component)
    beginnings = ByteTrie(tokens)
    continuations = ByteTrie(
      tokens.filter { $0.key.starts(with: prefix) }
        .map { (Array($0.key.dropFirst(prefix.count)), $0.value) })
    place = .init(file: component.file, key: component.key + ".unk_token")
  }

  func encode(
    _ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    let hash = hashOfBytes(word)
    if cache.append(word, hash: hash, to: &ids) { return }
    let first = ids.count
    if !cut(word, into: &ids) {
      ids.removeLast(ids.count - first)
      guard let unknownID else { throw missingUnknown(unknownName, at: place) }
      ids.append(unknownID)
    }
    cache.insert(word, hash: hash, tokens: ids[first...])
  }

  /// False for a word that is no sequence of tokens.
  private func cut(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) -> Bool {
    if word.count > longestWord, word.count(where: { $0 & 0xC0 != 0x80 }) > longestWord {
      return false
    }
    var position = 0
    while position < word.count {
      let trie = position == 0 ? beginnings : continuations
      guard let match = trie.longestMatch(in: word, from: position) else { return false }
      ids.append(match.value)
      position = match.end
    }
    return true
  }
}

struct WordLevelModel: Sendable {
  let table: TokenTable
  private let unknownName: String
  private let unknownID: Int32?
  private let place: TuneError.Location

  init(_ component: Component) throws {
    table = try TokenVocabulary(component).table
    unknownName = try component.string("unk_token")
    unknownID = table.id(of: unknownName.utf8)
    place = .init(file: component.file, key: component.key + ".unk_token")
  }

  func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws {
    guard let id = table.id(of: word) ?? unknownID else {
      throw missingUnknown(unknownName, at: place)
    }
    ids.append(id)
  }
}

func missingUnknown(_ name: String, at place: TuneError.Location) -> TuneError {
  TuneError(
    .data,
    "the text has something that is not in the vocabulary, and neither is the unknown token "
      + "'\(name)'", at: place)
}
