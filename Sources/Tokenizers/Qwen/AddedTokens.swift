// Special tokens of a vocab.json, which are found in a text by their name once the whole text is
// composed (NFC), as torchtune does it: at each place the longest one, from left to right.
import Essentials

struct AddedTokens: Sendable {
  let names: [Int32: String]
  private let trie: ByteTrie

  init(_ ids: [String: Int32]) {
    names = Dictionary(ids.map { ($0.value, $0.key) }) { first, _ in first }
    trie = ByteTrie(ids.map { (Array($0.key.composed.utf8), $0.value) })
  }

  /// Visits a text in order: tokens that were found, and composed text between them.
  func split(
    _ text: String, found: (Int32) -> Void, between: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    try UnicodeForm.nfc.apply(to: Array(text.utf8)).withUnsafeBufferPointer { text in
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
}
