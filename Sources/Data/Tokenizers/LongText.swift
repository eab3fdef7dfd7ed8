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
      let (scalar, width) = decodeScalar(text, at: position)
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
}
