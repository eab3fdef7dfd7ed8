// What a plain YAML scalar means. Configurations are read as OmegaConf reads them, that is PyYAML's
// YAML 1.1 rules with one change: a number with an exponent needs no point, so that `2e-5` is a
// number and not a string. Quoted scalars never come here: they are strings.

enum YAMLScalar {
  static func resolve(_ text: String) -> ConfigurationValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
    case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
    case ".nan", ".NaN", ".NAN": return .double(.nan)
    default: break
    }
    // Everything numeric begins with one of these; most scalars are left here.
    guard let first = text.utf8.first, "+-.0123456789".utf8.contains(first) else {
      return .string(text)
    }
    let isNegative = first == UInt8(ascii: "-")
    let hasSign = isNegative || first == UInt8(ascii: "+")
    let digits = hasSign ? text.dropFirst() : text[...]
    if [".inf", ".Inf", ".INF"].contains(digits) {
      return .double(isNegative ? -.infinity : .infinity)
    }
    if let magnitude = integer(digits) { return .int(isNegative ? -magnitude : magnitude) }
    if let magnitude = float(digits, isSigned: hasSign) {
      return .double(isNegative ? -magnitude : magnitude)
    }
    return .string(text)
  }

  /// Decimal, 0b binary, leading-zero octal, 0x hexadecimal and base 60 (`1:30`), all with `_`.
  private static func integer(_ text: Substring) -> Int? {
    if text.hasPrefix("0b") { return digits(text.dropFirst(2), radix: 2) }
    if text.hasPrefix("0x") { return digits(text.dropFirst(2), radix: 16) }
    if text.contains(":") { return sexagesimal(text) }
    guard text.first != "_" else { return nil }
    if text.first == "0", text.count > 1 { return digits(text.dropFirst(), radix: 8) }
    return digits(text, radix: 10)
  }

  private static func digits(_ text: Substring, radix: Int) -> Int? {
    let bare = text.filter { $0 != "_" }
    guard bare.utf8.allSatisfy(isHexDigit) else { return nil }
    return Int(bare, radix: radix)
  }

  private static func sexagesimal(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let first = parts.first, first.first != "0", first.first != "_",
      var total = digits(first, radix: 10)
    else { return nil }
    for part in parts.dropFirst() {
      guard (1...2).contains(part.utf8.count), let value = digits(part, radix: 10), value < 60
      else { return nil }
      let (product, overflowed) = total.multipliedReportingOverflow(by: 60)
      let (sum, carried) = product.addingReportingOverflow(value)
      guard !overflowed, !carried else { return nil }
      total = sum
    }
    return total
  }

  /// `1.`, `.5`, `1.5e3`, `1e-5`; `_` between digits; base 60 with a fraction. The sign is taken
  /// already, but OmegaConf knows none before `.5`, nor an exponent without sign behind it.
  private static func float(_ text: Substring, isSigned: Bool) -> Double? {
    if let colon = text.lastIndex(of: ":") { return sexagesimalFloat(text, lastColon: colon) }
    let halves = text.split(
      maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: { $0 == "e" || $0 == "E" })
    let mantissa = halves[0].split(separator: ".", omittingEmptySubsequences: false)
    guard mantissa.count <= 2, halves.count == 2 || mantissa.count == 2,
      mantissa.allSatisfy({ $0.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "_") } }),
      halves[0].utf8.contains(where: isDigit), mantissa[0].first != "_"
    else { return nil }
    if halves.count == 2 {
      let exponent = halves[1].drop { $0 == "-" || $0 == "+" }
      guard halves[1].utf8.count - exponent.utf8.count <= 1, !exponent.isEmpty,
        exponent.utf8.allSatisfy(isDigit)
      else { return nil }
      if mantissa[0].isEmpty, exponent.count == halves[1].count { return nil }
    }
    if mantissa[0].isEmpty, isSigned { return nil }
    return Double(text.filter { $0 != "_" })
  }

  private static func sexagesimalFloat(_ text: Substring, lastColon: Substring.Index) -> Double? {
    let seconds = text[text.index(after: lastColon)...]
    guard let point = seconds.firstIndex(of: "."), (1...2).contains(seconds[..<point].count),
      let fraction = float(seconds, isSigned: false), fraction < 60
    else { return nil }
    let places = text[..<lastColon].split(separator: ":", omittingEmptySubsequences: false)
    var total = 0.0
    for (position, place) in places.enumerated() {
      guard let value = digits(place, radix: 10), position == 0 || (place.count < 3 && value < 60)
      else { return nil }
      total = total * 60 + Double(value)
    }
    return total * 60 + fraction
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (65...70).contains(byte) || (97...102).contains(byte)
  }
}
