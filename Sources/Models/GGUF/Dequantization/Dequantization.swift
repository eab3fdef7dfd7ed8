// Weights of any GGUF type as Float, bit for bit what the `gguf` package computes: each formula takes
// its products and sums in that order and rounds each of them; Swift fuses none.

package enum Dequantization {
  /// - Parameters:
  ///   - source: whole blocks, as the file has them.
  ///   - weights: room for `source.count / blockByteCount * blockSize` values.
  package static func dequantize(
    _ source: UnsafeRawBufferPointer, _ type: ElementType,
    into weights: UnsafeMutableBufferPointer<Float>
  ) {
    let count = source.count / type.blockByteCount
    precondition(
      source.count == count * type.blockByteCount && weights.count == count * type.blockSize,
      "\(source.count) bytes of \(type.name) are not \(weights.count) weights")
    guard count > 0, let bytes = source.baseAddress, let out = weights.baseAddress else { return }
    switch type {
    case .f32:
      for i in 0..<count {
        let bits = bytes.loadUnaligned(fromByteOffset: i * 4, as: UInt32.self)
        out[i] = Float(bitPattern: UInt32(littleEndian: bits))
      }
    case .f16: for i in 0..<count { out[i] = half(bytes, i * 2) }
    case .bf16:
      for i in 0..<count {
        let bits = bytes.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)
        out[i] = HalfPrecision.float(fromBFloat: UInt16(littleEndian: bits))
      }
    case .q40: blocks(bytes, type, out, count, q40)
    case .q41: blocks(bytes, type, out, count, q41)
    case .q50: blocks(bytes, type, out, count, q50)
    case .q51: blocks(bytes, type, out, count, q51)
    case .q80: blocks(bytes, type, out, count, q80)
    case .q20: blocks(bytes, type, out, count, q20)
    case .q2K: blocks(bytes, type, out, count, q2K)
    case .q3K: blocks(bytes, type, out, count, q3K)
    case .q4K: blocks(bytes, type, out, count, q4K)
    case .q5K: blocks(bytes, type, out, count, q5K)
    case .q6K: blocks(bytes, type, out, count, q6K)
    }
  }

  typealias Block = (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void

  @inline(__always)
  private static func blocks(
    _ bytes: UnsafeRawPointer, _ type: ElementType, _ out: UnsafeMutablePointer<Float>,
    _ count: Int, _ block: Block
  ) {
    for i in 0..<count { block(bytes + i * type.blockByteCount, out + i * type.blockSize) }
  }

  @inline(__always)
  static func half(_ bytes: UnsafeRawPointer, _ offset: Int) -> Float {
    let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return HalfPrecision.float(fromHalf: UInt16(littleEndian: bits))
  }

  @inline(__always)
  static func byte(_ bytes: UnsafeRawPointer, _ offset: Int) -> Int32 {
    Int32(bytes.load(fromByteOffset: offset, as: UInt8.self))
  }
}
