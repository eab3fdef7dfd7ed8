// Python's two ways to put values into a text: `'%s' % value` and `'{}'.format(value)`.
import Essentials
import Foundation

extension Jinja {
  /// How one value is written: the part after `%` or `:`.
  struct FormatSpec {
    var fill: Unicode.Scalar = " "
    var alignment: Unicode.Scalar?
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var type: Unicode.Scalar?
    /// Bounds what a template may ask for.
    static let limit = 10_000

    /// `[[fill]align][sign][#][0][width][,][.precision][type]`
    init(_ text: String) throws {
      var rest = Array(text.unicodeScalars)[...]
      let alignments: [Unicode.Scalar] = ["<", ">", "=", "^"]
      if rest.count > 1, alignments.contains(rest[rest.startIndex + 1]) {
        (fill, alignment) = (rest.removeFirst(), rest.removeFirst())
      } else if let first = rest.first, alignments.contains(first) {
        alignment = rest.removeFirst()
      }
      if let first = rest.first, ["+", "-", " "].contains(first) { sign = rest.removeFirst() }
      if rest.first == "#" {
        isAlternate = true
        rest.removeFirst()
      }
      if rest.first == "0" {
        rest.removeFirst()
        if alignment == nil { (fill, alignment) = ("0", "=") }
      }
      width = try Self.number(&rest) ?? 0
      if rest.first == "," || rest.first == "_" { grouping = rest.removeFirst() }
      if rest.first == "." {
        rest.removeFirst()
        precision = try Self.number(&rest)
        if precision == nil { throw Failure(message: "Format specifier missing precision") }
      }
      type = rest.popFirst()
      if !rest.isEmpty { throw Failure(message: "Invalid format specifier '\(text)'") }
    }
    init() {}

    static func number(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> Int? {
      let digits = rest.prefix { $0.isASCIIDigit }
      if digits.isEmpty { return nil }
      rest = rest.dropFirst(digits.count)
      guard let number = Int(Lexer.string(digits)), number <= limit else {
        throw Failure(message: "a width or precision is larger than \(limit)")
      }
      return number
    }

    func padded(_ text: String, sign: String = "", standard: Unicode.Scalar) -> String {
      let missing = width - sign.count - text.unicodeScalars.count
      if missing <= 0 { return sign + text }
      func fills(_ count: Int) -> String { String(repeating: String(fill), count: count) }
      switch alignment ?? standard {
      case "<": return sign + text + fills(missing)
      case "^": return fills(missing / 2) + sign + text + fills(missing - missing / 2)
      case "=": return sign + fills(missing) + text
      default: return fills(missing) + sign + text
      }
    }

    func written(_ number: Double) throws -> String {
      let magnitude = number.magnitude
      let precision = precision ?? 6
      var text: String
      if !number.isFinite {
        text = number.isNaN ? "nan" : "inf"
      } else {
        switch type ?? "g" {
        case "f", "F": text = String(format: "%.\(precision)f", magnitude)
        case "e", "E": text = String(format: "%.\(precision)e", magnitude)
        case "g", "G": text = String(format: "%.\(precision)g", magnitude)
        case "%": text = String(format: "%.\(precision)f", magnitude * 100) + "%"
        default: throw Failure(message: "Unknown format code '\(type!)' for a float")
        }
      }
      if type == "E" || type == "G" { text = text.uppercased() }
      if grouping != nil { text = grouped(text) }
      return padded(text, sign: sign(number.sign == .minus && !number.isNaN), standard: ">")
    }
    func written(_ integer: Int) throws -> String {
      var text: String
      var prefix = ""
      switch type ?? "d" {
      case "d", "n", "i", "u": text = String(integer.magnitude)
      case "x": (prefix, text) = ("0x", String(integer.magnitude, radix: 16))
      case "X": (prefix, text) = ("0X", String(integer.magnitude, radix: 16, uppercase: true))
      case "o": (prefix, text) = ("0o", String(integer.magnitude, radix: 8))
      case "b": (prefix, text) = ("0b", String(integer.magnitude, radix: 2))
      case "c":
        guard let scalar = UInt32(exactly: integer).flatMap(Unicode.Scalar.init) else {
          throw Failure(message: "%c arg not in range(0x110000)")
        }
        return padded(String(scalar), standard: "<")
      default: return try written(Double(integer))
      }
      if grouping != nil { text = grouped(text) }
      return padded(
        text, sign: sign(integer < 0) + (isAlternate ? prefix : ""), standard: ">")
    }
    private func sign(_ isNegative: Bool) -> String {
      isNegative ? "-" : sign == "-" ? "" : String(sign)
    }
    private func grouped(_ text: String) -> String {
      let whole = text.prefix { $0.isNumber }
      var result = ""
      for (position, digit) in whole.enumerated() {
        if position > 0, (whole.count - position) % 3 == 0 {
          result.unicodeScalars.append(grouping!)
        }
        result.append(digit)
      }
      return result + text.dropFirst(whole.count)
    }
  }
}

extension Jinja.Interpreter {
  /// Python's `format % arguments`.
  func printf(_ format: String, _ arguments: Value) throws -> String {
    try charge(bytes: format.utf8.count)
    var isTuple = false
    if case .tuple = arguments { isTuple = true }
    var values = try (isTuple ? array(arguments) : [arguments])[...]
    var isNamed = false
    var result = ""
    var rest = Array(format.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var name: String?
      if rest.first == "(" {
        guard let end = rest.firstIndex(of: ")") else {
          throw Failure(message: "incomplete format key")
        }
        name = Jinja.Lexer.string(rest[(rest.startIndex + 1)..<end])
        rest = rest[(end + 1)...]
        isNamed = true
      }
      let spec = try printfSpec(&rest)
      if spec.type == "%" {
        result += "%"
        continue
      }
      let value: Value
      if let name {
        guard case .dictionary(let dictionary) = arguments else {
          throw Failure(message: "format requires a mapping")
        }
        guard let found = dictionary.value(of: name) else {
          throw Failure(message: "the key '\(name)' of a format is missing")
        }
        value = found
      } else {
        guard let next = values.popFirst() else {
          throw Failure(message: "not enough arguments for format string")
        }
        value = next
      }
      try append(try written(value, spec), to: &result)
    }
    var isMapping = isNamed
    switch arguments {
    case .dictionary, .list, .undefined: isMapping = true
    default: break
    }
    if !values.isEmpty, !isMapping {
      throw Failure(message: "not all arguments converted during string formatting")
    }
    return result
  }

