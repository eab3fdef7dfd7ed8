// The methods of Python's strings.
import Essentials

extension Jinja.Methods {
  typealias Interpreter = Jinja.Interpreter
  typealias Call = Jinja.Call
  typealias Value = Jinja.Value
  typealias Failure = Jinja.Failure
  typealias StringMethod = @Sendable (Interpreter, String, Call) throws -> Value

  static let ofStrings: [String: StringMethod] =
    changes.merging(searches) { first, _ in first }.merging(questions) { first, _ in first }

  /// A method without arguments.
  private static func plain(
    _ name: String, _ body: @escaping @Sendable (String) -> String
  ) -> StringMethod {
    { interpreter, text, call in
      _ = try interpreter.bind(call, name, [])
      return try interpreter.string(body(text))
    }
  }
  private static func strip(_ name: String, start: Bool, end: Bool) -> StringMethod {
    { interpreter, text, call in
      let values = try interpreter.bind(call, name, ["chars/"], required: 0)
      let set = try interpreter.optionalText(values[0], "\(name) arg")
      return .string(text.stripped(set, start: start, end: end))
    }
  }
  private static func justify(
    _ name: String, _ left: @escaping @Sendable (_ missing: Int, _ width: Int) -> Int
  ) -> StringMethod {
    { interpreter, text, call in
      let values = try interpreter.bind(call, name, ["width/", "fill/"], required: 1)
      let fill = try interpreter.optionalText(values[1], "the fill character") ?? " "
      guard fill.unicodeScalars.count == 1 else {
        throw Failure(message: "the fill character must be exactly one character long")
      }
      let width = try interpreter.integer(values[0], "the width")
      return .string(try interpreter.padded(text, to: width, with: fill, left))
    }
  }

