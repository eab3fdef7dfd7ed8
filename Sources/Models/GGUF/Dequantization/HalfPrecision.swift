// Half-precision numbers as bits, for every machine: Swift's Float16 is missing on some.

enum HalfPrecision {
  /// Exact.
  @inline(__always)
  static func float(fromHalf bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7FFF)
    if magnitude >= 0x7C00 {
      return Float(bitPattern: sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13)
    }
    if magnitude < 0x400 {
      // Zero or subnormal: a multiple of 2^-24, exact as a product.
      let value = Float(magnitude) * 0x1p-24
      return Float(bitPattern: value.bitPattern | sign)
    }
    return Float(bitPattern: sign | (magnitude << 13) + 0x3800_0000)
  }

  @inline(__always)
  static func float(fromBFloat bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Rounded to nearest, halves to even; a value beyond the range becomes infinite.
  @inline(__always)
  static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
    // From 65520 on, the nearest is infinity.
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude < 0x3880_0000 {
      // Below 2^-14 a half counts in steps of 2^-24: the sum has that as its last place.
      let sum = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: sum.bitPattern &- 0x3F00_0000)
    }
    let rounded = magnitude &+ 0xFFF &+ (magnitude >> 13 & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
  }

  /// Rounded to nearest, halves to even.
  @inline(__always)
  static func bfloat(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }
}
