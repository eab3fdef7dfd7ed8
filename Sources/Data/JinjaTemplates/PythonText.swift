// How Python prints values: `str`, `repr`, and JSON as `json.dumps` writes it.
import Essentials
import Foundation

extension Jinja.Interpreter {
  /// Python's `str`.
  func text(of value: Value) throws -> String {
    switch value {
    case .undefined: ""
    case .string(let text), .markup(let text): text
    default: try representation(value)
    }
  }

  /// Python's `repr`.
  func representation(_ value: Value) throws -> String {
    var text = ""
    try represent(value, into: &text)
    return text
  }

  private func represent(_ value: Value, into text: inout String) throws {
    switch value {
    case .undefined: try append("Undefined", to: &text)
    case .none: try append("None", to: &text)
    case .bool(let value): try append(value ? "True" : "False", to: &text)
    case .integer(let value): try append(String(value), to: &text)
    case .float(let value): try append(value.python, to: &text)
    case .string(let value): try append(value.pythonQuoted, to: &text)
    case .markup(let value): try append("Markup(\(value.pythonQuoted))", to: &text)
    case .list(let list): try represent(list.items, "[", "]", into: &text)
    case .tuple(let list):
      try represent(list.items, "(", list.items.count == 1 ? ",)" : ")", into: &text)
    case .dictionary(let dictionary): try represent(dictionary, into: &text)
    case .view(_, let view):
      try append("dict_\(view.rawValue)(", to: &text)
      try represent(try array(value), "[", "]", into: &text)
      try append(")", to: &text)
    case .range(let range):
      let step = range.step == 1 ? "" : ", \(range.step)"
      try append("range(\(range.start), \(range.stop)\(step))", to: &text)
    // Python writes their address in memory.
    case .iterator, .function:
      throw Failure(message: "a \(value.type) cannot be printed", remedy: "Add '| list'.")
    case .object(let object): try deeper { try append(try object.text(self), to: &text) }
    }
  }
  private func represent(
    _ items: [Value], _ opening: String, _ closing: String, into text: inout String
  ) throws {
    try deeper {
      try append(opening, to: &text)
      for (position, item) in items.enumerated() {
        if position > 0 { try append(", ", to: &text) }
        try represent(item, into: &text)
      }
      try append(closing, to: &text)
    }
  }
  private func represent(_ dictionary: Jinja.Dictionary, into text: inout String) throws {
    try deeper {
      try append("{", to: &text)
      for (position, (key, value)) in zip(dictionary.keys, dictionary.values).enumerated() {
        if position > 0 { try append(", ", to: &text) }
        try represent(key, into: &text)
        try append(": ", to: &text)
        try represent(value, into: &text)
      }
      try append("}", to: &text)
    }
  }
}

extension Jinja {
  /// `json.dumps` with the options that transformers' `tojson` takes.
  struct JSONWriter {
    let interpreter: Interpreter
    var isASCII = false
    /// One level of indentation, or nil for all on one line.
    var indentation: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
    private(set) var text = ""

    init(_ interpreter: Interpreter) { self.interpreter = interpreter }

    mutating func write(_ value: Value, level: Int = 0) throws {
      switch value {
      case .none: try append("null")
      case .bool(let value): try append(value ? "true" : "false")
      case .integer(let value): try append(String(value))
      case .float(let value): try append(value.json)
      case .string(let value), .markup(let value): try append(quoted(value))
      case .list(let list), .tuple(let list):
        try writeList("[", "]", list.items, level) { writer, item in
          try writer.write(item, level: level + 1)
        }
      case .dictionary(let dictionary):
        var entries = Array(zip(dictionary.keys, dictionary.values))
        if sortsKeys {
          entries = try interpreter.sorted(entries) { [interpreter] in
            try interpreter.isLess($0.0, $1.0)
          }
        }
        try writeList("{", "}", entries, level) { writer, entry in
          try writer.append(try writer.key(entry.0))
          try writer.append(writer.keySeparator)
          try writer.write(entry.1, level: level + 1)
        }
      default:
        throw Failure(message: "Object of type \(value.type) is not JSON serializable")
      }
    }

    private mutating func append(_ more: String) throws {
      try interpreter.append(more, to: &text)
    }

