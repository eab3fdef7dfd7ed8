// A pattern in Oniguruma's Ruby syntax, which tokenizer.json files are written in, as PCRE2 reads
// it. The two differ in what `\s`, `\w`, `\h` and `\v` stand for, in `(?m)`, in nested classes and
// in a `+` or `?` after an interval. A construct that has no counterpart is refused.
import Essentials

struct OnigurumaPattern {
  /// PCRE2 counts U+180E among the spaces, which Unicode has not done since version 6.3.
  private static let spaces =
    #"\t-\r\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"#
  private static let notSpaces =
    #"\x00-\x08\x0E-\x1F\x21-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}"#
    + #"\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}"#
  private static let word = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\xB2\xB3\xB9\xBC-\xBE"#
  private static let longNames = [
    "Letter": "L", "Mark": "M", "Number": "N", "Punctuation": "P", "Symbol": "S", "Separator": "Z",
    "Other": "C", "Digit": "Nd", "Alpha": "Alphabetic", "Upper": "Uppercase", "Lower": "Lowercase",
    "Punct": "P", "Cntrl": "Cc", "Space": "White_Space",
  ]
  /// What `[:name:]` stands for within a class.
  private static let bracketNames = [
    "alpha": #"\p{Alphabetic}"#, "alnum": #"\p{Alphabetic}\p{Nd}"#, "digit": #"\p{Nd}"#,
    "upper": #"\p{Uppercase}"#, "lower": #"\p{Lowercase}"#, "space": spaces, "word": word,
    "punct": #"\p{P}\p{S}"#, "cntrl": #"\p{Cc}"#, "xdigit": "0-9a-fA-F", "blank": #"\t\p{Zs}"#,
    "graph": #"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}"#,
    "print": #"\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}\p{Co}\p{Zs}"#,
  ]
  /// PCRE2 takes the bare name of a script for all characters that may be used with it.
  private static let scripts = Set(
    (ScriptTable.names.joined() + ScriptTable.otherNames.split(separator: " ").map { String($0) })
      .map { $0.lowercased() })

  private let source: [Unicode.Scalar]
  private let place: TuneError.Location
  private var position = 0
  private var output: [String] = []
  /// Where in `output` the last thing begins that a quantifier would repeat.
  private var atom: Int?
  private var groups: [Int] = []

  /// - Throws: `TuneError` `.unsupported` for a construct that PCRE2 has no counterpart of.
  static func translate(_ pattern: String, at place: TuneError.Location) throws -> String {
    var translator = OnigurumaPattern(pattern, at: place)
    try translator.run()
    return translator.output.joined()
  }

  private init(_ pattern: String, at place: TuneError.Location) {
    (source, self.place) = (Array(pattern.unicodeScalars), place)
  }

  private var peek: Unicode.Scalar? { position < source.count ? source[position] : nil }

  private mutating func run() throws {
    while let scalar = peek {
      position += 1
      switch scalar {
      case "\\": try emit(try escape())
      case "[": try emit(try characterClass())
      case "(": openGroup()
      case ")":
        atom = groups.popLast() ?? output.count
        output.append(")")
      case "{": quantifyInterval()
      case "*", "+", "?":
        output.append(String(scalar))
        if let next = peek, next == "+" || next == "?" {
          output.append(String(next))
          position += 1
        }
      case "|":
        output.append("|")
        atom = nil
      default: try emit(String(Character(scalar)))
      }
    }
  }

  private mutating func emit(_ text: String) throws {
    atom = output.count
    output.append(text)
  }

  /// `(`, or `(?` with what kind of group it is; `m` means there what `s` means to PCRE2.
  private mutating func openGroup() {
    groups.append(output.count)
    var text = "("
    if peek == "?" {
      text += "?"
      position += 1
      while let scalar = peek, "imx-".unicodeScalars.contains(scalar) {
        text += scalar == "m" ? "s" : String(scalar)
        position += 1
      }
      // A sign in one of these names is no quantifier.
      if let scalar = peek, ":=!<>#P".unicodeScalars.contains(scalar) {
        text += String(scalar)
        position += 1
      }
    }
    output.append(text)
    atom = nil
  }

  /// After `{`: an interval with what follows it, or a plain brace.
  private mutating func quantifyInterval() {
    var digits = ""
    var end = position
    while end < source.count, source[end] == "," || source[end].properties.numericType == .decimal {
      digits.unicodeScalars.append(source[end])
      end += 1
    }
    let commas = digits.unicodeScalars.filter { $0 == "," }.count
    guard let atom, end < source.count, source[end] == "}", commas <= 1, digits.count > commas
    else {
      output.append("\\{")
      self.atom = output.count - 1
      return
    }
    position = end + 1
    output.append("{" + (digits.hasPrefix(",") ? "0" : "") + digits + "}")
    // Ruby repeats the interval there; PCRE2 would take the sign for "possessive" or "lazy".
    if peek == "+" || peek == "?" && commas == 0 || peek == "*" {
      output[atom] = "(?:" + output[atom]
      output.append(")")
    } else if peek == "?" {
      output.append("?")
      position += 1
    }
  }

