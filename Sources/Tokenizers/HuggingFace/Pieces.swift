// A text on its way through the pre-tokenizers: its bytes, and where each piece ends.

struct Pieces {
  /// Valid UTF-8; the pieces side by side.
  var text: [UInt8]
  /// Where each piece lies in the text. None is empty.
  var bounds: [Range<Int>]
  /// Whether the first piece begins where the whole text begins; Metaspace asks for it.
  var isFirst: Bool

  init(_ normalized: NormalizedText) {
    text = normalized.bytes
    bounds = text.isEmpty ? [] : [0..<text.count]
    isFirst = normalized.isFirst
  }

  /// What becomes of a match and of what lies between two: the five behaviours of the library.
  enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  /// A stretch of a piece, and whether it is a match.
  struct Span {
    var range: Range<Int>
    var isMatch: Bool
  }

  /// Cuts each piece at the spans that `find` lists, which together are the whole piece.
  mutating func split(
    _ behavior: SplitBehavior,
    find: (UnsafeBufferPointer<UInt8>, inout [Span]) throws -> Void
  ) rethrows {
    var output: [Range<Int>] = []
    output.reserveCapacity(bounds.count * 2)
    var spans: [Span] = []
    var keepsFirst = isFirst
    try text.withUnsafeBufferPointer { text in
      for piece in bounds {
        spans.removeAll(keepingCapacity: true)
        try find(UnsafeBufferPointer(rebasing: text[piece]), &spans)
        let count = output.count
        Self.cut(spans, behavior) { range in
          if !range.isEmpty {
            output.append(range.lowerBound + piece.lowerBound..<range.upperBound + piece.lowerBound)
          }
        }
        if piece.lowerBound == bounds[0].lowerBound, count == 0 {
          keepsFirst = keepsFirst && output.first?.lowerBound == piece.lowerBound
        }
      }
    }
    (bounds, isFirst) = (output, keepsFirst)
  }

  @inline(__always)
  private static func cut(
    _ spans: [Span], _ behavior: SplitBehavior, _ visit: (Range<Int>) -> Void
  ) {
    switch behavior {
    case .isolated: for span in spans { visit(span.range) }
    case .removed: for span in spans where !span.isMatch { visit(span.range) }
    case .contiguous:
      join(spans, visit) { $0 == $1 }
    case .mergedWithPrevious:
      join(spans, visit) { before, isMatch in isMatch && !before }
    case .mergedWithNext: joinWithNext(spans, visit)
    }
  }

  /// Joins a span with the one before it where `isJoined` says so, of whether the two are matches.
  /// Nothing comes before the first span, which counts as no match.
  private static func join(
    _ spans: [Span], _ visit: (Range<Int>) -> Void, _ isJoined: (Bool, Bool) -> Bool
  ) {
    var current: Range<Int>?
    var before = false
    for span in spans {
      if let range = current, isJoined(before, span.isMatch) {
        current = range.lowerBound..<span.range.upperBound
      } else {
        if let range = current { visit(range) }
        current = span.range
      }
      before = span.isMatch
    }
    if let range = current { visit(range) }
  }

  /// A match joins with what follows it, of several in a row the last one.
  private static func joinWithNext(_ spans: [Span], _ visit: (Range<Int>) -> Void) {
    var position = 0
    while position < spans.count {
      let span = spans[position]
      if span.isMatch, position + 1 < spans.count, !spans[position + 1].isMatch {
        visit(span.range.lowerBound..<spans[position + 1].range.upperBound)
        position += 2
      } else {
        visit(span.range)
        position += 1
      }
    }
  }

  /// Writes each piece anew.
  mutating func rewrite(
    _ write: (UnsafeBufferPointer<UInt8>, _ isFirst: Bool, inout [UInt8]) -> Void
  ) {
    var output: [UInt8] = []
    output.reserveCapacity(text.count * 2)
    text.withUnsafeBufferPointer { text in
      for position in bounds.indices {
        let start = output.count
        write(
          UnsafeBufferPointer(rebasing: text[bounds[position]]), isFirst && position == 0, &output)
        bounds[position] = start..<output.count
      }
    }
    text = output
  }
}
