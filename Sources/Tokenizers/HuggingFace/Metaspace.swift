// Spaces written as a visible sign (U+2581), as SentencePiece does: one may be put before the text,
// and each piece begins with one.
import Essentials

struct Metaspace: Sendable {
  enum Prepending: String, Sendable {
    case always, first, never
  }
  let sign: [UInt8]
  let prepending: Prepending
  let isCut: Bool

  /// A pre-tokenizer or a decoder; older files say `add_prefix_space` instead of `prepend_scheme`.
  init(_ component: Component) throws {
    var sign: [UInt8] = []
    appendUTF8(try component.character("replacement"), to: &sign)
    let name = try component.optionalString("prepend_scheme")
    guard var prepending = name.map({ Prepending(rawValue: $0) }) ?? .always else {
      throw component.child("prepend_scheme").unsupported(
        "the prepend_scheme \(name ?? "") is not supported")
    }
    if try !component.bool("add_prefix_space", default: true) {
      if name != nil, prepending != .never {
        throw component.child("add_prefix_space").malformed(
          "add_prefix_space false contradicts prepend_scheme \(prepending.rawValue)")
      }
      prepending = .never
    }
    (self.sign, self.prepending) = (sign, prepending)
    isCut = try component.bool("split", default: true)
  }

  func apply(to pieces: inout Pieces) {
    pieces.rewrite { piece, isFirst, output in
      let start = output.count
      for byte in piece {
        if byte == 0x20 { output.append(contentsOf: sign) } else { output.append(byte) }
      }
      let isAsked = prepending == .always || prepending == .first && isFirst
      if isAsked, !output[start...].starts(with: sign) {
        output.insert(contentsOf: sign, at: start)
      }
    }
    if isCut {
      pieces.split(.mergedWithNext) { piece, spans in
        var covered = 0
        TextPattern.forEachOccurrence(of: sign, in: piece) { start, end in
          if covered < start { spans.append(.init(range: covered..<start, isMatch: false)) }
          spans.append(.init(range: start..<end, isMatch: true))
          covered = end
        }
        if covered < piece.count {
          spans.append(.init(range: covered..<piece.count, isMatch: false))
        }
      }
    }
  }
}
