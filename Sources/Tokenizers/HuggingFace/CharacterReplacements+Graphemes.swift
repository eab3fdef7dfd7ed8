// A SentencePiece table as the `tokenizers` library applies it: what a user sees as one character is
// looked up as a whole when it is short, and gives way to the shortest entry that it begins with.
// Longer ones are looked up character by character.

extension CharacterReplacements {
  private static let lengthLimit = 6

  func applyToGraphemes(of text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 8)
    let isChanged = (0..<UInt8(0x80)).map { byte in
      [byte].withUnsafeBufferPointer { shortestMatch(in: $0) != nil }
    }
    text.withUnsafeBufferPointer { text in
      var position = 0
      while position < text.count {
        let start = position
        // An ASCII character before another one stands alone, but for a line break of two.
        while position < text.count, text[position] < 0x80, !isChanged[Int(text[position])],
          text[position] != 0x0D, position + 1 == text.count || text[position + 1] < 0x80
        {
          position += 1
        }
        if start < position {
          output.append(contentsOf: text[start..<position])
          continue
        }
        var end = position
        repeat {
          end += 1
          while end < text.count, text[end] >= 0x80 { end += 1 }
        } while end < text.count && Self.mayJoinNext(text, before: end)
        if text[end - 1] == 0x0D, end < text.count, text[end] == 0x0A { end += 1 }
        replaceGraphemes(UnsafeBufferPointer(rebasing: text[position..<end]), to: &output)
        position = end
      }
    }
    return output
  }

  /// Whether the character that ends at `end` may be one with the ASCII character after it.
  private static func mayJoinNext(_ text: UnsafeBufferPointer<UInt8>, before end: Int) -> Bool {
    var start = end - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    let scalar = decodeScalar(text, at: start).scalar
    switch scalar {
    case ..<0x600: return false
    // Letters that stand before what they belong to.
    case 0xD4E, 0x111C2, 0x111C3, 0x113D1, 0x1193F, 0x11941, 0x11A3A, 0x11A84...0x11A89, 0x11D46,
      0x11F02:
      return true
    default: return Unicode.Scalar(scalar)?.properties.generalCategory == .format
    }
  }

  private func replaceGraphemes(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    for grapheme in String(decoding: text, as: UTF8.self) {
      var grapheme = String(grapheme)
      grapheme.withUTF8 { bytes in
        if bytes.count < Self.lengthLimit, let range = shortestMatch(in: bytes) {
          output.append(contentsOf: texts[range])
          return
        }
        var position = 0
        while position < bytes.count {
          let width = decodeScalar(bytes, at: position).width
          let part = UnsafeBufferPointer(
            rebasing: bytes[position..<min(position + width, bytes.count)])
          if let range = shortestMatch(in: part) {
            output.append(contentsOf: texts[range])
          } else {
            output.append(contentsOf: part)
          }
          position += width
        }
      }
    }
  }
}
