// The dtypes that weights are stored in, and the bytes of a weight in each.
import Essentials

package enum StoredType: String, CaseIterable, Sendable {
  case float32, bfloat16, float16

  package var byteCount: Int { self == .float32 ? 4 : 2 }

  /// In a safetensors file.
  var safetensorsName: String {
    switch self {
    case .float32: "F32"
    case .bfloat16: "BF16"
    case .float16: "F16"
    }
  }

  /// Rounds to nearest, halves to even, and writes little-endian.
  /// - Returns: the first finite weight that is beyond the range of the type, if any.
  func store(_ weights: UnsafeBufferPointer<Float>, to bytes: UnsafeMutableRawPointer) -> Float? {
    switch self {
    case .float32:
      for i in weights.indices {
        let bits = weights[i].bitPattern.littleEndian
        bytes.storeBytes(of: bits, toByteOffset: i * 4, as: UInt32.self)
      }
      return nil
    case .bfloat16: return store(weights, to: bytes, infinity: 0x7F80, HalfPrecision.bfloat)
    case .float16: return store(weights, to: bytes, infinity: 0x7C00, HalfPrecision.half)
    }
  }

  @inline(__always)
  private func store(
    _ weights: UnsafeBufferPointer<Float>, to bytes: UnsafeMutableRawPointer, infinity: UInt16,
    _ round: (Float) -> UInt16
  ) -> Float? {
    var overflows = false
    for i in weights.indices {
      let bits = round(weights[i])
      overflows = overflows || (bits & 0x7FFF == infinity && weights[i].isFinite)
      bytes.storeBytes(of: bits.littleEndian, toByteOffset: i * 2, as: UInt16.self)
    }
    guard overflows else { return nil }
    return weights.first { $0.isFinite && round($0) & 0x7FFF == infinity }
  }

  /// Whether a weight is stored as it is.
  func holds(_ weight: Float) -> Bool {
    switch self {
    case .float32: true
    case .bfloat16:
      HalfPrecision.float(fromBFloat: HalfPrecision.bfloat(weight)) == weight || weight.isNaN
    case .float16:
      HalfPrecision.float(fromHalf: HalfPrecision.half(weight)) == weight || weight.isNaN
    }
  }
}
