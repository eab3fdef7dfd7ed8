// Jinja's filters: the table, and those of texts and numbers.
import Essentials
import Foundation

extension Jinja {
  typealias Filter = @Sendable (Interpreter, Value, Call) throws -> Value

  enum Filters {
    static let named: [String: Filter] = ofTexts.merging(ofNumbers) { first, _ in first }
      .merging(ofLists) { first, _ in first }.merging(ofElements) { first, _ in first }
      .merging(refused) { first, _ in first }

    static func unknown(_ name: String, line: Int) -> Failure {
      Failure(
        message: "unknown filter '\(name)'",
        remedy: nearestName(to: name, among: named.keys.sorted()).map { "Did you mean '\($0)'?" },
        line: line)
    }

    /// Filters that Jinja has, but whose result is random or not worth its code here.
    private static let refused: [String: Filter] = Swift.Dictionary(
      uniqueKeysWithValues: ["random", "urlize", "wordwrap"].map { ($0, refusal(of: $0)) })
    private static func refusal(of name: String) -> Filter {
      { _, _, _ in
        throw Failure(message: "the filter '\(name)' is not supported", code: .unsupported)
      }
    }

    /// A filter of a value's text without arguments.
    private static func plain(
      _ name: String, _ body: @escaping @Sendable (String) -> String
    ) -> Filter {
      { interpreter, value, call in
        _ = try interpreter.bind(call, name, [])
        let text = try interpreter.text(of: value)
        try interpreter.charge(bytes: text.utf8.count)
        let result = body(text)
        if case .markup = value { return .markup(result) }
        return .string(result)
      }
    }
    private static func escape(_ name: String, isForced: Bool) -> Filter {
      { interpreter, value, call in
        _ = try interpreter.bind(call, name, [])
        if case .markup = value, !isForced { return value }
        return .markup(try interpreter.escaped(.string(try interpreter.text(of: value))))
      }
    }

    private static let ofTexts: [String: Filter] = [
      "upper": plain("upper") { $0.uppercased() },
      "lower": plain("lower") { $0.lowercasedLikePython() },
      "capitalize": plain("capitalize") { $0.capitalizedLikePython() },
      "title": plain("title") { $0.titledLikeJinja },
      "string": plain("string") { $0 },
      "e": escape("e", isForced: false),
      "escape": escape("escape", isForced: false),
      "forceescape": escape("forceescape", isForced: true),
      "safe": { interpreter, value, call in
        _ = try interpreter.bind(call, "safe", [])
        return .markup(try interpreter.text(of: value))
      },
      "trim": { interpreter, value, call in
        let values = try interpreter.bind(call, "trim", ["chars"], required: 0)
        let text = try interpreter.text(of: value)
        try interpreter.charge(bytes: text.utf8.count)
        let result = text.stripped(try interpreter.optionalText(values[0], "trim's argument"))
        if case .markup = value { return .markup(result) }
        return .string(result)
      },
      "replace": { interpreter, value, call in
        let values = try interpreter.bind(call, "replace", ["old", "new", "count"], required: 2)
        return .string(
          try interpreter.replace(
            try interpreter.text(of: values[0]!), try interpreter.text(of: values[1]!),
            in: try interpreter.text(of: value),
            try interpreter.integer(values[2], "the count", standard: -1)))
      },
      "center": { interpreter, value, call in
        let values = try interpreter.bind(call, "center", ["width"], required: 0)
        let width = try interpreter.integer(values[0], "the width", standard: 80)
        return .string(
          try interpreter.padded(try interpreter.text(of: value), to: width, with: " ") {
            $0 / 2 + ($0 & $1 & 1)
          })
      },
      "format": { interpreter, value, call in
        if !call.positional.isEmpty, !call.named.isEmpty {
          throw Failure(message: "format takes arguments by position or by name, not both")
        }
        let arguments: Value =
          call.named.isEmpty
          ? try interpreter.list(call.positional, isTuple: true)
          : .dictionary(Dictionary(named: call.named.map { ($0.name, $0.value) }))
        return try interpreter.string(
          try interpreter.printf(try interpreter.text(of: value), arguments))
      },
      "indent": { try $0.indent($1, $2) },
      "truncate": { try $0.truncate($1, $2) },
      "wordcount": { interpreter, value, call in
        _ = try interpreter.bind(call, "wordcount", [])
        let text = try interpreter.text(of: value)
        try interpreter.charge(bytes: text.utf8.count)
        return .integer(text.unicodeScalars.split { !$0.isWord }.count)
      },
      "striptags": { try $0.striptags($1, $2) },
      "urlencode": { try $0.urlencode($1, $2) },
      "xmlattr": { try $0.xmlattr($1, $2) },
      "tojson": { try $0.tojson($1, $2) },
      "pprint": { interpreter, value, call in
        _ = try interpreter.bind(call, "pprint", [])
        return .string(try interpreter.prettyText(value))
      },
    ]

