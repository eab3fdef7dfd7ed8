// What a tokenizer.json does to a text before it is cut: each normalizer rewrites valid UTF-8.
import Essentials

/// A text on its way through the normalizers.
struct NormalizedText {
  var bytes: [UInt8]
  /// Whether its first character stands for the first one of the whole text; Metaspace asks for it.
  var isFirst: Bool
}

/// The normalizers of a file, those of sequences one after another.
struct Normalizers: Sendable {
  private let steps: [Normalizer]

  init(_ component: Component) throws { steps = try Self.steps(component) }

  private static func steps(_ component: Component) throws -> [Normalizer] {
    if component.json.isNull { return [] }
    if try component.type == "Sequence" {
      return try component.parts("normalizers").flatMap { try steps($0) }
    }
    return [try Normalizer(component)]
  }

  var isEmpty: Bool { steps.isEmpty }

  func apply(to text: inout NormalizedText) throws {
    for step in steps { try step.apply(to: &text) }
  }
}

enum Normalizer: Sendable {
  /// Of Unicode 9, as in the library.
  case form(UnicodeForm)
  case lowercase
  case strip(left: Bool, right: Bool)
  case stripAccents
  case replace(TextPattern, with: [UInt8])
  case prepend([UInt8])
  case bert(Bert)
  case nmt
  case precompiled(CharacterReplacements)
  case byteLevel

  struct Bert: Sendable {
    var cleansText, spacesChinese, stripsAccents, lowercases: Bool
  }

  init(_ component: Component) throws {
    switch try component.type {
    case "NFC": self = .form(.nfc)
    case "NFD": self = .form(.nfd)
    case "NFKC": self = .form(.nfkc)
    case "NFKD": self = .form(.nfkd)
    case "Lowercase": self = .lowercase
    case "Strip":
      self = .strip(
        left: try component.bool("strip_left"), right: try component.bool("strip_right"))
    case "StripAccents": self = .stripAccents
    case "Replace":
      self = .replace(
        try TextPattern(component.child("pattern")),
        with: Array(try component.string("content").utf8)
      )
    case "Prepend": self = .prepend(Array(try component.string("prepend").utf8))
    case "BertNormalizer":
      let lowercases = try component.bool("lowercase")
      self = .bert(
        Bert(
          cleansText: try component.bool("clean_text"),
          spacesChinese: try component.bool("handle_chinese_chars"),
          stripsAccents: try component.bool("strip_accents", default: lowercases),
          lowercases: lowercases))
    case "Nmt": self = .nmt
    case "Precompiled": self = .precompiled(try Self.replacements(component))
    case "ByteLevel": self = .byteLevel
    case let type: throw component.unsupported("the normalizer \(type) is not supported")
    }
  }

  private static func replacements(_ component: Component) throws -> CharacterReplacements {
    let text = try component.string("precompiled_charsmap")
    let place = component.child("precompiled_charsmap")
    guard let bytes = TokenizerModel.decodeBase64(Array(text.utf8)) else {
      throw place.malformed("the table of character replacements is not valid base64")
    }
    return try bytes.withUnsafeBytes {
      try CharacterReplacements($0, file: component.file, key: place.key)
    }
  }

  func apply(to text: inout NormalizedText) throws {
    if text.bytes.isEmpty { return }
    switch self {
    case .form(let form): text.bytes = form.apply(to: text.bytes, .version9)
    case .lowercase: text.bytes = lowercased(text.bytes)
    case .strip(let left, let right): strip(&text, left: left, right: right)
    case .stripAccents: text.filter { !isMark($0) }
    case .replace(let pattern, let content): try text.replace(pattern, with: content)
    case .prepend(let prefix): text.bytes = prefix + text.bytes
    case .bert(let bert): bert.apply(to: &text)
    case .nmt:
      text.filter { !Self.isDroppedByNmt($0) }
      text.bytes = mapScalars(text.bytes) { Self.isNmtSpace($0) ? 0x20 : $0 }
    case .precompiled(let table): text.bytes = table.applyToGraphemes(of: text.bytes)
    case .byteLevel: text.bytes = ByteAlphabet.encodeUTF8(text.bytes)
    }
  }

