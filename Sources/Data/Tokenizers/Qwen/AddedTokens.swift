// Tokens that are found in a text by their name before anything else happens to it: at each place
// the longest one, from left to right. Some are looked for in the text as it is, some after it is
// composed (NFC).
import Essentials

struct AddedTokens: Sendable {
  let ids: [String: Int32]
  let names: [Int32: String]
  private let raw: ByteTrie
  private let composed: ByteTrie

  /// - Parameter composed: the names that are looked for in composed text.
  init(_ ids: [String: Int32], composed names: Set<String>) {
    self.ids = ids
    self.names = Dictionary(ids.map { ($0.value, $0.key) }) { first, _ in first }
    raw = ByteTrie(ids.filter { !names.contains($0.key) }.map { (Array($0.key.utf8), $0.value) })
    composed = ByteTrie(
      ids.filter { names.contains($0.key) }.map {
        (Array($0.key.composed.utf8), $0.value)
      })
  }

  /// Visits the text in order: tokens that were found, and composed text between them.
  func split(
    _ text: String, composes: Bool, found: (Int32) -> Void,
    between: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    var text = text
    try text.withUTF8 { bytes in
      try Self.split(bytes, by: raw, found: found) { part in
        guard composes, part.contains(where: { $0 >= 0x80 }) else {
          return try Self.split(part, by: composed, found: found, between: between)
        }
        var part = String(decoding: part, as: UTF8.self).composed
        try part.withUTF8 {
          try Self.split($0, by: composed, found: found, between: between)
        }
      }
    }
  }

  private static func split(
    _ text: UnsafeBufferPointer<UInt8>, by trie: ByteTrie, found: (Int32) -> Void,
    between: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    if trie.isEmpty { return text.isEmpty ? () : try between(text) }
    var (start, position) = (0, 0)
    while position < text.count {
      guard let match = trie.longestMatch(in: text, from: position) else {
        position += 1
        continue
      }
      if start < position { try between(UnsafeBufferPointer(rebasing: text[start..<position])) }
      found(match.value)
      (start, position) = (match.end, match.end)
    }
    if start < text.count { try between(UnsafeBufferPointer(rebasing: text[start...])) }
  }
}