    private static let ofNumbers: [String: Filter] = [
      "abs": { interpreter, value, call in
        _ = try interpreter.bind(call, "abs", [])
        guard let number = value.number, number.isFinite || value.integer == nil else {
          throw Failure(message: "bad operand type for abs(): '\(value.type)'")
        }
        guard let integer = value.integer else { return .float(abs(number)) }
        return integer < 0 ? try interpreter.sign(value, isNegative: true) : .integer(integer)
      },
      "int": { try $0.int($1, $2) },
      "float": { interpreter, value, call in
        let values = try interpreter.bind(call, "float", ["default"], required: 0)
        if case .undefined(let message) = value { throw Failure(message: message) }
        if let number = value.number ?? value.text.flatMap(Double.init(python:)) {
          return .float(number)
        }
        return values[0] ?? .float(0)
      },
      "round": { try $0.round($1, $2) },
      "filesizeformat": { try $0.fileSize($1, $2) },
    ]
  }
}

extension Jinja.Interpreter {
  typealias Call = Jinja.Call

  /// HTML's special characters as entities; safe text stays as it is.
  func escaped(_ value: Value) throws -> String {
    let text = try self.text(of: value)
    try charge(bytes: text.utf8.count)
    if case .markup = value { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
  func escaped(_ text: String) throws -> String { try escaped(Value.string(text)) }

  fileprivate func tojson(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(
      call, "tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], required: 0)
    var writer = Jinja.JSONWriter(self)
    writer.isASCII = try values[0].map { try isTrue($0) } ?? false
    writer.sortsKeys = try values[3].map { try isTrue($0) } ?? false
    if let indent = values[1], !indent.isNone {
      if let text = indent.text {
        writer.indentation = text
      } else {
        let width = max(0, try integer(indent, "tojson's indent"))
        if width > Jinja.Limits.valueDepth { throw tooLarge("indents JSON too far") }
        writer.indentation = String(repeating: " ", count: width)
      }
      writer.itemSeparator = ","
    }
    if let separators = values[2], !separators.isNone {
      let texts = try array(separators)
      guard texts.count == 2 else { throw Failure(message: "tojson needs two separators") }
      writer.itemSeparator = try text(texts[0], "a separator")
      writer.keySeparator = try text(texts[1], "a separator")
    }
    try writer.write(value)
    return .string(writer.text)
  }

  fileprivate func indent(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "indent", ["width", "first", "blank"], required: 0)
    let text = try self.text(value, "what indent gets")
    var indentation = ""
    if let given = values[0]?.text {
      indentation = given
    } else {
      let width = max(0, try integer(values[0], "the width", standard: 4))
      if width > Jinja.Limits.text { throw tooLarge("indents a text too far") }
      indentation = String(repeating: " ", count: width)
    }
    let lines = (text + "\n").linesLikePython()
    try charge(bytes: text.utf8.count)
    let (first, blank) = try (
      values[1].map { try isTrue($0) } ?? false, values[2].map { try isTrue($0) } ?? false
    )
    var result = ""
    for (position, line) in lines.enumerated() {
      if position > 0 { try append("\n", to: &result) }
      if position == 0 ? first : blank || !line.isEmpty {
        try append(indentation, to: &result)
      }
      try append(line, to: &result)
    }
    return .string(result)
  }

  fileprivate func truncate(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(
      call, "truncate", ["length", "killwords", "end", "leeway"], required: 0)
    let text = try self.text(value, "what truncate gets")
    let length = try integer(values[0], "the length", standard: 255)
    let end = try optionalText(values[2], "the end") ?? "..."
    let leeway = try integer(values[3], "the leeway", standard: 5)
    let kept = length - end.unicodeScalars.count
    guard kept >= 0, leeway >= 0 else {
      throw Failure(message: "truncate needs a length of at least its end's, and a leeway of 0 up")
    }
    try charge(bytes: text.utf8.count)
    if text.unicodeScalars.count - leeway <= length { return value }
    let head = String(text.unicodeScalars.prefix(kept))
    if try values[1].map({ try isTrue($0) }) ?? false { return .string(head + end) }
    return .string(head.split(" ", 1, fromEnd: true)[0] + end)
  }

  fileprivate func striptags(_ value: Value, _ call: Call) throws -> Value {
    _ = try bind(call, "striptags", [])
    let bytes = Array(try text(of: value).utf8)
    try charge(bytes: bytes.count)
    let (closing, comment) = (Jinja.ByteSearch(">"), Jinja.ByteSearch("-->"))
    var (result, position): ([UInt8], Int) = ([], 0)
    while let start = bytes[position...].firstIndex(of: UInt8(ascii: "<")) {
      let isComment = bytes[start...].starts(with: Array("<!--".utf8))
      let end =
        isComment
        ? comment.first(in: bytes[min(start + 4, bytes.count)...]).map { $0 + 3 }
        : closing.first(in: bytes[start...]).map { $0 + 1 }
      guard let end else { break }
      result += bytes[position..<start]
      position = end
    }
    result += bytes[position...]
    let text = String(decoding: result, as: UTF8.self).split(nil, .max, fromEnd: false)
      .joined(separator: " ")
    if text.utf8.contains(UInt8(ascii: "&")) {
      throw Failure(message: "striptags of text with '&' is not supported", code: .unsupported)
    }
    return .markup(text)
  }

  fileprivate func urlencode(_ value: Value, _ call: Call) throws -> Value {
    _ = try bind(call, "urlencode", [])
    func quoted(_ value: Value, isQuery: Bool) throws -> String {
      let text = try self.text(of: value)
      try charge(bytes: text.utf8.count)
      var result = ""
      for byte in text.utf8 {
        let scalar = Unicode.Scalar(byte)
        if byte < 0x80,
          Character(scalar).isLetter || Character(scalar).isNumber
            || "_.-~".unicodeScalars.contains(scalar) || !isQuery && scalar == "/"
        {
          result.unicodeScalars.append(scalar)
        } else if isQuery, scalar == " " {
          result += "+"
        } else {
          let digits = String(byte, radix: 16, uppercase: true)
          result += "%" + (byte < 16 ? "0" : "") + digits
        }
      }
      return result
    }
    var pairs: [Value]
    switch value {
    case .dictionary(let dictionary): pairs = dictionary.entries
    case .list, .tuple, .view, .iterator, .range: pairs = try array(value)
    default: return .string(try quoted(value, isQuery: false))
    }
    let parts = try pairs.map { pair in
      let pair = try array(pair)
      guard pair.count == 2 else { throw Failure(message: "urlencode needs pairs") }
      return try quoted(pair[0], isQuery: true) + "=" + quoted(pair[1], isQuery: true)
    }
    return try string(parts.joined(separator: "&"))
  }

  fileprivate func xmlattr(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "xmlattr", ["autospace"], required: 0)
    guard case .dictionary(let dictionary) = value else {
      throw Failure(message: "xmlattr needs a dictionary, not \(value.type)")
    }
    var parts: [String] = []
    for (key, value) in zip(dictionary.keys, dictionary.values)
    where !value.isNone && !value.isUndefined {
      let name = try text(key, "the name of an attribute")
      if name.unicodeScalars.contains(where: { " \t\n\r\u{B}\u{C}/>=".unicodeScalars.contains($0) })
      {
        throw Failure(message: "invalid character in the attribute name '\(name)'")
      }
      parts.append(try "\(escaped(key))=\"\(escaped(value))\"")
    }
    let text = parts.joined(separator: " ")
    let hasSpace = try values[0].map { try isTrue($0) } ?? true
    return try string((hasSpace && !text.isEmpty ? " " : "") + text)
  }

  /// Python's pprint, as long as all fits on one line.
  fileprivate func prettyText(_ value: Value) throws -> String {
    func sortedKeys(_ value: Value) throws -> Value {
      switch value {
      case .list(let list): return try self.list(try list.items.map(sortedKeys))
      case .tuple(let list): return try self.list(try list.items.map(sortedKeys), isTuple: true)
      case .dictionary(let dictionary):
        let entries = try sorted(Array(zip(dictionary.keys, dictionary.values))) {
          try isLess($0.0, $1.0)
        }
        return try self.dictionary(try entries.map { ($0.0, try sortedKeys($0.1)) })
      default: return value
      }
    }
    let text = try representation(try sortedKeys(value))
    if text.unicodeScalars.count >= 80 {
      throw Failure(message: "pprint of more than one line is not supported", code: .unsupported)
    }
    return text
  }
}

extension String {
  /// Jinja's title: each word's first character in upper case, the rest in lower case.
  fileprivate var titledLikeJinja: String {
    var result = ""
    var word = String.UnicodeScalarView()
    func flush() {
      guard let first = word.first else { return }
      result += String(first).uppercased() + String(word.dropFirst()).lowercasedLikePython()
      word = String.UnicodeScalarView()
    }
    for scalar in unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        flush()
        result.unicodeScalars.append(scalar)
      } else {
        word.append(scalar)
      }
    }
    flush()
    return result
  }
}
