// Cuts a template into data and the tokens of its tags, with Jinja's rules for whitespace: `-` strips
// it, a block's line break and indentation vanish (trim_blocks, lstrip_blocks), `+` keeps both.
import Essentials

extension Jinja {
  struct Token: Sendable {
    enum Kind: Sendable, Equatable {
      case data(String)
      case variableBegin, variableEnd, blockBegin, blockEnd
      case name(String)
      case string(String)
      case integer(Int)
      case float(Double)
      case symbol(String)
      case end
    }
    var kind: Kind
    var line: Int
  }

  struct Lexer {
    private let source: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Whether what was read last ended with a line break, or nothing was read yet.
    private var isLineStart = true
    private static let symbols: [[Unicode.Scalar]] =
      ["**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{"]
      .map { Array($0.unicodeScalars) }
      + ["}", ">", "<", "=", ".", ":", "|", ",", ";"].map { Array($0.unicodeScalars) }

    /// - Throws: `Failure` with a line.
    static func tokens(of text: String) throws -> [Token] {
      var lexer = Lexer(text)
      try lexer.run()
      lexer.tokens.append(Token(kind: .end, line: lexer.line))
      return lexer.tokens
    }

    private init(_ text: String) {
      var scalars: [Unicode.Scalar] = []
      scalars.reserveCapacity(text.utf8.count)
      var wasReturn = false
      for scalar in text.unicodeScalars {
        if scalar == "\r" {
          scalars.append("\n")
        } else if scalar != "\n" || !wasReturn {
          scalars.append(scalar)
        }
        wasReturn = scalar == "\r"
      }
      if scalars.last == "\n" { scalars.removeLast() }
      source = scalars
    }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
      position + offset < source.count ? source[position + offset] : nil
    }
    private func has(_ text: String, at place: Int) -> Bool {
      var place = place
      for scalar in text.unicodeScalars {
        guard place < source.count, source[place] == scalar else { return false }
        place += 1
      }
      return true
    }
    private func failure(_ message: String, line: Int? = nil) -> Failure {
      Failure(message: message, line: line ?? self.line)
    }

    private mutating func run() throws {
      while position < source.count {
        guard let start = nextTag(from: position) else {
          data(source[position...])
          break
        }
        try tag(at: start)
      }
    }

    private func nextTag(from place: Int) -> Int? {
      var place = place
      while place + 1 < source.count {
        if source[place] == "{", [Unicode.Scalar("%"), "{", "#"].contains(source[place + 1]) {
          return place
        }
        place += 1
      }
      return nil
    }

    private mutating func data(_ scalars: ArraySlice<Unicode.Scalar>) {
      if !scalars.isEmpty { tokens.append(Token(kind: .data(Self.string(scalars)), line: line)) }
    }

    /// The data before a tag, and the tag.
    private mutating func tag(at start: Int) throws {
      let kind = source[start + 1]
      let sign = start + 2 < source.count ? source[start + 2] : " "
      let isSigned = sign == "-" || sign == "+"
      data(stripped(source[position..<start], sign: sign, isVariable: kind == "{"))
      advance(to: start + (isSigned ? 3 : 2))
      switch kind {
      case "#": try comment()
      case "%":
        if let body = rawBody() {
          advance(to: body)
          try raw()
        } else {
          tokens.append(Token(kind: .blockBegin, line: line))
          try inside(closing: "%}", end: .blockEnd)
        }
      default:
        tokens.append(Token(kind: .variableBegin, line: line))
        try inside(closing: "}}", end: .variableEnd)
      }
    }

    private func stripped(
      _ text: ArraySlice<Unicode.Scalar>, sign: Unicode.Scalar, isVariable: Bool
    ) -> ArraySlice<Unicode.Scalar> {
      if sign == "-" {
        let last = text.lastIndex { !$0.isPythonSpace }
        return text[text.startIndex..<(last.map { $0 + 1 } ?? text.startIndex)]
      }
      if sign == "+" || isVariable { return text }
      let lineBreak = text.lastIndex(of: "\n")
      let start = lineBreak.map { $0 + 1 } ?? text.startIndex
      guard lineBreak != nil || isLineStart, text[start...].allSatisfy(\.isPythonSpace)
      else { return text }
      return text[..<start]
    }