  private func strip(_ text: inout NormalizedText, left: Bool, right: Bool) {
    var range = 0..<text.bytes.count
    text.bytes.withUnsafeBufferPointer { bytes in
      while left, !range.isEmpty {
        let (scalar, width) = decodeScalar(bytes, at: range.lowerBound)
        guard isWhitespace(scalar) else { break }
        range = (range.lowerBound + width)..<range.upperBound
      }
      while right, !range.isEmpty {
        var start = range.upperBound - 1
        while start > range.lowerBound, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        guard isWhitespace(decodeScalar(bytes, at: start).scalar) else { break }
        range = range.lowerBound..<start
      }
    }
    if range.lowerBound > 0 { text.isFirst = false }
    if range.count < text.bytes.count { text.bytes = Array(text.bytes[range]) }
  }

  private static func isDroppedByNmt(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: true
    default: false
    }
  }
  private static func isNmtSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
      true
    default: false
    }
  }
}

extension Normalizer.Bert {
  func apply(to text: inout NormalizedText) {
    if cleansText {
      text.filter { $0 != 0 && $0 != 0xFFFD && !isBertControl($0) }
      text.bytes = mapScalars(text.bytes) { isWhitespace($0) ? 0x20 : $0 }
    }
    if spacesChinese {
      text.bytes = rewriteScalars(text.bytes) { scalar, output in
        guard isChineseCharacter(scalar) else { return appendUTF8(scalar, to: &output) }
        output.append(0x20)
        appendUTF8(scalar, to: &output)
        output.append(0x20)
      }
    }
    if stripsAccents {
      text.bytes = UnicodeForm.nfd.apply(to: text.bytes, .version9)
      text.filter { !isBertAccent($0) }
    }
    if lowercases { text.bytes = lowercased(text.bytes) }
  }
}

extension NormalizedText {
  /// Keeps the characters that `isKept` accepts.
  mutating func filter(_ isKept: (UInt32) -> Bool) {
    if let first = bytes.withUnsafeBufferPointer({ $0.isEmpty ? nil : decodeScalar($0, at: 0) }),
      !isKept(first.scalar)
    {
      isFirst = false
    }
    bytes = rewriteScalars(bytes) { scalar, output in
      if isKept(scalar) { appendUTF8(scalar, to: &output) }
    }
  }

  mutating func replace(_ pattern: TextPattern, with content: [UInt8]) throws {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var (covered, isFirst) = (0, isFirst)
    try bytes.withUnsafeBufferPointer { bytes in
      try pattern.forEachMatch(in: bytes) { start, end in
        output.append(contentsOf: bytes[covered..<start])
        output.append(contentsOf: content)
        covered = end
        // Where several characters give way to others, the library counts from the last of them.
        if start == 0, end > 0 {
          isFirst = isFirst && !content.isEmpty && decodeScalar(bytes, at: 0).width == end
        }
      }
      output.append(contentsOf: bytes[covered...])
    }
    (bytes, self.isFirst) = (output, isFirst)
  }
}

func lowercased(_ text: [UInt8]) -> [UInt8] {
  rewriteScalars(text) { scalar, output in
    if scalar < 0x80 {
      output.append(UInt8(scalar) | ((0x41...0x5A).contains(scalar) ? 0x20 : 0))
    } else if let scalar = Unicode.Scalar(scalar) {
      output.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
    }
  }
}

func mapScalars(_ text: [UInt8], _ map: (UInt32) -> UInt32) -> [UInt8] {
  rewriteScalars(text) { appendUTF8(map($0), to: &$1) }
}

/// Valid UTF-8 written anew, character by character.
@inline(__always)
func rewriteScalars(_ text: [UInt8], _ write: (UInt32, inout [UInt8]) -> Void) -> [UInt8] {
  var output: [UInt8] = []
  output.reserveCapacity(text.count)
  text.withUnsafeBufferPointer { text in
    var position = 0
    while position < text.count {
      let (scalar, width) = decodeScalar(text, at: position)
      write(scalar, &output)
      position += width
    }
  }
  return output
}