    private mutating func writeList<Element>(
      _ opening: String, _ closing: String, _ elements: [Element], _ level: Int,
      _ body: (inout JSONWriter, Element) throws -> Void
    ) throws {
      try append(opening)
      for (position, element) in elements.enumerated() {
        if position > 0 { try append(itemSeparator) }
        try breakLine(level + 1)
        try body(&self, element)
      }
      if !elements.isEmpty { try breakLine(level) }
      try append(closing)
    }
    private mutating func breakLine(_ level: Int) throws {
      guard let indentation else { return }
      try append("\n")
      for _ in 0..<level { try append(indentation) }
    }

    private func key(_ key: Value) throws -> String {
      switch key {
      case .string(let text), .markup(let text): return quoted(text)
      case .none: return "\"null\""
      case .bool(let value): return value ? "\"true\"" : "\"false\""
      case .integer(let value): return "\"\(value)\""
      case .float(let value): return "\"\(value.json)\""
      default:
        throw Failure(
          message: "keys must be str, int, float, bool or None, not \(key.type)")
      }
    }

    private func quoted(_ value: String) -> String {
      var text = "\""
      for scalar in value.unicodeScalars {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case "\u{8}": text += "\\b"
        case "\u{C}": text += "\\f"
        case "\u{0}"..<"\u{20}": text += "\\u" + UInt16(scalar.value).fourDigits
        default:
          if isASCII, scalar.value > 0x7E {
            for unit in Swift.String(scalar).utf16 { text += "\\u" + unit.fourDigits }
          } else {
            text.unicodeScalars.append(scalar)
          }
        }
      }
      return text + "\""
    }
  }
}

extension UInt16 {
  fileprivate var fourDigits: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: 4 - digits.count) + digits
  }
}

extension Double {
  /// Python's `repr`: the shortest digits that give the number back.
  var python: String {
    if isNaN { return "nan" }
    if isInfinite { return self < 0 ? "-inf" : "inf" }
    let (digits, exponent) = shortestDigits
    let sign = self.sign == .minus ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let rest = digits.dropFirst()
      let power = Swift.String(abs(exponent))
      return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest)
        + (exponent < 0 ? "e-" : "e+") + (power.utf8.count < 2 ? "0" : "") + power
    }
    if exponent < 0 {
      return sign + "0." + Swift.String(repeating: "0", count: -exponent - 1) + digits
    }
    let whole = digits.prefix(exponent + 1)
    let zeros = Swift.String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let rest = digits.dropFirst(exponent + 1)
    return sign + whole + zeros + "." + (rest.isEmpty ? "0" : rest)
  }
  var json: String {
    isNaN ? "NaN" : isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : python
  }

  /// The digits without leading and trailing zeros, and the power of ten of the first.
  private var shortestDigits: (digits: String, exponent: Int) {
    let parts = magnitude.description.split(separator: "e")
    let number = parts[0].split(separator: ".")
    var digits = number.joined()
    var exponent = number[0].utf8.count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.hasPrefix("0"), digits.utf8.count > 1 {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.hasSuffix("0"), digits.utf8.count > 1 { digits.removeLast() }
    return digits == "0" ? ("0", 0) : (digits, exponent)
  }
}

extension String {
  /// Python's `repr` of a text.
  var pythonQuoted: String {
    let quote: Unicode.Scalar =
      unicodeScalars.contains("'") && !unicodeScalars.contains("\"") ? "\"" : "'"
    var text = String(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case quote, "\\": text += "\\" + String(scalar)
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      default:
        if scalar.isPythonPrintable {
          text.unicodeScalars.append(scalar)
          continue
        }
        let digits = String(scalar.value, radix: 16)
        let (mark, width) =
          scalar.value < 0x100 ? ("\\x", 2) : scalar.value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
        text += mark + String(repeating: "0", count: width - digits.count) + digits
      }
    }
    text.unicodeScalars.append(quote)
    return text
  }
}

extension Unicode.Scalar {
  var isPythonPrintable: Bool {
    if isASCII { return value >= 0x20 && value < 0x7F }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
  /// What Python's `isalpha` accepts.
  var isPythonLetter: Bool {
    if isASCII { return (0x61...0x7A).contains(value | 0x20) }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return true
    default: return false
    }
  }
}
