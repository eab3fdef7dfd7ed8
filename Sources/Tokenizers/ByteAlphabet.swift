// The printable alphabet in which byte-level tokenizers write bytes: Hugging Face's tokenizer.json
// spells a token with one character a byte. Printable Latin-1 bytes stand for themselves; the others
// take the characters from U+0100 on, in byte order. Its character order is also the order of the
// first 256 tokens.

enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0...UInt8.max).map { byte in
      if isPrintable(byte) { return Unicode.Scalar(byte) }
      defer { next += 1 }
      // 68 bytes are not printable: U+0100 to U+0143, all of them characters.
      return Unicode.Scalar(next) ?? "?"
    }
  }()

  /// Bytes in the order of their characters: token `i < 256` is byte `order[i]`.
  static let order: [UInt8] = (0...UInt8.max).sorted {
    characters[Int($0)] < characters[Int($1)]
  }

  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, character) in characters.enumerated() { table[Int(character.value)] = Int16(byte) }
    return table
  }()

  /// The bytes that `token` spells, or nil when it has a character outside the alphabet.
  static func decode(_ token: some StringProtocol) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard scalar.value < bytes.count, bytes[Int(scalar.value)] >= 0 else { return nil }
      decoded.append(UInt8(bytes[Int(scalar.value)]))
    }
    return decoded
  }

  /// The same for a token in UTF-8.
  static func decode(utf8 token: [UInt8]) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(token.count)
    let isSpelled = token.withUnsafeBufferPointer { token in
      var position = 0
      while position < token.count {
        let (scalar, width) = decodeScalar(token, at: position)
        guard scalar < bytes.count, bytes[Int(scalar)] >= 0 else { return false }
        decoded.append(UInt8(bytes[Int(scalar)]))
        position += width
      }
      return true
    }
    return isSpelled ? decoded : nil
  }

  static func encode(_ token: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in token { text.unicodeScalars.append(characters[Int(byte)]) }
    return text
  }

  /// The UTF-8 of the characters of some bytes.
  static func encodeUTF8(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.underestimatedCount * 2)
    appendUTF8(of: bytes, to: &text)
    return text
  }
  static func appendUTF8(of bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
    spelled.withUnsafeBufferPointer { spelled in
      for byte in bytes {
        let units = spelled[Int(byte)]
        // The characters are below U+0800: one byte or two.
        if units > 0xFF { text.append(UInt8(units >> 8)) }
        text.append(UInt8(truncatingIfNeeded: units))
      }
    }
  }
  /// The one or two bytes of UTF-8 of each byte's character, the first in the high half.
  private static let spelled: [UInt16] = characters.map { character in
    character.utf8.reduce(0) { $0 << 8 | UInt16($1) }
  }

  private static func isPrintable(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xFF).contains(byte) && byte != 0xAD
  }
}
