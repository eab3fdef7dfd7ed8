// How a tokenizer.json turns tokens back into text: each decoder rewrites the list of tokens, and the
// text is what is left, side by side. Works on bytes: Swift's strings would join characters.
import Essentials

struct Decoders: Sendable {
  private let steps: [Decoder]
  /// Without any decoder tokens stand apart.
  private let isMissing: Bool

  init(_ component: Component) throws {
    isMissing = component.json.isNull
    steps = isMissing ? [] : try Self.steps(component)
  }

  private static func steps(_ component: Component) throws -> [Decoder] {
    if try component.type == "Sequence" {
      return try component.parts("decoders").flatMap { try steps($0) }
    }
    return [try Decoder(component)]
  }

  /// Whether all that is done is to read tokens as the bytes they spell.
  var isByteLevel: Bool {
    if steps.count == 1, case .byteLevel = steps[0] { true } else { false }
  }

  /// - Parameter continues: whether the tokens follow others, so that what is done to the start of a
  ///   text is not done.
  func decode(_ tokens: [[UInt8]], continues: Bool) throws -> [UInt8] {
    if isMissing { return Array(tokens.joined(separator: [0x20])) }
    var tokens = tokens
    for step in steps { tokens = try step.apply(to: tokens, continues: continues) }
    return Array(tokens.joined())
  }
}

enum Decoder: Sendable {
  case byteLevel
  case byteFallback
  case fuse
  case strip(content: [UInt8], start: Int, stop: Int)
  case metaspace(Metaspace)
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case bytePair(suffix: [UInt8])
  case ctc(pad: [UInt8], delimiter: [UInt8], cleansUp: Bool)
  case replace(TextPattern, with: [UInt8])

  init(_ component: Component) throws {
    func text(_ name: String) throws -> [UInt8] { Array(try component.string(name).utf8) }
    switch try component.type {
    case "ByteLevel": self = .byteLevel
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      var content: [UInt8] = []
      appendUTF8(try component.character("content"), to: &content)
      self = .strip(
        content: content, start: try component.count("start"), stop: try component.count("stop"))
    case "Metaspace": self = .metaspace(try Metaspace(component))
    case "WordPiece":
      self = .wordPiece(prefix: try text("prefix"), cleansUp: try component.bool("cleanup"))
    case "BPEDecoder": self = .bytePair(suffix: try text("suffix"))
    case "CTC":
      self = .ctc(
        pad: try text("pad_token"), delimiter: try text("word_delimiter_token"),
        cleansUp: try component.bool("cleanup"))
    case "Replace":
      self = .replace(try TextPattern(component.child("pattern")), with: try text("content"))
    case let type: throw component.unsupported("the decoder \(type) is not supported")
    }
  }

  func apply(to tokens: [[UInt8]], continues: Bool) throws -> [[UInt8]] {
    switch self {
    case .byteLevel: return [validUTF8(tokens.flatMap { ByteAlphabet.decode(utf8: $0) ?? $0 })]
    case .byteFallback: return Self.joinBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let content, let start, let stop):
      return tokens.map { Self.strip($0, content, start: continues ? 0 : start, stop: stop) }
    case .metaspace(let metaspace):
      return tokens.enumerated().map { position, token in
        let isDropped = position == 0 && metaspace.prepending != .never && !continues
        return replacing(metaspace.sign, in: token, with: isDropped ? [] : [0x20])
      }
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { position, token in
        var token = token
        if position > 0 || continues {
          token =
            token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token
        }
        return cleansUp ? Self.cleanedUp(token) : token
      }
    case .bytePair(let suffix):
      return tokens.enumerated().map { position, token in
        replacing(suffix, in: token, with: position == tokens.count - 1 ? [] : [0x20])
      }
    case .ctc(let pad, let delimiter, let cleansUp):
      var output: [[UInt8]] = []
      for (position, token) in tokens.enumerated()
      where position == 0 || token != tokens[position - 1] {
        var token = replacing(pad, in: token, with: [])
        if cleansUp { token = replacing(delimiter, in: Self.cleanedUp(token), with: [0x20]) }
        if !token.isEmpty { output.append(token) }
      }
      return output
    case .replace(let pattern, let content):
      return try tokens.map { token in
        var text = NormalizedText(bytes: token, isFirst: false)
        try text.replace(pattern, with: content)
        return text.bytes
      }
    }
  }

  /// Tokens like `<0x0A>` in a row become the text of their bytes, or a U+FFFD each.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var (output, bytes): ([[UInt8]], [UInt8]) = ([], [])
    func close() {
      if bytes.isEmpty { return }
      if String(validating: bytes, as: UTF8.self) != nil {
        output.append(bytes)
      } else {
        output += bytes.map { _ in [0xEF, 0xBF, 0xBD] }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = byte(of: token) {
        bytes.append(byte)
      } else {
        close()
        output.append(token)
      }
    }
    close()
    return output
  }

  private static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else {
      return nil
    }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func strip(
    _ token: [UInt8], _ content: [UInt8], start: Int, stop: Int
  ) -> [UInt8] {
    var rest = token[...]
    var count = 0
    while count < start, !rest.isEmpty, rest.starts(with: content) {
      rest = rest.dropFirst(content.count)
      count += 1
    }
    count = 0
    while count < stop, rest.count >= content.count,
      rest.suffix(content.count).elementsEqual(content)
    {
      rest = rest.dropLast(content.count)
      count += 1
    }
    return Array(rest)
  }

  /// What the library tidies in English text, in its order.
  private static let tidied: [(from: [UInt8], to: [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
    (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.utf8), Array($1.utf8)) }

  private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
    tidied.reduce(text) { replacing($1.from, in: $0, with: $1.to) }
  }
}

/// With a U+FFFD in place of what is not UTF-8.
func validUTF8(_ bytes: [UInt8]) -> [UInt8] { Array(String(decoding: bytes, as: UTF8.self).utf8) }