  private static let changes: [String: StringMethod] = [
    "strip": strip("strip", start: true, end: true),
    "lstrip": strip("lstrip", start: true, end: false),
    "rstrip": strip("rstrip", start: false, end: true),
    "upper": plain("upper") { $0.uppercased() },
    "lower": plain("lower") { $0.lowercasedLikePython() },
    "casefold": plain("casefold") { $0.lowercasedLikePython() },
    "title": plain("title") { $0.titledLikePython() },
    "capitalize": plain("capitalize") { $0.capitalizedLikePython() },
    "swapcase": plain("swapcase") { text in
      text.unicodeScalars.map { scalar in
        scalar.properties.isUppercase
          ? scalar.properties.lowercaseMapping
          : scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(scalar)
      }.joined()
    },
    "center": justify("center") { $0 / 2 + ($0 & $1 & 1) },
    "ljust": justify("ljust") { _, _ in 0 },
    "rjust": justify("rjust") { missing, _ in missing },
    "zfill": { interpreter, text, call in
      let values = try interpreter.bind(call, "zfill", ["width/"])
      let width = try interpreter.integer(values[0], "the width")
      let sign = text.hasPrefix("+") || text.hasPrefix("-") ? String(text.prefix(1)) : ""
      let digits = String(text.dropFirst(sign.count))
      return .string(
        sign
          + (try interpreter.padded(digits, to: max(0, width) - sign.count, with: "0") {
            missing, _ in
            missing
          }))
    },
    "replace": { interpreter, text, call in
      let values = try interpreter.bind(call, "replace", ["old/", "new/", "count/"], required: 2)
      let old = try interpreter.text(values[0], "replace argument 1")
      let new = try interpreter.text(values[1], "replace argument 2")
      let count = try interpreter.integer(values[2], "the count", standard: -1)
      return .string(try interpreter.replace(old, new, in: text, count))
    },
    "removeprefix": { interpreter, text, call in
      let values = try interpreter.bind(call, "removeprefix", ["prefix/"])
      let prefix = try interpreter.text(values[0], "the prefix")
      return .string(
        text.utf8.starts(with: prefix.utf8)
          ? String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : text)
    },
    "removesuffix": { interpreter, text, call in
      let values = try interpreter.bind(call, "removesuffix", ["suffix/"])
      let suffix = try interpreter.text(values[0], "the suffix")
      return .string(
        text.utf8.reversed().starts(with: suffix.utf8.reversed())
          ? String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self) : text)
    },
    "join": { interpreter, text, call in
      let values = try interpreter.bind(call, "join", ["iterable/"])
      return .string(
        try interpreter.join(values[0]!, separator: text) { position, value in
          guard let text = value.text else {
            throw Failure(
              message: "sequence item \(position): expected str instance, \(value.type) found")
          }
          return text
        })
    },
    "format": { interpreter, text, call in
      try interpreter.string(try interpreter.format(text, call))
    },
  ]

  private static func split(_ name: String, fromEnd: Bool) -> StringMethod {
    { interpreter, text, call in
      let values = try interpreter.bind(call, name, ["sep", "maxsplit"], required: 0)
      let separator = try interpreter.optionalText(values[0], "the separator")
      let limit = try interpreter.integer(values[1], "maxsplit", standard: -1)
      if separator == "" { throw Failure(message: "empty separator") }
      let parts = text.split(separator, limit < 0 ? .max : limit, fromEnd: fromEnd)
      return try interpreter.list(parts.map(Value.string))
    }
  }
  private static func partition(_ name: String, fromEnd: Bool) -> StringMethod {
    { interpreter, text, call in
      let values = try interpreter.bind(call, name, ["sep/"])
      let separator = try interpreter.text(values[0], "the separator")
      if separator.isEmpty { throw Failure(message: "empty separator") }
      var parts = text.split(separator, 1, fromEnd: fromEnd)
      if parts.count == 2 {
        parts.insert(separator, at: 1)
      } else {
        parts = fromEnd ? ["", "", text] : [text, "", ""]
      }
      return try interpreter.list(parts.map(Value.string), isTuple: true)
    }
  }
  /// A method that looks for a text between two places.
  private static func search(
    _ name: String,
    _ body: @escaping @Sendable (Interpreter, _ text: String, Value, _ offset: Int) throws -> Value
  ) -> StringMethod {
    { interpreter, text, call in
      let values = try interpreter.bind(call, name, ["sub/", "start/", "end/"], required: 1)
      var (part, offset) = (text, 0)
      if values[1] != nil || values[2] != nil {
        let count = text.unicodeScalars.count
        let start = try interpreter.integer(values[1], "start", standard: 0)
        // Python finds nothing beyond the end, not even an empty text.
        if start > count, ["find", "rfind", "index", "rindex", "count"].contains(name) {
          return try body(interpreter, "", .string("\u{0}"), 0)
        }
        if start > count { return .bool(false) }
        offset = start < 0 ? max(0, start + count) : start
        part = try interpreter.slice(.string(text), values[1], values[2], nil).text!
      }
      return try body(interpreter, part, values[0]!, offset)
    }
  }
  private static func find(_ name: String, fromEnd: Bool, fails: Bool) -> StringMethod {
    search(name) { interpreter, text, value, offset in
      let sought = try interpreter.text(value, "what \(name) looks for")
      let bytes = Array(text.utf8)
      var place: Int?
      if sought.isEmpty {
        place = fromEnd ? bytes.count : 0
      } else if fromEnd {
        place = Jinja.ByteSearch.allFromEnd(of: sought, in: bytes, limit: 1).first
      } else {
        place = Jinja.ByteSearch(sought).first(in: bytes[...])
      }
      guard let place else {
        if fails { throw Failure(message: "substring not found") }
        return .integer(-1)
      }
      // Bytes that continue a character do not count.
      return .integer(offset + bytes[..<place].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) })
    }
  }
  private static func affix(
    _ name: String, _ holds: @escaping @Sendable (String, String) -> Bool
  ) -> StringMethod {
    search(name) { interpreter, text, value, _ in
      if case .tuple(let choices) = value {
        return .bool(
          try choices.items.contains {
            holds(text, try interpreter.text($0, "what \(name) looks for"))
          })
      }
      return .bool(holds(text, try interpreter.text(value, "what \(name) looks for")))
    }
  }

  private static let searches: [String: StringMethod] = [
    "split": split("split", fromEnd: false),
    "rsplit": split("rsplit", fromEnd: true),
    "partition": partition("partition", fromEnd: false),
    "rpartition": partition("rpartition", fromEnd: true),
    "splitlines": { interpreter, text, call in
      let values = try interpreter.bind(call, "splitlines", ["keepends"], required: 0)
      let keepsEnds = try values[0].map { try interpreter.isTrue($0) } ?? false
      return try interpreter.list(
        text.linesLikePython(keepingEnds: keepsEnds).map(Value.string))
    },
    "find": find("find", fromEnd: false, fails: false),
    "rfind": find("rfind", fromEnd: true, fails: false),
    "index": find("index", fromEnd: false, fails: true),
    "rindex": find("rindex", fromEnd: true, fails: true),
    "count": search("count") { interpreter, text, value, _ in
      let sought = try interpreter.text(value, "what count looks for")
      if sought.isEmpty { return .integer(text.unicodeScalars.count + 1) }
      return .integer(Jinja.ByteSearch(sought).all(in: Array(text.utf8)).count)
    },
    "startswith": affix("startswith") { $0.utf8.starts(with: $1.utf8) },
    "endswith": affix("endswith") { $0.utf8.reversed().starts(with: $1.utf8.reversed()) },
  ]

  /// Whether all characters have a property, and there is one.
  private static func all(
    _ name: String, orEmpty: Bool = false,
    _ holds: @escaping @Sendable (Unicode.Scalar) -> Bool
  ) -> StringMethod {
    { interpreter, text, call in
      _ = try interpreter.bind(call, name, [])
      return .bool((orEmpty || !text.isEmpty) && text.unicodeScalars.allSatisfy(holds))
    }
  }
  private static let questions: [String: StringMethod] = [
    "isdigit": all("isdigit") {
      $0.properties.numericType == .decimal || $0.properties.numericType == .digit
    },
    "isdecimal": all("isdecimal") { $0.properties.numericType == .decimal },
    "isnumeric": all("isnumeric") { $0.properties.numericType != nil },
    "isalpha": all("isalpha") { $0.isPythonLetter },
    "isalnum": all("isalnum") { $0.isPythonLetter || $0.properties.numericType != nil },
    "isspace": all("isspace") { $0.isPythonSpace },
    "isascii": all("isascii", orEmpty: true) { $0.isASCII },
    "isprintable": all("isprintable", orEmpty: true) { $0.isPythonPrintable },
    "isupper": { interpreter, text, call in
      _ = try interpreter.bind(call, "isupper", [])
      return .bool(text.isUpperLikePython)
    },
    "islower": { interpreter, text, call in
      _ = try interpreter.bind(call, "islower", [])
      return .bool(text.isLowerLikePython)
    },
    "istitle": { interpreter, text, call in
      _ = try interpreter.bind(call, "istitle", [])
      return .bool(
        text.unicodeScalars.contains { $0.properties.isCased }
          && text.titledLikePython().isExactly(text))
    },
    "isidentifier": { interpreter, text, call in
      _ = try interpreter.bind(call, "isidentifier", [])
      guard let first = text.unicodeScalars.first else { return .bool(false) }
      return .bool(
        (first == "_" || first.properties.isXIDStart)
          && text.unicodeScalars.allSatisfy { $0.properties.isXIDContinue })
    },
  ]
}

