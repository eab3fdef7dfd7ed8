// JSON written as text: keys in their order, all but control characters as they are, in UTF-8.
import Foundation

extension JSON {
  /// - Parameter indented: two spaces a level and a line an entry, else all on one line.
  package func text(indented: Bool = false) -> String {
    var text = ""
    write(into: &text, indentation: indented ? "\n" : nil)
    return text
  }

  /// `indentation` is a line break and the spaces of the enclosing level, or nil for one line.
  private func write(into text: inout String, indentation: String?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    // JSON has no infinities: a reader would refuse the whole file.
    case .number(let value): text += value.isFinite ? value.description : "null"
    case .string(let value): Self.quote(value, into: &text)
    case .array(let elements):
      Self.writeList("[", "]", elements, into: &text, indentation) { element, text, inner in
        element.write(into: &text, indentation: inner)
      }
    case .object(let object):
      Self.writeList("{", "}", Array(object), into: &text, indentation) { entry, text, inner in
        Self.quote(entry.key, into: &text)
        text += inner == nil ? ":" : ": "
        entry.value.write(into: &text, indentation: inner)
      }
    }
  }

  private static func writeList<Element>(
    _ opening: String, _ closing: String, _ elements: [Element], into text: inout String,
    _ indentation: String?, _ body: (Element, inout String, String?) -> Void
  ) {
    text += opening
    let inner = indentation.map { $0 + "  " }
    for (position, element) in elements.enumerated() {
      if position > 0 { text += "," }
      text += inner ?? ""
      body(element, &text, inner)
    }
    if !elements.isEmpty { text += indentation ?? "" }
    text += closing
  }

  private static func quote(_ value: String, into text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}", "\u{7F}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
