// Text in the format of the WikiText corpora (`wiki.test.raw`): its pages, and the text of a page
// with the corpus's tokenization undone, both as lm-evaluation-harness has them. Its numbers can be
// compared only when these steps are the same, slips included.
import Essentials
import Foundation

package enum WikitextPages {
  /// Whether a text is a WikiText file: it starts with a page's heading, ` = Title = `.
  package static func isWikitext(_ text: String) -> Bool {
    for line in text.utf8.split(separator: 0x0A) {
      let line = String(Substring(line))
      if line.allSatisfy(\.isWhitespace) { continue }
      return line.hasPrefix(" = ") && isHeading(line)
    }
    return false
  }

  package static func pages(of text: String) -> [String] {
    var pages: [String] = []
    var lines: [Substring] = []
    func flush(evenIfEmpty: Bool) {
      let page = lines.joined(separator: "\n")
      if evenIfEmpty || !page.unicodeScalars.allSatisfy(\.isPythonSpace) { pages.append(page) }
      lines = []
    }
    for line in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let line = Substring(line)
      if isHeading(String(line)) { flush(evenIfEmpty: false) }
      lines.append(line)
    }
    flush(evenIfEmpty: true)
    return pages
  }

  /// ` = Title = `, and not a section's ` = = Section = = `.
  private static func isHeading(_ line: String) -> Bool {
    let joined = line.replacing("= = =", "===").replacing("= =", "==").strippedLikePython
    return joined.hasPrefix("= ") && joined.hasSuffix(" =")
  }

  /// The text that the model is asked to predict.
  package static func detokenized(_ page: String) -> String {
    var text = page.replacing("s '", "s'")
    // A pattern with slashes around it, which never was meant to match them.
    for digit in 0...9 { text = text.replacing("/' \(digit)/", "/'[0-9]/") }
    for (spaced, plain) in [
      (" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), (" : ", ": "), (" ; ", "; "), (" . ", ". "),
      (" ! ", "! "), (" ? ", "? "), (" , ", ", "),
    ] {
      text = text.replacing(spaced, plain)
    }
    for (opening, closing) in [("(", ")"), ("[", "]"), ("{", "}"), ("\"", "\""), ("'", "'")] {
      text = trimmingInside(text, from: opening, to: closing)
    }
    for (spaced, plain) in [
      ("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u{B0} ", "\u{B0}"), (" \n", "\n"),
      ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s"),
    ] {
      text = text.replacing(spaced, plain)
    }
    return text
  }

  /// Removes white space after each opening mark and before the closing mark that follows it.
  private static func trimmingInside(_ text: String, from opening: String, to closing: String)
    -> String
  {
    let (open, close) = (opening.unicodeScalars.first, closing.unicodeScalars.first)
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let start = rest.firstIndex(where: { $0 == open }) {
      let inside = rest.index(after: start)
      guard let end = rest[inside...].firstIndex(where: { $0 == close }) else { break }
      result.append(contentsOf: rest[..<inside])
      var content = rest[inside..<end]
      while let first = content.first, first.isPythonSpace { content.removeFirst() }
      while let last = content.last, last.isPythonSpace { content.removeLast() }
      result.append(contentsOf: content)
      result.append(contentsOf: rest[end...end])
      rest = rest[rest.index(after: end)...]
    }
    result.append(contentsOf: rest)
    return String(result)
  }
}

extension String {
  /// Left to right over Unicode scalars, as Python's `str.replace`; a `Character` would hide a
  /// space that a combining mark follows.
  func replacing(_ old: String, _ new: String) -> String {
    let (pattern, replacement) = (Array(old.utf8), Array(new.utf8))
    let source = Array(utf8)
    guard source.count >= pattern.count else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(source.count)
    var position = 0
    while position < source.count {
      if source[position] == pattern[0], source.count - position >= pattern.count,
        source[position..<position + pattern.count].elementsEqual(pattern)
      {
        result += replacement
        position += pattern.count
      } else {
        result.append(source[position])
        position += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `len(re.split(r"\s+", text))`: the stretches between white space, also empty ones at the ends.
  package var pythonWordCount: Int {
    var (count, inSpace) = (1, false)
    for scalar in unicodeScalars {
      let isSpace = scalar.isPythonSpace
      if isSpace, !inSpace { count += 1 }
      inSpace = isSpace
    }
    return count
  }
}
