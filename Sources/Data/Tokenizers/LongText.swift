// Where a long text is cut before it is split into pieces: after 400,000 characters, and inside a
// run of more than 25,000 characters that are all spaces or all not. torchtune cuts there, for
// tiktoken's sake; the ids around a cut depend on it. It also bounds the cost of one piece.
import Essentials

enum LongText {
  private static let characterLimit = 400_000
  private static let runLimit = 25_000

  static func parts(of text: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
    if text.count <= runLimit { return text.isEmpty ? [] : [0..<text.count] }
    var parts: [Range<Int>] = []
    var (start, position, characters, run) = (0, 0, 0, 0)
    var isSpaceRun = false
    while position < text.count {
      let (scalar, width) = decode(text, at: position)
      if characters == characterLimit {
        parts.append(start..<position)
        (start, characters, run) = (position, 0, 0)
      }
      let isSpace = isPythonSpace(scalar)
      if characters == 0 { isSpaceRun = isSpace }
      if isSpace != isSpaceRun {
        (isSpaceRun, run) = (isSpace, 1)
      } else {
        run += 1
        if run > runLimit {
          parts.append(start..<position)
          (start, run) = (position, 1)
        }
      }
      characters += 1
      position += width
    }
    parts.append(start..<text.count)
    return parts
  }

  /// The character at `position` of valid UTF-8.
  @inline(__always)
  private static func decode(
    _ text: UnsafeBufferPointer<UInt8>, at position: Int
  ) -> (scalar: UInt32, width: Int) {
    let first = UInt32(text[position])
    if first < 0x80 { return (first, 1) }
    let width = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    var scalar = first & (0xFF >> UInt32(width + 1))
    for offset in 1..<width where position + offset < text.count {
      scalar = scalar << 6 | UInt32(text[position + offset]) & 0x3F
    }
    return (scalar, width)
  }
}
