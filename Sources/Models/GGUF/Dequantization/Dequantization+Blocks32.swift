// The types with blocks of 32 weights. A byte of `qs` holds weight j in its low half and weight j + 16
// in its high half; `qh` holds a fifth bit for each weight. Source: ggml's formats, `gguf.quants`.

extension Dequantization {
  /// d (code - 8). Bytes: d, qs[16].
  @inline(__always)
  static func q40(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for j in 0..<16 {
      let codes = byte(block, 2 + j)
      out[j] = d * Float(codes & 15 - 8)
      out[j + 16] = d * Float(codes >> 4 - 8)
    }
  }

  /// d (code - 1), of 64 weights. Bytes: d, qs[16]; weight j is bits 2 (j % 4) of byte j / 4.
  @inline(__always)
  static func q20(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for j in 0..<64 {
      out[j] = d * Float(byte(block, 2 + j / 4) >> Int32(j % 4 * 2) & 3 - 1)
    }
  }

  /// d code + m. Bytes: d, m, qs[16].
  @inline(__always)
  static func q41(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let (d, m) = (half(block, 0), half(block, 2))
    for j in 0..<16 {
      let codes = byte(block, 4 + j)
      out[j] = d * Float(codes & 15) + m
      out[j + 16] = d * Float(codes >> 4) + m
    }
  }

  /// d (code - 16). Bytes: d, qh[4], qs[16].
  @inline(__always)
  static func q50(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    let high = fifthBits(block, 2)
    for j in 0..<16 {
      let codes = byte(block, 6 + j)
      let (first, second) = (codes & 15 | (high >> Int32(j) & 1) << 4, codes >> 4)
      out[j] = d * Float(first - 16)
      out[j + 16] = d * Float((second | (high >> Int32(j + 16) & 1) << 4) - 16)
    }
  }

  /// d code + m. Bytes: d, m, qh[4], qs[16].
  @inline(__always)
  static func q51(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let (d, m) = (half(block, 0), half(block, 2))
    let high = fifthBits(block, 4)
    for j in 0..<16 {
      let codes = byte(block, 8 + j)
      let (first, second) = (codes & 15 | (high >> Int32(j) & 1) << 4, codes >> 4)
      out[j] = d * Float(first) + m
      out[j + 16] = d * Float(second | (high >> Int32(j + 16) & 1) << 4) + m
    }
  }

  /// d code. Bytes: d, qs[32] as signed bytes.
  @inline(__always)
  static func q80(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block, 0)
    for j in 0..<32 {
      out[j] = Float(block.load(fromByteOffset: 2 + j, as: Int8.self)) * d
    }
  }

  @inline(__always)
  private static func fifthBits(_ block: UnsafeRawPointer, _ offset: Int) -> Int32 {
    Int32(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: Int32.self))
  }
}