    private mutating func advance(to place: Int) {
      for scalar in source[position..<place] where scalar == "\n" { line += 1 }
      if place > position { isLineStart = source[place - 1] == "\n" }
      position = place
    }
    private func afterSpaces(_ place: Int) -> Int {
      var place = place
      while place < source.count, source[place].isPythonSpace { place += 1 }
      return place
    }

    /// Where a tag's end at `place` ends, with the whitespace that goes with it.
    private func end(_ closing: String, at place: Int, trims: Bool = true) -> Int? {
      if has("-" + closing, at: place) { return afterSpaces(place + 3) }
      if trims, has("+" + closing, at: place) { return place + 3 }
      guard has(closing, at: place) else { return nil }
      return trims && has("\n", at: place + 2) ? place + 3 : place + 2
    }

    private mutating func comment() throws {
      let start = line
      for place in position..<source.count {
        if let end = end("#}", at: place) { return advance(to: end) }
      }
      throw failure("a comment is not closed", line: start)
    }

    /// Where a raw block's text begins, if this tag opens one.
    private func rawBody() -> Int? {
      let word = afterSpaces(position)
      guard has("raw", at: word) else { return nil }
      let place = afterSpaces(word + 3)
      if has("-%}", at: place) { return afterSpaces(place + 3) }
      return has("%}", at: place) ? place + 2 : nil
    }
    private mutating func raw() throws {
      let opening = line
      for place in position..<source.count where has("{%", at: place) {
        let sign = place + 2 < source.count ? source[place + 2] : " "
        let word = afterSpaces(place + (sign == "-" || sign == "+" ? 3 : 2))
        guard has("endraw", at: word), let end = end("%}", at: afterSpaces(word + 6))
        else { continue }
        data(stripped(source[position..<place], sign: sign, isVariable: false))
        return advance(to: end)
      }
      throw failure("a raw block is not closed", line: opening)
    }

    /// The tokens of one tag.
    private mutating func inside(closing: String, end kind: Token.Kind) throws {
      let opening = line
      var brackets: [Unicode.Scalar] = []
      while let scalar = peek() {
        if brackets.isEmpty, let end = end(closing, at: position, trims: closing == "%}") {
          tokens.append(Token(kind: kind, line: line))
          return advance(to: end)
        }
        if scalar.isPythonSpace {
          advance(to: afterSpaces(position))
        } else if scalar.isDigit {
          try number()
        } else if scalar.isWord {
          name()
        } else if scalar == "'" || scalar == "\"" {
          try string(scalar)
        } else {
          try symbol(&brackets)
        }
      }
      throw failure("a tag is not closed with '\(closing)'", line: opening)
    }

    private mutating func name() {
      var end = position
      while end < source.count, source[end].isWord { end += 1 }
      tokens.append(Token(kind: .name(Self.string(source[position..<end])), line: line))
      advance(to: end)
    }

    private mutating func symbol(_ brackets: inout [Unicode.Scalar]) throws {
      guard let symbol = Self.symbols.first(where: { source[position...].starts(with: $0) }) else {
        throw failure("unexpected character '\(source[position])'")
      }
      switch symbol[0] {
      case "{": brackets.append("}")
      case "(": brackets.append(")")
      case "[": brackets.append("]")
      case "}", ")", "]":
        guard brackets.popLast() == symbol[0] else { throw failure("unexpected '\(symbol[0])'") }
      default: break
      }
      if brackets.count > Limits.nesting { throw failure("brackets are nested too deeply") }
      tokens.append(Token(kind: .symbol(Self.string(symbol[...])), line: line))
      advance(to: position + symbol.count)
    }

    static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars)
      return String(view)
    }
  }
}

extension Jinja.Lexer {
  /// Digits with single underscores between them, from `place` on: where they end.
  private func digits(from place: Int, _ isDigit: (Unicode.Scalar) -> Bool) -> Int {
    var end = place
    while end < source.count {
      if isDigit(source[end]) {
        end += 1
      } else if source[end] == "_", end > place, end + 1 < source.count, isDigit(source[end + 1]) {
        end += 2
      } else {
        break
      }
    }
    return end
  }

