// How a SentencePiece model prepares text: characters are replaced by its own table (NFKC and the
// like), spaces are joined, trimmed and written as U+2581, and one may be put before the text.
// Works on bytes: what is not UTF-8 becomes U+FFFD, one for each byte, as in the library.
import Essentials

struct NormalizationRules: Sendable {
  var addsDummyPrefix = true
  var removesExtraSpaces = true
  var escapesSpaces = true
  var replacements: CharacterReplacements?
  /// Texts of the user-defined pieces, which no rule changes.
  private(set) var protected = ByteTrie([])
  /// For each ASCII character whether nothing changes it that stands before another one.
  private var isPlain = [Bool](repeating: false, count: 128)

  mutating func protect(_ texts: ByteTrie) {
    protected = texts
    isPlain = (0..<128).map { byte in
      byte != 0x20 && !texts.begins(with: byte) && replacements?.changesASCII(from: byte) != true
    }
  }

  mutating func read(_ message: inout ProtobufReader, file: String) throws {
    while let (field, value) = try message.next() {
      switch field {
      case 2:
        let blob = value.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        replacements = blob.isEmpty ? nil : try CharacterReplacements(blob, file: file)
      case 3: addsDummyPrefix = value.bool ?? true
      case 4: removesExtraSpaces = value.bool ?? true
      case 5: escapesSpaces = value.bool ?? true
      default: break
      }
    }
  }

  /// - Parameter suffixed: whether the space that marks a word stands behind it.
  func apply(to text: UnsafeBufferPointer<UInt8>, suffixed: Bool) -> [UInt8] {
    var position = 0
    if removesExtraSpaces {
      while position < text.count {
        let isSpace = withPrefix(of: text, at: position) { part, end in
          guard part.count == 1, part[0] == 0x20 else { return false }
          position = end
          return true
        }
        if !isSpace { break }
      }
    }
    if position == text.count { return [] }
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 2 + 4)
    let space = escapesSpaces ? SentencePieceModel.space : [0x20]
    if addsDummyPrefix && !suffixed { output += space }
    var followsSpace = removesExtraSpaces
    while position < text.count {
      let start = position
      while position < text.count, isPlain(text, at: position) { position += 1 }
      if start < position {
        output += text[start..<position]
        followsSpace = false
        continue
      }
      withPrefix(of: text, at: position) { part, end in
        var part = part[...]
        while followsSpace, part.first == 0x20 { part.removeFirst() }
        for byte in part {
          if byte == 0x20 { output += space } else { output.append(byte) }
        }
        if let last = part.last { followsSpace = last == 0x20 && removesExtraSpaces }
        position = end
      }
    }
    if removesExtraSpaces {
      while output.count >= space.count, output.suffix(space.count).elementsEqual(space) {
        output.removeLast(space.count)
      }
    }
    if addsDummyPrefix && suffixed { output += space }
    return output
  }

  @inline(__always)
  private func isPlain(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
    let byte = text[position]
    return byte < 0x80 && isPlain[Int(byte)]
      && (position + 1 == text.count || text[position + 1] < 0x80)
  }

  /// Calls `body` with what the characters at `position` become, and where they end.
  @inline(__always)
  private func withPrefix<Result>(
    of text: UnsafeBufferPointer<UInt8>, at position: Int,
    _ body: (UnsafeBufferPointer<UInt8>, _ end: Int) -> Result
  ) -> Result {
    if !protected.isEmpty, let match = protected.longestMatch(in: text, from: position) {
      return body(UnsafeBufferPointer(rebasing: text[position..<match.end]), match.end)
    }
    if let replacements, let (range, end) = replacements.longestMatch(in: text, from: position) {
      return replacements.texts[range].withUnsafeBufferPointer { body($0, end) }
    }
    if let count = characterLength(of: text, at: position) {
      return body(
        UnsafeBufferPointer(rebasing: text[position..<position + count]), position + count)
    }
    let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]
    return replacement.withUnsafeBufferPointer { body($0, position + 1) }
  }
}

