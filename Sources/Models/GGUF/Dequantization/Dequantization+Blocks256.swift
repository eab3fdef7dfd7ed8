// The types with blocks of 256 weights ("K"), which have a small scale for each 16 or 32 weights and a
// half-precision scale for all. The first product is that of both scales. Source: ggml's formats,
// `gguf.quants`.

extension Dequantization {
  /// (d sc) code - (dmin m), sc and m for each 16. Bytes: scales[16], qs[64], d, dmin.
  @inline(__always)
  static func q2K(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let (d, dmin) = (half(block, 80), half(block, 82))
    for group in 0..<16 {
      let packed = byte(block, group)
      let (scale, minimum) = (d * Float(packed & 15), dmin * Float(packed >> 4))
      let (bytes, shift) = quarters(group)
      for j in 0..<16 {
        let code = byte(block, 16 + bytes + j) >> shift & 3
        out[group * 16 + j] = scale * Float(code) - minimum
      }
    }
  }

  /// (d (sc - 32)) (code - 4, or code where hmask has its bit). Bytes: hmask[32], qs[64], scales[12], d.
  @inline(__always)
  static func q3K(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 108)
    for group in 0..<16 {
      let low = byte(block, 96 + group % 8) >> Int32(group / 8 * 4) & 15
      let high = byte(block, 104 + group % 4) >> Int32(group / 4 * 2) & 3
      let scale = d * Float((low | high << 4) - 32)
      let (bytes, shift) = quarters(group)
      for j in 0..<16 {
        let isWhole = byte(block, group % 2 * 16 + j) >> Int32(group / 2) & 1
        let code = byte(block, 32 + bytes + j) >> shift & 3
        out[group * 16 + j] = scale * Float(code - (isWhole ^ 1) << 2)
      }
    }
  }

  /// (d sc) code - (dmin m), sc and m for each 32. Bytes: d, dmin, scales[12], qs[128].
  @inline(__always)
  static func q4K(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let (d, dmin) = (half(block, 0), half(block, 2))
    for group in 0..<8 {
      let (sc, m) = scaleAndMinimum(block + 4, group)
      let (scale, minimum) = (d * Float(sc), dmin * Float(m))
      let shift = Int32(group % 2 * 4)
      for j in 0..<32 {
        let code = byte(block, 16 + group / 2 * 32 + j) >> shift & 15
        out[group * 32 + j] = scale * Float(code) - minimum
      }
    }
  }

  /// As Q4_K with a fifth bit. Bytes: d, dmin, scales[12], qh[32], qs[128].
  @inline(__always)
  static func q5K(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let (d, dmin) = (half(block, 0), half(block, 2))
    for group in 0..<8 {
      let (sc, m) = scaleAndMinimum(block + 4, group)
      let (scale, minimum) = (d * Float(sc), dmin * Float(m))
      let shift = Int32(group % 2 * 4)
      for j in 0..<32 {
        let low = byte(block, 48 + group / 2 * 32 + j) >> shift & 15
        let high = byte(block, 16 + j) >> Int32(group) & 1
        out[group * 32 + j] = scale * Float(low | high << 4) - minimum
      }
    }
  }

  /// (d sc) (code - 32), sc signed for each 16. Bytes: ql[128], qh[64], scales[16], d.
  @inline(__always)
  static func q6K(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 208)
    for group in 0..<16 {
      let scale = d * Float(block.load(fromByteOffset: 192 + group, as: Int8.self))
      let (side, within) = (group / 8, group % 8)
      let lowBytes = side * 64 + within % 4 * 16
      let highBytes = 128 + side * 32 + within % 2 * 16
      let (lowShift, highShift) = (Int32(within / 4 * 4), Int32(within / 2 * 2))
      for j in 0..<16 {
        let low = byte(block, lowBytes + j) >> lowShift & 15
        let high = byte(block, highBytes + j) >> highShift & 3
        out[group * 16 + j] = scale * Float((low | high << 4) - 32)
      }
    }
  }

  /// Two-bit codes: 32 bytes hold 128 weights, the lowest bits the first 32 of them.
  @inline(__always)
  private static func quarters(_ group: Int) -> (bytes: Int, shift: Int32) {
    (group / 8 * 32 + group % 2 * 16, Int32(group % 8 / 2 * 2))
  }

  /// Eight pairs of six bits in twelve bytes: the last four bytes hold the low halves of pairs 4 to 7,
  /// whose high bits are the upper two of the first eight bytes.
  @inline(__always)
  private static func scaleAndMinimum(_ packed: UnsafeRawPointer, _ group: Int) -> (Int32, Int32) {
    let (first, second) = (byte(packed, group % 4), byte(packed, group % 4 + 4))
    if group < 4 { return (first & 63, second & 63) }
    let low = byte(packed, group + 4)
    return (low & 15 | first >> 2 & 0x30, low >> 4 | second >> 2 & 0x30)
  }
}
