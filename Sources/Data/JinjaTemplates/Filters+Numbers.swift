// Filters that make numbers: int, float, round, filesizeformat.
import Essentials
import Foundation

extension Jinja.Interpreter {
  func int(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "int", ["default", "base"], required: 0)
    let base = try integer(values[1], "the base", standard: 10)
    let standard = values[0] ?? .integer(0)
    switch value {
    case .undefined(let message): throw Failure(message: message)
    case .bool, .integer: return .integer(value.integer!)
    case .float(let number): return try Self.whole(number) ?? standard
    case .string(let text), .markup(let text):
      if let integer = try Int.parse(text, base: base) { return .integer(integer) }
      // Jinja makes "42.7" 42 too.
      guard let number = Double(python: text) else { return standard }
      return try Self.whole(number) ?? standard
    default: return standard
    }
  }
  /// nil for what is not finite.
  private static func whole(_ number: Double) throws -> Value? {
    guard number.isFinite else { return nil }
    guard let integer = Int(exactly: number.rounded(.towardZero)) else {
      throw Failure(message: "an integer does not fit into 64 bits")
    }
    return .integer(integer)
  }

  func round(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "round", ["precision", "method"], required: 0)
    let precision = try integer(values[0], "the precision", standard: 0)
    let method = try optionalText(values[1], "the method") ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw Failure(message: "method must be common, ceil or floor")
    }
    if case .undefined(let message) = value { throw Failure(message: message) }
    guard let number = value.number else {
      throw Failure(message: "type \(value.type) cannot be rounded")
    }
    guard (-300...300).contains(precision) else {
      throw Failure(message: "a precision of \(precision) is not supported", code: .unsupported)
    }
    if method == "common" {
      if let integer = value.integer {
        if precision >= 0 { return .integer(integer) }
        throw Failure(message: "rounding integers to tens is not supported", code: .unsupported)
      }
      return .float(try Self.rounded(number, precision))
    }
    // As in Jinja, where a negative precision divides by a power of a tenth.
    let power = pow(10, Double(precision))
    let scaled = number * power
    guard scaled.isFinite else {
      throw Failure(message: "cannot convert float infinity to integer")
    }
    return .float(scaled.rounded(method == "ceil" ? .up : .down) / power)
  }
  /// To the nearest decimal of the exact value, and to the even one of two.
  private static func rounded(_ number: Double, _ precision: Int) throws -> Double {
    guard number.isFinite else { return number }
    if precision < 0 {
      throw Failure(message: "rounding to tens is not supported", code: .unsupported)
    }
    return Double(String(format: "%.\(precision)f", number)) ?? number
  }

  func fileSize(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "filesizeformat", ["binary"], required: 0)
    guard let bytes = value.number ?? value.text.flatMap(Double.init(python:)), bytes.isFinite
    else { throw Failure(message: "could not convert a \(value.type) to a number of bytes") }
    let isBinary = try values[0].map { try isTrue($0) } ?? false
    let base: Double = isBinary ? 1024 : 1000
    if bytes == 1 { return .string("1 Byte") }
    if bytes < base {
      return .string("\(String(format: "%.0f", bytes.rounded(.towardZero))) Bytes")
    }
    var unit = base
    let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    for (position, prefix) in prefixes.enumerated() {
      unit *= base
      if bytes < unit || position == prefixes.count - 1 {
        let name = isBinary ? prefix.uppercased() + "iB" : prefix + "B"
        return .string(String(format: "%.1f ", base * bytes / unit) + name)
      }
    }
    return .none
  }
}

extension Int {
  /// Python's `int(text, base)`, or nil where that raises ValueError.
  static func parse(_ text: String, base: Int) throws -> Int? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var digits = text.strippedLikePython
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
    var radix = base
    let lower = digits.lowercased()
    for (prefix, value) in ["0x": 16, "0o": 8, "0b": 2]
    where lower.hasPrefix(prefix) && (base == value || base == 0) {
      radix = value
      digits.removeFirst(2)
      if digits.hasPrefix("_") { digits.removeFirst() }
    }
    if radix == 0 {
      radix = 10
      if digits.hasPrefix("0"), digits.contains(where: { $0 != "0" && $0 != "_" }) { return nil }
    }
    guard digits.hasUnderscoresInside else { return nil }
    digits.removeAll { $0 == "_" }
    guard !digits.isEmpty,
      digits.unicodeScalars.allSatisfy({
        $0.isASCII && $0.properties.isAlphabetic || $0.isASCIIDigit
      })
    else { return nil }
    if let value = Int((isNegative ? "-" : "") + digits, radix: radix) { return value }
    let isNumber = digits.allSatisfy { ($0.hexDigitValue ?? Int($0.asciiValue ?? 0) - 87) < radix }
    if isNumber, digits.count > 12 {
      throw Jinja.Failure(message: "an integer does not fit into 64 bits")
    }
    return nil
  }
}

extension Double {
  /// Python's `float(text)`.
  init?(python text: String) {
    var text = text.strippedLikePython
    let lower = text.lowercased()
    let unsigned = lower.hasPrefix("-") || lower.hasPrefix("+") ? String(lower.dropFirst()) : lower
    switch unsigned {
    case "inf", "infinity": self = lower.hasPrefix("-") ? -.infinity : .infinity
    case "nan": self = .nan
    default:
      guard text.hasUnderscoresInside,
        text.unicodeScalars.allSatisfy({
          $0.isASCIIDigit || ["+", "-", ".", "e", "E", "_"].contains($0)
        })
      else { return nil }
      text.removeAll { $0 == "_" }
      // Swift wants digits on both sides of the point.
      var (mantissa, exponent) = (text[...], text[text.endIndex...])
      if let mark = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
        (mantissa, exponent) = (text[..<mark], text[mark...])
      }
      guard mantissa.unicodeScalars.contains(where: \.isASCIIDigit) else { return nil }
      var number = String(mantissa)
      if number.hasSuffix(".") { number += "0" }
      if let point = number.firstIndex(of: "."),
        point == number.startIndex || !number[number.index(before: point)].isNumber
      {
        number.insert("0", at: point)
      }
      guard let value = Double(number + exponent) else { return nil }
      self = value
    }
  }
}

extension String {
  /// Whether each underscore stands between two digits.
  fileprivate var hasUnderscoresInside: Bool {
    if !utf8.contains(UInt8(ascii: "_")) { return true }
    let parts = split(separator: "_", omittingEmptySubsequences: false)
    return parts.allSatisfy {
      $0.first?.isHexDigit == true && $0.last?.isHexDigit == true
    }
  }
}

extension Unicode.Scalar {
  var isASCIIDigit: Bool { (0x30...0x39).contains(value) }
}
