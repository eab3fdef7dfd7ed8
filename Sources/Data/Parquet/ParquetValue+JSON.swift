// What a Parquet value means, as JSON: numbers as numbers, decimals, dates and times as text.
// Source: the Apache Parquet format's logical types.

extension JSONBytes {
  package mutating func append(_ value: ParquetValue, of element: ParquetElement) throws {
    switch value {
    case .bool(let value): if value { append("true") } else { append("false") }
    case .float(let value): append(Double(value))
    case .double(let value): append(value)
    case .int(let value): append(value, of: element)
    case .bytes(let bytes): try append(bytes, of: element)
    }
  }

  private mutating func append(_ value: Int64, of element: ParquetElement) {
    switch ParquetMeaning(element) {
    case .date: append(text: ParquetTime.date(value))
    case .time(let perSecond): append(text: ParquetTime.time(value, perSecond: perSecond))
    case .timestamp(let perSecond):
      append(text: ParquetTime.timestamp(value, perSecond: perSecond, isUTC: element.isUTC))
    case .decimal:
      append(text: ParquetDecimal.text(bigEndian: value.bigEndianBytes[...], scale: element.scale))
    case .unsigned where element.type == .int32:
      append(Int64(UInt32(truncatingIfNeeded: value)))
    case .unsigned: append(raw: String(UInt64(bitPattern: value)))
    default: append(value)
    }
  }

  private mutating func append(_ bytes: ArraySlice<UInt8>, of element: ParquetElement) throws {
    if element.type == .int96 {
      append(text: ParquetTime.timestamp(int96: bytes))
      return
    }
    switch ParquetMeaning(element) {
    case .text: try append(text: bytes)
    case .decimal: append(text: ParquetDecimal.text(bigEndian: bytes, scale: element.scale))
    case .uuid where bytes.count == 16:
      let digits = bytes.map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
      }
      let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }
      append(text: groups.joined(separator: "-"))
    case .half where bytes.count == 2:
      let bits = UInt16(bytes[bytes.startIndex]) | UInt16(bytes[bytes.startIndex + 1]) << 8
      append(ParquetMeaning.double(half: bits))
    default: append(binary: bytes)
    }
  }
}

/// What the schema says a physical value stands for.
enum ParquetMeaning {
  case plain, text, date, unsigned, decimal, uuid, half
  case time(perSecond: Int64)
  case timestamp(perSecond: Int64)

  init(_ element: ParquetElement) {
    let perSecond: Int64 = [1: 1000, 2: 1_000_000, 3: 1_000_000_000][element.unit] ?? 1_000_000
    switch (element.logical, element.converted) {
    case (1?, _), (4?, _), (12?, _): self = .text
    case (5?, _): self = .decimal
    case (6?, _): self = .date
    case (7?, _): self = .time(perSecond: perSecond)
    case (8?, _): self = .timestamp(perSecond: perSecond)
    case (10?, _): self = element.isSigned ? .plain : .unsigned
    case (14?, _): self = .uuid
    case (15?, _): self = .half
    case (_, 0?), (_, 4?), (_, 19?): self = .text
    case (_, 5?): self = .decimal
    case (_, 6?): self = .date
    case (_, 7?): self = .time(perSecond: 1000)
    case (_, 8?): self = .time(perSecond: 1_000_000)
    case (_, 9?): self = .timestamp(perSecond: 1000)
    case (_, 10?): self = .timestamp(perSecond: 1_000_000)
    case (_, 11?), (_, 12?), (_, 13?), (_, 14?): self = .unsigned
    default: self = .plain
    }
  }

  /// IEEE binary16, which Swift has not on every machine.
  static func double(half bits: UInt16) -> Double {
    let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023))
    let sign: Double = bits >> 15 == 1 ? -1 : 1
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return .nan
    default:
      return sign * Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
  }
}

enum ParquetDecimal {
  /// A whole number, highest byte first and in two's complement, with its decimal point put in.
  static func text(bigEndian bytes: ArraySlice<UInt8>, scale: Int64) -> String {
    let isNegative = bytes.first.map { $0 >= 0x80 } ?? false
    var magnitude = Array(bytes.prefix(64))
    if isNegative {
      var carry = true
      for index in magnitude.indices.reversed() {
        magnitude[index] = ~magnitude[index] &+ (carry ? 1 : 0)
        carry = carry && magnitude[index] == 0
      }
    }
    var digits: [UInt8] = []
    while magnitude.contains(where: { $0 != 0 }) {
      var remainder = 0
      for index in magnitude.indices {
        let value = remainder << 8 | Int(magnitude[index])
        magnitude[index] = UInt8(value / 10)
        remainder = value % 10
      }
      digits.append(UInt8(ascii: "0") + UInt8(remainder))
    }
    let scale = Int(max(0, min(scale, 100)))
    while digits.count <= scale { digits.append(UInt8(ascii: "0")) }
    if scale > 0 { digits.insert(UInt8(ascii: "."), at: scale) }
    if isNegative { digits.append(UInt8(ascii: "-")) }
    return String(decoding: digits.reversed(), as: UTF8.self)
  }
}

enum ParquetTime {
  /// Days since 1970 as a date of the Gregorian calendar.
  /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
  static func date(_ days: Int64) -> String {
    let (shifted, overflow) = days.addingReportingOverflow(719_468)
    guard !overflow else { return String(days) }
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    return "\(padded(year, 4))-\(padded(month < 10 ? month + 3 : month - 9))-\(padded(day))"
  }

  static func time(_ value: Int64, perSecond: Int64) -> String {
    let seconds = value.floorDivided(by: perSecond)
    let (fraction, digits) = (seconds.rest, String(perSecond).count - 1)
    let clock =
      "\(padded(seconds.quotient / 3600)):\(padded(seconds.quotient / 60 % 60))"
      + ":\(padded(seconds.quotient % 60))"
    return fraction == 0 ? clock : clock + "." + padded(fraction, digits)
  }

  static func timestamp(_ value: Int64, perSecond: Int64, isUTC: Bool) -> String {
    let days = value.floorDivided(by: perSecond * 86_400)
    return date(days.quotient) + "T" + time(days.rest, perSecond: perSecond) + (isUTC ? "Z" : "")
  }

  /// Nanoseconds of a day, then the Julian day, as older writers have it.
  static func timestamp(int96 bytes: ArraySlice<UInt8>) -> String {
    func number(_ range: Range<Int>) -> UInt64 {
      range.reversed().reduce(0) { $0 << 8 | UInt64(bytes[bytes.startIndex + $1]) }
    }
    let day = Int64(Int32(truncatingIfNeeded: number(8..<12))) - 2_440_588
    return date(day) + "T" + time(Int64(bitPattern: number(0..<8)), perSecond: 1_000_000_000)
  }

  private static func padded(_ value: Int64, _ width: Int = 2) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return (value < 0 ? "-" : "") + zeros + digits
  }
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }
  fileprivate var bigEndianBytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * Int64($0))) }
  }
}
