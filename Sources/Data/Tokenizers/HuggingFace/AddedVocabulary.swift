// Tokens that are found in a text by their name before anything else happens to it: at each place the
// longest one, from left to right. Some are looked for in the text as it is, some in normalized text.
import Essentials

/// A token of `added_tokens`.
struct AddedToken: Sendable {
  var content: [UInt8]
  var id: Int32
  /// Left out of decoded text on request.
  var isSpecial = false
  /// Looked for after the text is normalized.
  var isNormalized = false
  /// Takes the spaces before it, or after it, along.
  var stripsLeft = false
  var stripsRight = false
  /// Not found within a word.
  var isSingleWord = false
}

struct AddedVocabulary: Sendable {
  /// By id; of tokens with one id the last counts.
  private(set) var tokens: [Int32: AddedToken] = [:]
  /// What each token is in decoded text.
  private(set) var decoded: [Int32: [UInt8]] = [:]
  private(set) var ids: [[UInt8]: Int32] = [:]
  private var special: Set<[UInt8]> = []
  private var raw = Finder()
  private var normalized = Finder()

  /// The tokens that `configured` added, in the order of their ids.
  private(set) var configured: [ConfiguredToken] = []
  private var nextID: Int32

  /// Reads `added_tokens`. As in the library, a token that the model has keeps the model's id, and
  /// the others follow the vocabulary in the file's order, whatever ids the file gives them.
  /// - Parameter configured: added after them.
  init(
    _ root: JSON, file: String, vocabularyCount: Int, normalizers: Normalizers,
    configured: ConfiguredTokens, modelID: ([UInt8]) -> Int32?
  ) throws {
    nextID = Int32(vocabularyCount)
    let list = Component(root["added_tokens"] ?? .null, file: file, key: "added_tokens")
    if !list.json.isNull {
      guard let entries = list.json.array else {
        throw list.malformed("expected a list, found \(list.json.kind)")
      }
      for (position, entry) in entries.enumerated() {
        let place = Component(entry, file: file, key: "added_tokens[\(position)]")
        _ = try add(AddedToken(place), place, modelID)
      }
    }
    try add(configured, modelID)
    if !tokens.isEmpty { try makeFinders(normalizers, list) }
  }

  /// - Returns: its id; nil for a token without text, which the library ignores.
  private mutating func add(
    _ token: AddedToken, _ place: Component, _ modelID: ([UInt8]) -> Int32?
  ) throws -> Int32? {
    if token.content.isEmpty { return nil }
    var token = token
    token.id = ids[token.content] ?? modelID(token.content) ?? nextID
    if Int(token.id) >= Vocabulary.idLimit {
      throw place.malformed("more than \(Vocabulary.idLimit) tokens")
    }
    nextID = max(nextID, token.id + 1)
    ids[token.content] = token.id
    tokens[token.id] = token
    if token.isSpecial { special.insert(token.content) }
    return token.id
  }

  private mutating func add(
    _ configured: ConfiguredTokens, _ modelID: ([UInt8]) -> Int32?
  ) throws {
    if configured.marksOwn {
      for (id, token) in tokens where !token.isSpecial && configured.named.contains(token.content) {
        tokens[id]?.isSpecial = true
        special.insert(token.content)
      }
    }
    for var other in configured.tokens {
      let content = other.token.content
      let isKnown = ids[content] != nil || modelID(content) != nil
      if other.isOnlyNamed, ids[content] != nil { continue }
      if configured.named.contains(content) { other.token.isSpecial = true }
      let place = Component(.null, file: other.file, key: other.key)
      guard let id = try add(other.token, place, modelID) else { continue }
      if let declared = other.declaredID, declared != id {
        let text = String(decoding: content, as: UTF8.self)
        throw TuneError(
          .checkpointMismatch,
          "the token '\(text)' has id \(declared) here and \(id) by the tokenizer.json",
          remedy: "Save the tokenizer again with transformers, or download its files again.",
          at: .init(file: other.file, key: other.key))
      }
      other.token.id = id
      if !isKnown { self.configured.append(other) }
    }
  }