  private mutating func number() throws {
    let whole = digits(from: position) { $0.isDigit }
    var end = whole
    let followsDot = position > 0 && source[position - 1] == "."
    if !followsDot, has(".", at: end), end + 1 < source.count, source[end + 1].isDigit {
      end = digits(from: end + 1) { $0.isDigit }
    }
    if !followsDot, has("e", at: end) || has("E", at: end) {
      let signed = has("+", at: end + 1) || has("-", at: end + 1) ? end + 2 : end + 1
      let exponent = digits(from: signed) { $0.isDigit }
      if exponent > signed { end = exponent }
    }
    if end > whole {
      let text = Self.string(source[position..<end]).filter { $0 != "_" }
      tokens.append(Jinja.Token(kind: .float(Double(text) ?? .infinity), line: line))
      return advance(to: end)
    }
    try integer(whole)
  }

  private mutating func integer(_ decimalEnd: Int) throws {
    var (start, end, radix) = (position, decimalEnd, 10)
    if source[position] == "0" {
      let bases: [(Unicode.Scalar, Int)] = [("x", 16), ("o", 8), ("b", 2)]
      let mark = peek(1).map { Unicode.Scalar($0.value | 0x20) ?? $0 }
      if let (_, base) = bases.first(where: { $0.0 == mark }) {
        let limit = digits(from: position + 2) {
          $0.isASCII && Character($0).hexDigitValue.map { $0 < base } == true
        }
        if limit > position + 2 { (start, end, radix) = (position + 2, limit, base) }
      }
      // As in Jinja, 007 is three numbers, which no expression may hold.
      if radix == 10 { end = digits(from: position) { $0 == "0" } }
    }
    let text = Self.string(source[start..<end]).filter { $0 != "_" }
    guard let value = Int(text, radix: radix) else {
      throw failure("the number \(text.prefix(30)) is too large")
    }
    tokens.append(Jinja.Token(kind: .integer(value), line: line))
    advance(to: end)
  }

  private mutating func string(_ quote: Unicode.Scalar) throws {
    var end = position + 1
    while end < source.count, source[end] != quote { end += source[end] == "\\" ? 2 : 1 }
    guard end < source.count else { throw failure("a string is not closed") }
    let text = try unescaped(source[position + 1..<end])
    tokens.append(Jinja.Token(kind: .string(text), line: line))
    advance(to: end + 1)
  }

  /// Python's escapes; an unknown one stays as it is.
  private func unescaped(_ text: ArraySlice<Unicode.Scalar>) throws -> String {
    guard text.contains("\\") else { return Self.string(text) }
    let simple: [Unicode.Scalar: Unicode.Scalar] = [
      "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}",
      "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
    ]
    var result: [Unicode.Scalar] = []
    var rest = text
    while let scalar = rest.popFirst() {
      guard scalar == "\\", let mark = rest.popFirst() else {
        result.append(scalar)
        continue
      }
      if let plain = simple[mark] {
        result.append(plain)
      } else if mark == "\n" {
        continue
      } else if let count = ["x": 2, "u": 4, "U": 8][mark] {
        let digits = rest.prefix(count)
        rest = rest.dropFirst(count)
        guard digits.count == count, digits.allSatisfy({ $0.isASCII }),
          let value = UInt32(Self.string(digits), radix: 16), let scalar = Unicode.Scalar(value)
        else { throw failure("a string has a broken \\\(mark) escape") }
        result.append(scalar)
      } else if ("0"..."7").contains(mark) {
        let digits = [mark] + rest.prefix(2).prefix { ("0"..."7").contains($0) }
        rest = rest.dropFirst(digits.count - 1)
        result.append(Unicode.Scalar(UInt32(Self.string(digits[...]), radix: 8)!)!)
      } else if mark == "N" {
        throw failure("\\N escapes are not supported")
      } else {
        result += ["\\", mark]
      }
    }
    return Self.string(result[...])
  }
}

extension Unicode.Scalar {
  fileprivate var isDigit: Bool { (0x30...0x39).contains(value) }
  /// What Python's `\w` matches.
  var isWord: Bool {
    if isASCII { return self == "_" || isDigit || (0x61...0x7A).contains(value | 0x20) }
    return isPythonLetter || properties.numericType != nil
  }
}