/// How many bytes the character at `position` has; nil when they are not UTF-8.
@inline(__always)
func characterLength(of text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int? {
  let first = UInt32(text[position])
  if first < 0x80 { return 1 }
  let count = first & 0xE0 == 0xC0 ? 2 : first & 0xF0 == 0xE0 ? 3 : first & 0xF8 == 0xF0 ? 4 : 0
  guard count > 0, count <= text.count - position else { return nil }
  var scalar = first & (0x7F >> UInt32(count))
  for offset in 1..<count {
    let byte = UInt32(text[position + offset])
    guard byte & 0xC0 == 0x80 else { return nil }
    scalar = scalar << 6 | byte & 0x3F
  }
  let least: UInt32 = count == 2 ? 0x80 : count == 3 ? 0x800 : 0x10000
  return scalar >= least && Unicode.Scalar(scalar) != nil ? count : nil
}

/// The `precompiled_charsmap` of a model: a double-array trie (darts-clone's layout) whose values
/// are offsets into a list of texts that end with a zero byte. Every step is bounds-checked.
struct CharacterReplacements: Sendable {
  /// All replacements, one after another.
  let texts: [UInt8]
  private let units: [UInt32]
  /// The longest replacement in Unicode's tables has 33 bytes; a lying file gets no further.
  private static let lengthLimit = 1024

  init(
    _ blob: UnsafeRawBufferPointer, file: String,
    key: String = "normalizer_spec.precompiled_charsmap"
  ) throws {
    func broken(_ what: String) -> TuneError {
      TuneError(
        .malformedFile, "the table of character replacements \(what)",
        at: .init(file: file, key: key))
    }
    guard blob.count > 4 else { throw broken("is cut off") }
    let size = Int(UInt32(littleEndian: blob.loadUnaligned(as: UInt32.self)))
    guard size % 4 == 0, size > 0, size <= blob.count - 4 else {
      throw broken("lies about its size")
    }
    units = (0..<size / 4).map {
      UInt32(littleEndian: blob.loadUnaligned(fromByteOffset: 4 + $0 * 4, as: UInt32.self))
    }
    texts = Array(blob[(4 + size)...])
    let longest = texts.split(separator: 0, omittingEmptySubsequences: true).map(\.count).max() ?? 0
    if longest > Self.lengthLimit { throw broken("holds a text of \(longest) bytes") }
  }

  /// The longest run of characters from `start` on that is replaced: by which of `texts`, and its
  /// end.
  @inline(__always)
  func longestMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (replacement: Range<Int>, end: Int)? {
    var found: (value: Int, end: Int)?
    walk(text, from: start) { value, end in
      found = (value, end)
      return true
    }
    guard let found, let range = range(from: found.value) else { return nil }
    return (range, found.end)
  }

  /// What replaces the shortest run of characters at the start of `text` that is replaced.
  func shortestMatch(in text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var found: Int?
    walk(text, from: 0) { value, _ in
      found = value
      return false
    }
    return found.flatMap { range(from: $0) }
  }

  /// Visits the entries that begin at `start`, the shortest first, while `goesOn` is true.
  @inline(__always)
  private func walk(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, _ goesOn: (_ value: Int, Int) -> Bool
  ) {
    var node = Self.offset(units[0])
    var position = start
    while position < text.count {
      let byte = text[position]
      node ^= Int(byte)
      guard node < units.count else { return }
      let unit = units[node]
      // A unit's label has its top bit set where the unit is a value.
      guard unit & 0x8000_00FF == UInt32(byte) else { return }
      node ^= Self.offset(unit)
      position += 1
      if unit & 0x100 != 0 {
        guard node < units.count else { return }
        if !goesOn(Int(units[node] & 0x7FFF_FFFF), position) { return }
      }
    }
  }

  private func range(from start: Int) -> Range<Int>? {
    guard start <= texts.count else { return nil }
    return start..<(texts[start...].firstIndex(of: 0) ?? texts.count)
  }

  /// Whether a replacement begins with this ASCII character and is only ASCII.
  func changesASCII(from byte: UInt8) -> Bool {
    var text: [UInt8] = [byte, 0]
    for next in 0..<UInt8(128) {
      text[1] = next
      if text.withUnsafeBufferPointer({ hasPath(in: $0) }) { return true }
    }
    return text[..<1].withUnsafeBufferPointer { longestMatch(in: $0, from: 0) != nil }
  }

  /// Whether some replacement begins with all of the text.
  private func hasPath(in text: UnsafeBufferPointer<UInt8>) -> Bool {
    var node = Self.offset(units[0])
    for byte in text {
      node ^= Int(byte)
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(byte) else { return false }
      node ^= Self.offset(units[node])
    }
    return true
  }

  @inline(__always)
  private static func offset(_ unit: UInt32) -> Int {
    Int(unit >> 10) << Int((unit & 0x200) >> 6)
  }
}
