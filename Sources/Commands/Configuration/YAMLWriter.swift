// A configuration tree back to YAML text, in the layout that PyYAML's `dump` gives `tune cat`: four
// columns a level, list items under their key, strings quoted only where they would read as
// something else.

package enum YAMLWriter {
  package static func text(of map: ConfigurationMap, sorted: Bool = false) -> String {
    var writer = Emitter(sorted: sorted)
    writer.emit(map, indent: 0)
    return writer.text
  }

  /// One value on one line, for messages.
  package static func inline(_ value: ConfigurationValue) -> String {
    switch value {
    case .list(let list): "[" + list.map { inline($0.value) }.joined(separator: ", ") + "]"
    case .map(let map):
      "{"
        + map.entries.map { "\(scalar(.string($0.key))): \(inline($0.node.value))" }
        .joined(separator: ", ") + "}"
    default: scalar(value)
    }
  }

  fileprivate static func scalar(_ value: ConfigurationValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .int(let number): String(number)
    case .double(let number): text(of: number)
    case .string(let string): quotedWhereNeeded(string)
    case .list, .map: inline(value)
    }
  }

  /// The shortest text that reads back as the same number: `2e-5`, not `2e-05`.
  private static func text(of number: Double) -> String {
    if number.isNaN { return ".nan" }
    if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
    let parts = String(number).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return String(number) }
    let mantissa = parts[0].hasSuffix(".0") ? parts[0].dropLast(2) : parts[0]
    return "\(mantissa)e\(exponent)"
  }

  private static func quotedWhereNeeded(_ string: String) -> String {
    if string.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) {
      return doubleQuoted(string)
    }
    return isPlain(string) ? string : "'" + string.replacing("'", with: "''") + "'"
  }

  private static func isPlain(_ string: String) -> Bool {
    guard let first = string.first, YAMLScalar.resolve(string) == .string(string),
      first != " ", string.last != " ", string.last != ":",
      !string.contains(": "), !string.contains(" #"), string != "=", string != "<<"
    else { return false }
    let second = string.dropFirst().first
    if "-?:".contains(first) { return second != nil && second != " " }
    return !",[]{}#&*!|>'\"%@`".contains(first)
  }

  private static func doubleQuoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\" + String(scalar)
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      case _ where scalar.value < 32 || scalar.value == 127:
        let hex = String(scalar.value, radix: 16, uppercase: true)
        text += "\\x" + (hex.count < 2 ? "0" : "") + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

private struct Emitter {
  let sorted: Bool
  var text = ""

  mutating func emit(_ map: ConfigurationMap, indent: Int, afterDash: Bool = false) {
    var entries = map.entries
    if sorted { entries.sort { $0.key < $1.key } }
    for (position, entry) in entries.enumerated() {
      let isOnDashLine = afterDash && position == 0
      text += isOnDashLine ? "" : String(repeating: " ", count: indent)
      text += YAMLWriter.scalar(.string(entry.key)) + ":"
      emit(entry.node.value, indent: indent)
    }
  }

  /// What follows `key:` or `-`, up to the end of its last line.
  private mutating func emit(_ value: ConfigurationValue, indent: Int) {
    switch value {
    case .map(let map) where !map.entries.isEmpty:
      text += "\n"
      emit(map, indent: indent + 4)
    case .list(let list) where !list.isEmpty:
      text += "\n"
      for element in list { emit(element.value, inListAt: indent) }
    default:
      text += " " + YAMLWriter.inline(value) + "\n"
    }
  }

  private mutating func emit(_ element: ConfigurationValue, inListAt indent: Int) {
    text += String(repeating: " ", count: indent) + "-"
    if case .map(let map) = element, !map.entries.isEmpty {
      text += "   "
      emit(map, indent: indent + 4, afterDash: true)
    } else {
      text += " " + YAMLWriter.inline(element) + "\n"
    }
  }
}