  private func printfSpec(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> Jinja.FormatSpec {
    var spec = Jinja.FormatSpec()
    spec.alignment = ">"
    while let flag = rest.first, ["-", "+", " ", "0", "#"].contains(flag) {
      rest.removeFirst()
      switch flag {
      case "-": spec.alignment = "<"
      case "0": if spec.alignment != "<" { (spec.alignment, spec.fill) = ("=", "0") }
      case "#": spec.isAlternate = true
      default: if spec.sign != "+" { spec.sign = flag }
      }
    }
    if spec.alignment == "<" { spec.fill = " " }
    spec.width = try Jinja.FormatSpec.number(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      spec.precision = try Jinja.FormatSpec.number(&rest) ?? 0
    }
    while let mark = rest.first, ["h", "l", "L"].contains(mark) { rest.removeFirst() }
    guard let type = rest.popFirst() else { throw Failure(message: "incomplete format") }
    spec.type = type
    return spec
  }

  private func written(_ value: Value, _ spec: Jinja.FormatSpec) throws -> String {
    var spec = spec
    func isNumber() throws {
      if case .undefined(let message) = value { throw Failure(message: message) }
      if value.number == nil {
        throw Failure(message: "%\(spec.type!) format: a number is required, not \(value.type)")
      }
    }
    switch spec.type {
    case "s", "r", "a":
      if spec.type == "a" { throw Failure(message: "%a is not supported", code: .unsupported) }
      if spec.fill == "0" { (spec.fill, spec.alignment) = (" ", ">") }
      var text = try spec.type == "s" ? self.text(of: value) : representation(value)
      if let precision = spec.precision {
        text = Jinja.Lexer.string(Array(text.unicodeScalars.prefix(precision))[...])
      }
      return spec.padded(text, standard: ">")
    case "d", "i", "u":
      try isNumber()
      spec.type = "d"
      guard
        let integer = value.integer
          ?? value.number.flatMap({ Int(exactly: $0.rounded(.towardZero)) })
      else { throw Failure(message: "cannot convert a float to an integer") }
      return try spec.written(integer)
    case "x", "X", "o":
      guard let integer = value.integer else {
        throw Failure(message: "%\(spec.type!) format: an integer is required, not \(value.type)")
      }
      return try spec.written(integer)
    case "e", "E", "f", "F", "g", "G":
      try isNumber()
      return try spec.written(value.number!)
    case "c":
      if let text = value.text, text.unicodeScalars.count == 1 {
        return spec.padded(text, standard: ">")
      }
      return try spec.written(try integer(value, "%c"))
    default: throw Failure(message: "unsupported format character '\(spec.type!)'")
    }
  }

  /// Python's `text.format(...)`.
  func format(_ text: String, _ call: Call) throws -> String {
    var result = ""
    var next = 0
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      if (scalar == "{" || scalar == "}") && rest.first == scalar {
        rest.removeFirst()
        result.unicodeScalars.append(scalar)
      } else if scalar == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          throw Failure(message: "expected '}' before end of string")
        }
        let field = rest[..<end]
        if field.contains("{") {
          throw Failure(message: "nested format fields are not supported", code: .unsupported)
        }
        rest = rest[(end + 1)...]
        try append(try self.field(field, call, &next), to: &result)
      } else if scalar == "}" {
        throw Failure(message: "Single '}' encountered in format string")
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private func field(
    _ field: ArraySlice<Unicode.Scalar>, _ call: Call, _ next: inout Int
  ) throws -> String {
    let colon = field.firstIndex(of: ":") ?? field.endIndex
    var name = field[..<colon]
    let spec = Jinja.Lexer.string(field[min(colon + 1, field.endIndex)...])
    var conversion: Unicode.Scalar?
    if let mark = name.firstIndex(of: "!") {
      guard name.endIndex == mark + 2 else { throw Failure(message: "a broken conversion '!'") }
      conversion = name[mark + 1]
      name = name[..<mark]
    }
    var value = try argument(name.prefix { $0 != "." && $0 != "[" }, call, &next)
    var path = name.drop { $0 != "." && $0 != "[" }
    while let mark = path.popFirst() {
      if mark == "." {
        let part = path.prefix { $0 != "." && $0 != "[" }
        path = path.dropFirst(part.count)
        value = try attribute(Jinja.Lexer.string(part), of: value)
      } else {
        guard mark == "[", let end = path.firstIndex(of: "]") else {
          throw Failure(message: "a broken field '\(Jinja.Lexer.string(name))'")
        }
        let part = Jinja.Lexer.string(path[..<end])
        path = path[(end + 1)...]
        value = try item(Int(part).map(Value.integer) ?? .string(part), of: value)
      }
    }
    switch conversion {
    case nil: break
    case "s": value = .string(try text(of: value))
    case "r": value = .string(try representation(value))
    default: throw Failure(message: "the conversion '!\(conversion!)' is not supported")
    }
    return try written(value, spec)
  }

  private func argument(
    _ name: ArraySlice<Unicode.Scalar>, _ call: Call, _ next: inout Int
  ) throws -> Value {
    let text = Jinja.Lexer.string(name)
    var index = Int(text)
    if text.isEmpty {
      if next < 0 {
        throw Failure(message: "cannot switch from manual field numbering to automatic")
      }
      index = next
      next += 1
    } else if index != nil {
      if next > 0 {
        throw Failure(message: "cannot switch from automatic field numbering to manual")
      }
      next = -1
    }
    if let index {
      guard call.positional.indices.contains(index) else {
        throw Failure(message: "replacement index \(index) out of range for positional arguments")
      }
      return call.positional[index]
    }
    guard let value = call.named.first(where: { $0.name.isExactly(text) })?.value else {
      throw Failure(message: "the argument '\(text)' of a format is missing")
    }
    return value
  }

  private func written(_ value: Value, _ spec: String) throws -> String {
    if spec.isEmpty { return try text(of: value) }
    let parsed = try Jinja.FormatSpec(spec)
    if let text = value.text {
      guard parsed.type == nil || parsed.type == "s", parsed.grouping == nil else {
        throw Failure(message: "Unknown format code for object of type 'str'")
      }
      if parsed.alignment == "=" && parsed.fill != "0" {
        throw Failure(message: "'=' alignment not allowed in string format specifier")
      }
      var shown = parsed
      if shown.alignment == "=" { shown.alignment = "<" }
      let kept = parsed.precision.map {
        Jinja.Lexer.string(Array(text.unicodeScalars.prefix($0))[...])
      }
      return shown.padded(kept ?? text, standard: "<")
    }
    if case .float(let number) = value {
      guard parsed.type != nil else {
        throw Failure(
          message: "a float's format needs a type", code: .unsupported, remedy: "Add 'f'.")
      }
      return try parsed.written(number)
    }
    if let integer = value.integer {
      if case .bool = value, parsed.type == nil {
        throw Failure(message: "a format of a boolean is not supported", code: .unsupported)
      }
      if parsed.precision != nil, !"eEfFgG%".unicodeScalars.contains(parsed.type ?? "d") {
        throw Failure(message: "Precision not allowed in integer format specifier")
      }
      return try parsed.written(integer)
    }
    throw Failure(message: "unsupported format string passed to \(value.type).__format__")
  }
}
