// File name patterns as Python's fnmatch and huggingface_hub read them: `*`, `?`, `[abc]`, `[!a-z]`,
// upper and lower case told apart, `*` also over `/`, and a pattern that ends in `/` means all in
// that folder.

package struct Wildcard: Sendable {
  private enum Part {
    case any
    case one
    case exactly(Unicode.Scalar)
    case set([ClosedRange<UInt32>], negated: Bool)
  }
  private let parts: [Part]

  package init(_ pattern: String) {
    let text = pattern.replacing("\\", with: "/")
    parts = Self.parse(Array((text.hasSuffix("/") ? text + "*" : text).unicodeScalars))
  }

  private static func parse(_ scalars: [Unicode.Scalar]) -> [Part] {
    var parts: [Part] = []
    var i = 0
    // Where one `[` has no end, none after it has: they are not looked for again.
    var mayEnd = true
    while i < scalars.count {
      switch scalars[i] {
      case "*":
        if case .any? = parts.last { break }
        parts.append(.any)
      case "?": parts.append(.one)
      case "[":
        if mayEnd, let (set, end) = parseSet(scalars, from: i + 1) {
          parts.append(set)
          i = end
        } else {
          mayEnd = false
          parts.append(.exactly("["))
        }
      case let scalar: parts.append(.exactly(scalar))
      }
      i += 1
    }
    return parts
  }

  /// A set behind its `[`, and the place of its `]`; nil where that is missing.
  private static func parseSet(_ scalars: [Unicode.Scalar], from start: Int) -> (Part, Int)? {
    var i = start
    let negated = i < scalars.count && scalars[i] == "!"
    if negated { i += 1 }
    let first = i
    // A `]` at the start is one of the set.
    guard let end = scalars.indices.first(where: { $0 > first && scalars[$0] == "]" }) else {
      return nil
    }
    var ranges: [ClosedRange<UInt32>] = []
    while i < end {
      if i + 2 < end, scalars[i + 1] == "-" {
        let (low, high) = (scalars[i].value, scalars[i + 2].value)
        if low <= high { ranges.append(low...high) }
        i += 3
      } else {
        ranges.append(scalars[i].value...scalars[i].value)
        i += 1
      }
    }
    return (.set(ranges, negated: negated), end)
  }

  package func matches(_ path: String) -> Bool {
    let text = Array(path.replacing("\\", with: "/").unicodeScalars)
    // The last `*`, and the place up to which it is thought to reach: no other needs to be revised.
    var (part, place) = (0, 0)
    var star: (part: Int, place: Int)?
    while place < text.count {
      if part < parts.count, case .any = parts[part] {
        star = (part, place)
        part += 1
      } else if part < parts.count, Self.accepts(parts[part], text[place]) {
        part += 1
        place += 1
      } else if let last = star {
        star = (last.part, last.place + 1)
        (part, place) = (last.part + 1, last.place + 1)
      } else {
        return false
      }
    }
    return parts[part...].allSatisfy { if case .any = $0 { true } else { false } }
  }

  private static func accepts(_ part: Part, _ scalar: Unicode.Scalar) -> Bool {
    switch part {
    case .any, .one: true
    case .exactly(let wanted): wanted == scalar
    case .set(let ranges, let negated):
      ranges.contains { $0.contains(scalar.value) } != negated
    }
  }
}

/// Which files of a repository are wanted.
package struct FileSelection: Sendable {
  private let allowed: [Wildcard]?
  private let ignored: [Wildcard]

  /// - Parameters:
  ///   - allowed: a file must match one of these; nil allows all.
  ///   - ignored: a file may match none of these.
  package init(allowing allowed: [String]? = nil, ignoring ignored: [String] = []) {
    self.allowed = allowed?.map(Wildcard.init)
    self.ignored = ignored.map(Wildcard.init)
  }

  var isEverything: Bool { allowed == nil && ignored.isEmpty }

  package func contains(_ path: String) -> Bool {
    allowed?.contains { $0.matches(path) } ?? true && !ignored.contains { $0.matches(path) }
  }
}