  /// After a backslash, outside of a class.
  private mutating func escape() throws -> String {
    guard let scalar = peek else { throw broken("it ends with a backslash") }
    position += 1
    switch scalar {
    case "s": return "[\(Self.spaces)]"
    case "S": return "[^\(Self.spaces)]"
    case "w": return "[\(Self.word)]"
    case "W": return "[^\(Self.word)]"
    case "h": return "[0-9a-fA-F]"
    case "H": return "[^0-9a-fA-F]"
    case "b", "B":
      let inside = "[\(Self.word)]"
      let edge =
        scalar == "b"
        ? "(?<!\(inside))(?=\(inside))|(?<=\(inside))(?!\(inside))"
        : "(?<=\(inside))(?=\(inside))|(?<!\(inside))(?!\(inside))"
      return "(?:\(edge))"
    default: return try commonEscape(scalar)
    }
  }

  /// An escape that means the same inside a class and outside of one.
  private mutating func commonEscape(_ scalar: Unicode.Scalar) throws -> String {
    switch scalar {
    case "v": return #"\x0B"#
    case "p", "P": return try property(scalar)
    case "u":
      let digits = String(String.UnicodeScalarView(source[position...].prefix(4)))
      guard let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil, digits.count == 4
      else { throw refusal(#"\u needs four hexadecimal digits"#) }
      position += 4
      return "\\x{\(digits)}"
    case "x" where peek != "{":
      let digits = source[position...].prefix(2).prefix { $0.properties.isASCIIHexDigit }
      let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16) ?? 0x80
      if value >= 0x80 { throw refusal(#"\x with bytes of a character is not supported"#) }
      position += digits.count
      return "\\x{\(String(value, radix: 16))}"
    default: return "\\" + String(Character(scalar))
    }
  }

  private mutating func property(_ letter: Unicode.Scalar) throws -> String {
    guard peek == "{", let end = source[position...].firstIndex(of: "}") else {
      return "\\" + String(letter)
    }
    var name = String(String.UnicodeScalarView(source[(position + 1)..<end]))
    position = end + 1
    let isNegated = name.hasPrefix("^")
    if isNegated { name.removeFirst() }
    let isScript = Self.scripts.contains(name.lowercased().filter { $0.isLetter })
    let translated = isScript ? "sc:" + name : Self.longNames[name] ?? name
    // Either sign negates; both together cancel.
    let sign = (letter == "P") != isNegated ? "P" : "p"
    return "\\\(sign){\(translated)}"
  }

  /// After `[`. A class within a class adds its characters.
  private mutating func characterClass() throws -> String {
    var text = "["
    if peek == "^" {
      text += "^"
      position += 1
    }
    if peek == "]" {
      text += "\\]"
      position += 1
    }
    var depth = 1
    while let scalar = peek {
      position += 1
      switch scalar {
      case "]":
        depth -= 1
        if depth == 0 { return text + "]" }
      case "[" where peek == ":":
        guard let end = source[position...].firstIndex(of: "]") else {
          throw broken("a class is not closed")
        }
        let name = String(String.UnicodeScalarView(source[(position + 1)..<end]))
        guard name.hasSuffix(":"), let members = Self.bracketNames[String(name.dropLast())] else {
          throw refusal("the class [:\(name)]")
        }
        text += members
        position = end + 1
      case "[":
        if peek == "^" || peek == "]" { throw refusal("a negated class within a class") }
        depth += 1
      case "&" where peek == "&": throw refusal("an intersection of classes")
      case "\\": text += try classEscape()
      default: text += String(Character(scalar))
      }
    }
    throw broken("a class is not closed")
  }

  private mutating func classEscape() throws -> String {
    guard let scalar = peek else { throw broken("it ends with a backslash") }
    position += 1
    switch scalar {
    case "s": return Self.spaces
    case "S": return Self.notSpaces
    case "w": return Self.word
    case "h": return "0-9a-fA-F"
    case "W", "H", "R", "X": throw refusal("\\\(scalar) within a class")
    default: return try commonEscape(scalar)
    }
  }

  private func broken(_ what: String) -> TuneError {
    TuneError(.malformedFile, "the pattern cannot be read: \(what)", at: place)
  }
  private func refusal(_ what: String) -> TuneError {
    TuneError(
      .unsupported, "the pattern cannot be read: \(what)",
      remedy: "Rewrite the pattern without it.", at: place)
  }
}
