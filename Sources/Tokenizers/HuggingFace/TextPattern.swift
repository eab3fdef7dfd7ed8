// What a component looks for in a text: a fixed text or a regular expression.
import Essentials

enum TextPattern: Sendable {
  case text([UInt8])
  case expression(RegularExpression)

  /// `{"String": ...}` or `{"Regex": ...}`.
  init(_ component: Component) throws {
    if let text = component.json["String"]?.string {
      // The empty text is everywhere, as the empty expression is.
      if !text.isEmpty {
        self = .text(Array(text.utf8))
        return
      }
      self = .expression(try RegularExpression(pattern: ""))
    } else if let pattern = component.json["Regex"]?.string {
      let place = TuneError.Location(file: component.file, key: component.key)
      self = .expression(
        try RegularExpression(
          pattern: try OnigurumaPattern.translate(pattern, at: place), at: place))
    } else {
      throw component.malformed("expected a pattern: an object with String or Regex")
    }
  }

  /// Visits the matches from left to right; none overlaps another.
  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ body: (_ start: Int, _ end: Int) throws -> Void
  ) throws {
    switch self {
    case .expression(let expression):
      try expression.withMatcher { try $0.forEachMatch(in: text, body) }
    case .text(let wanted): try Self.forEachOccurrence(of: wanted, in: text, body)
    }
  }

  static func forEachOccurrence(
    of wanted: [UInt8], in text: UnsafeBufferPointer<UInt8>,
    _ body: (_ start: Int, _ end: Int) throws -> Void
  ) rethrows {
    var position = 0
    while position + wanted.count <= text.count {
      var count = 0
      while count < wanted.count, text[position + count] == wanted[count] { count += 1 }
      if count == wanted.count {
        try body(position, position + count)
        position += count
      } else {
        position += 1
      }
    }
  }
}

/// `text` with every occurrence of `wanted` replaced.
func replacing(_ wanted: [UInt8], in text: [UInt8], with content: [UInt8]) -> [UInt8] {
  if wanted.isEmpty || wanted.count > text.count { return text }
  var output: [UInt8] = []
  var covered = 0
  text.withUnsafeBufferPointer { text in
    TextPattern.forEachOccurrence(of: wanted, in: text) { start, end in
      output.append(contentsOf: text[covered..<start])
      output.append(contentsOf: content)
      covered = end
    }
    output.append(contentsOf: text[covered...])
  }
  return output
}
