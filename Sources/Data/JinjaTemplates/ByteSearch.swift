// Finds texts in texts by their bytes, in linear time whatever they are (Knuth, Morris, Pratt):
// a template chooses both. UTF-8 never matches in the middle of a character.
import Essentials

extension Jinja {
  package struct ByteSearch {
    private let part: [UInt8]
    /// For each length of a match, the length of its longest proper prefix that is also its suffix.
    private let fallback: [Int]

    package init(_ part: String) {
      let part = Array(part.utf8)
      var fallback = [Int](repeating: 0, count: part.count + 1)
      var length = 0
      for position in part.indices.dropFirst() {
        while length > 0, part[position] != part[length] { length = fallback[length] }
        if part[position] == part[length] { length += 1 }
        fallback[position + 1] = length
      }
      (self.part, self.fallback) = (part, fallback)
    }

    /// Where the part begins at its first occurrence from `start` on. It must not be empty.
    package func first(in text: ArraySlice<UInt8>) -> Int? {
      text.withUnsafeBufferPointer { bytes in
        var length = 0
        for position in bytes.indices {
          while length > 0, bytes[position] != part[length] { length = fallback[length] }
          if bytes[position] == part[length] { length += 1 }
          if length == part.count { return text.startIndex + position + 1 - length }
        }
        return nil
      }
    }
    /// The beginnings of its occurrences, which do not overlap, from the left.
    package func all(in text: [UInt8], limit: Int = .max) -> [Int] {
      var (places, start): ([Int], Int) = ([], 0)
      while places.count < limit, let place = first(in: text[start...]) {
        places.append(place)
        start = place + part.count
      }
      return places
    }
    /// The same from the right, the last first.
    package static func allFromEnd(of part: String, in text: [UInt8], limit: Int) -> [Int] {
      let search = ByteSearch(reversed: part)
      let count = part.utf8.count
      return search.all(in: text.reversed(), limit: limit).map { text.count - $0 - count }
    }
    private init(reversed part: String) {
      // As bytes: a reversed text is no UTF-8.
      let bytes = Array(part.utf8.reversed())
      var fallback = [Int](repeating: 0, count: bytes.count + 1)
      var length = 0
      for position in bytes.indices.dropFirst() {
        while length > 0, bytes[position] != bytes[length] { length = fallback[length] }
        if bytes[position] == bytes[length] { length += 1 }
        fallback[position + 1] = length
      }
      (self.part, self.fallback) = (bytes, fallback)
    }
  }
}

extension String {
  /// The bytes of the first occurrence.
  package func firstRange(of part: String) -> Range<Int>? {
    if part.isEmpty { return 0..<0 }
    if part.utf8.count > utf8.count { return nil }
    return Jinja.ByteSearch(part).first(in: Array(utf8)[...]).map { $0..<$0 + part.utf8.count }
  }
  func replacingLikePython(_ old: String, _ new: String, _ limit: Int = .max) -> String {
    if limit == 0 { return self }
    var result: [UInt8] = []
    if old.isEmpty {
      var count = 0
      for scalar in unicodeScalars {
        if count < limit { result += new.utf8 }
        count += 1
        result += String(scalar).utf8
      }
      if count < limit { result += new.utf8 }
      return String(decoding: result, as: UTF8.self)
    }
    let bytes = Array(utf8)
    var position = 0
    for place in Jinja.ByteSearch(old).all(in: bytes, limit: limit) {
      result += bytes[position..<place]
      result += new.utf8
      position = place + old.utf8.count
    }
    if position == 0 { return self }
    result += bytes[position...]
    return String(decoding: result, as: UTF8.self)
  }

  func lowercasedLikePython() -> String {
    if utf8.allSatisfy({ $0 < 0x80 }) { return lowercased() }
    let scalars = Array(unicodeScalars)
    var result = ""
    for (position, scalar) in scalars.enumerated() {
      result +=
        scalar == "\u{3A3}"
        ? Self.sigma(scalars, position) : scalar.properties.lowercaseMapping
    }
    return result
  }
  /// A capital sigma that ends a word becomes a final one.
  private static func sigma(_ scalars: [Unicode.Scalar], _ position: Int) -> String {
    // Only the nearest characters count, else a row of sigmas would take quadratic time.
    let reach = 64
    let before = scalars[Swift.max(0, position - reach)..<position]
      .last { !$0.properties.isCaseIgnorable }
    let after = scalars[(position + 1)..<Swift.min(scalars.count, position + 1 + reach)]
      .first { !$0.properties.isCaseIgnorable }
    let isFinal =
      before?.properties.isCased == true && after?.properties.isCased != true
    return isFinal ? "\u{3C2}" : "\u{3C3}"
  }
  func capitalizedLikePython() -> String {
    guard let first = unicodeScalars.first else { return "" }
    let rest = String(unicodeScalars.dropFirst()).lowercasedLikePython()
    return first.properties.titlecaseMapping + rest
  }
  func titledLikePython() -> String {
    var result = ""
    var isInWord = false
    let lower =
      lowercasedLikePython().unicodeScalars.count == unicodeScalars.count
      ? Array(lowercasedLikePython().unicodeScalars) : []
    for (position, scalar) in unicodeScalars.enumerated() {
      if isInWord {
        result += lower.isEmpty ? scalar.properties.lowercaseMapping : String(lower[position])
      } else {
        result += scalar.properties.titlecaseMapping
      }
      isInWord = scalar.properties.isCased
    }
    return result
  }

  /// - Parameter set: what to strip, or nil for spaces.
  package func stripped(_ set: String?, start: Bool = true, end: Bool = true) -> String {
    let members = set.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool {
      members.map { $0.contains(scalar) } ?? scalar.isPythonSpace
    }
    var scalars = unicodeScalars[...]
    if start { scalars = scalars.drop(while: isStripped) }
    if end {
      while let last = scalars.last, isStripped(last) { scalars.removeLast() }
    }
    return String(scalars)
  }

  /// The lines without their ends, or with them.
  func linesLikePython(keepingEnds: Bool = false) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var rest = unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\n", "\r", "\u{B}", "\u{C}", "\u{1C}"..."\u{1E}", "\u{85}", "\u{2028}", "\u{2029}":
        if keepingEnds { line.append(scalar) }
        if scalar == "\r", rest.first == "\n" {
          rest.removeFirst()
          if keepingEnds { line.append("\n") }
        }
        lines.append(String(line))
        line = String.UnicodeScalarView()
      default: line.append(scalar)
      }
    }
    if !line.isEmpty { lines.append(String(line)) }
    return lines
  }
}