extension String {
  var isUpperLikePython: Bool { hasCase(\.isUppercase, not: \.isLowercase) }
  var isLowerLikePython: Bool { hasCase(\.isLowercase, not: \.isUppercase) }
  private func hasCase(
    _ wanted: KeyPath<Unicode.Scalar.Properties, Bool>,
    not other: KeyPath<Unicode.Scalar.Properties, Bool>
  ) -> Bool {
    var isCased = false
    for scalar in unicodeScalars {
      let properties = scalar.properties
      if properties[keyPath: other] || properties.generalCategory == .titlecaseLetter {
        return false
      }
      if properties[keyPath: wanted] { isCased = true }
    }
    return isCased
  }

  /// Python's `split` and `rsplit`. Without a separator, runs of spaces separate.
  package func split(_ separator: String?, _ limit: Int, fromEnd: Bool) -> [String] {
    guard let separator else { return splitAtSpaces(limit, fromEnd: fromEnd) }
    let bytes = Array(utf8)
    let places =
      fromEnd
      ? Jinja.ByteSearch.allFromEnd(of: separator, in: bytes, limit: limit).reversed()
      : Jinja.ByteSearch(separator).all(in: bytes, limit: limit)
    var (parts, position): ([String], Int) = ([], 0)
    for place in places {
      parts.append(String(decoding: bytes[position..<place], as: UTF8.self))
      position = place + separator.utf8.count
    }
    return parts + [String(decoding: bytes[position...], as: UTF8.self)]
  }
  private func splitAtSpaces(_ limit: Int, fromEnd: Bool) -> [String] {
    var parts: [String] = []
    var rest = unicodeScalars[...]
    func trim() {
      if fromEnd {
        while let last = rest.last, last.isPythonSpace { rest.removeLast() }
      } else {
        rest = rest.drop(while: \.isPythonSpace)
      }
    }
    trim()
    while !rest.isEmpty, parts.count < limit {
      if fromEnd {
        let start = rest.lastIndex { $0.isPythonSpace }.map { rest.index(after: $0) }
        parts.append(String(rest[(start ?? rest.startIndex)...]))
        rest = rest[..<(start ?? rest.startIndex)]
      } else {
        let word = rest.prefix { !$0.isPythonSpace }
        parts.append(String(word))
        rest = rest[word.endIndex...]
      }
      trim()
    }
    // The last part keeps the spaces at its other end.
    if !rest.isEmpty { parts.append(String(rest)) }
    return fromEnd ? parts.reversed() : parts
  }
}