  private mutating func makeFinders(_ normalizers: Normalizers, _ list: Component) throws {
    var (raw, normalized): ([(key: [UInt8], value: Int32)], [(key: [UInt8], value: Int32)]) =
      ([], [])
    for (id, token) in tokens {
      guard token.isNormalized else {
        raw.append((token.content, id))
        decoded[id] = token.content
        continue
      }
      var text = NormalizedText(bytes: token.content, isFirst: true)
      try normalizers.apply(to: &text)
      decoded[id] = text.bytes
      normalized.append((text.bytes, id))
    }
    for entries in [raw, normalized] {
      if entries.contains(where: \.key.isEmpty) {
        throw list.malformed("the normalizer leaves nothing of a token")
      }
      if Set(entries.map(\.key)).count < entries.count {
        throw list.malformed("two tokens are the same once they are normalized")
      }
    }
    (self.raw, self.normalized) = (Finder(raw), Finder(normalized))
  }

  var highestID: Int32 { tokens.keys.max() ?? -1 }

  /// All tokens by their name.
  var namedIDs: [String: Int32] {
    var named: [String: Int32] = [:]
    for token in tokens.values { named[String(decoding: token.content, as: UTF8.self)] = token.id }
    return named
  }

  /// The special tokens by their name.
  var specialIDs: [String: Int32] {
    var named: [String: Int32] = [:]
    for token in tokens.values where token.isSpecial {
      named[String(decoding: token.content, as: UTF8.self)] = token.id
    }
    return named
  }

  /// Whether a decoded token is one that is left out on request. The library asks by its text.
  func isSpecial(_ decoded: [UInt8]) -> Bool { special.contains(decoded) }

  /// Visits a text in order: tokens that were found, and normalized text between them.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, normalizers: Normalizers, found: (Int32) throws -> Void,
    between: (NormalizedText) throws -> Void
  ) throws {
    try raw.split(text, by: tokens, found: found) { range in
      var part = NormalizedText(bytes: Array(text[range]), isFirst: range.lowerBound == 0)
      try normalizers.apply(to: &part)
      if part.bytes.isEmpty { return }
      if normalized.isEmpty { return try between(part) }
      try part.bytes.withUnsafeBufferPointer { bytes in
        try normalized.split(bytes, by: tokens, found: found) { range in
          try between(
            NormalizedText(
              bytes: Array(bytes[range]), isFirst: part.isFirst && range.lowerBound == 0))
        }
      }
    }
  }

  /// Where tokens are in a text.
  private struct Finder: Sendable {
    private let trie: ByteTrie
    private let begins: [Bool]

    init(_ entries: [(key: [UInt8], value: Int32)] = []) {
      trie = ByteTrie(entries)
      let first = Set(entries.compactMap(\.key.first))
      begins = (0...UInt8.max).map { first.contains($0) }
    }

    var isEmpty: Bool { trie.isEmpty }

    func split(
      _ text: UnsafeBufferPointer<UInt8>, by tokens: [Int32: AddedToken],
      found: (Int32) throws -> Void, between: (Range<Int>) throws -> Void
    ) throws {
      var (covered, position) = (0, 0)
      while position < text.count {
        guard begins[Int(text[position])],
          let match = trie.longestMatch(in: text, from: position), let token = tokens[match.value]
        else {
          position += 1
          continue
        }
        var (start, end) = (position, match.end)
        position = match.end
        if token.isSingleWord, Self.isWithinWord(text, start, end) { continue }
        if token.stripsLeft { start = max(Self.spaceStart(text, before: start), covered) }
        if token.stripsRight { end = Self.spaceEnd(text, from: end) }
        if covered < start { try between(covered..<start) }
        try found(token.id)
        covered = end
      }
      if covered < text.count { try between(covered..<text.count) }
    }

    private static func isWithinWord(
      _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
    ) -> Bool {
      if start > 0, isWordCharacter(decodeScalar(text, at: characterStart(text, start - 1)).scalar)
      {
        return true
      }
      return end < text.count && isWordCharacter(decodeScalar(text, at: end).scalar)
    }
    private static func spaceStart(_ text: UnsafeBufferPointer<UInt8>, before end: Int) -> Int {
      var start = end
      while start > 0 {
        let previous = characterStart(text, start - 1)
        guard isWhitespace(decodeScalar(text, at: previous).scalar) else { break }
        start = previous
      }
      return start
    }
    private static func spaceEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
      var end = start
      while end < text.count {
        let (scalar, width) = decodeScalar(text, at: end)
        guard isWhitespace(scalar) else { break }
        end += width
      }
      return end
    }
    private static func characterStart(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int {
      var position = position
      while position > 0, text[position] & 0xC0 == 0x80 { position -= 1 }
      return position
    }
  }
}