extension Jinja.Interpreter {
  /// - Parameter left: how much of what is missing goes to the left.
  func padded(
    _ text: String, to width: Int, with fill: String, _ left: (Int, Int) -> Int
  ) throws -> String {
    let missing = width - text.unicodeScalars.count
    if missing <= 0 { return text }
    if missing > Jinja.Limits.text / 4 {
      throw tooLarge("makes a text of more than \(Jinja.Limits.text) bytes")
    }
    try charge(bytes: missing * fill.utf8.count)
    let before = left(missing, width)
    return String(repeating: fill, count: before) + text
      + String(repeating: fill, count: missing - before)
  }
  func replace(_ old: String, _ new: String, in text: String, _ count: Int) throws -> String {
    try charge(bytes: text.utf8.count)
    // Known before it is made: each byte may become a long text.
    let most =
      old.isEmpty ? text.unicodeScalars.count + 1 : text.utf8.count / old.utf8.count
    let times = count < 0 ? most : min(most, count)
    let (growth, overflows) = times.multipliedReportingOverflow(by: new.utf8.count)
    if overflows || growth > Jinja.Limits.text * 8 {
      throw tooLarge("makes a text of more than \(Jinja.Limits.text) bytes")
    }
    var result = ""
    try append(text.replacingLikePython(old, new, count < 0 ? .max : count), to: &result)
    return result
  }
  func join(
    _ values: Value, separator: String, _ text: (Int, Value) throws -> String
  ) throws -> String {
    let iterator = try iterator(over: values)
    var (result, position) = ("", 0)
    while let value = try iterator.next() {
      if position > 0 { try append(separator, to: &result) }
      try append(try text(position, value), to: &result)
      position += 1
    }
    return result
  }
}
