// The numbers that codes stand for: integers, or the values of a small float. A code is stored as int8, its bit
// pattern less half of all patterns, so that packing is the same for all.
import Tensors

package enum CodeFormat: Sendable, Hashable {
  /// 2 to 8 bits: -2^(bits-1) ... 2^(bits-1) - 1.
  case integer(bits: Int)
  /// e2m1 (OCP MX): 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
  case float4
  /// e4m3fn: to 448, no infinities.
  case float8

  package var bits: Int {
    switch self {
    case .integer(let bits): bits
    case .float4: 4
    case .float8: 8
    }
  }
  package var isInteger: Bool { if case .integer = self { true } else { false } }
  /// 2^(bits-1), half of all codes.
  var half: Double { Double(1 << (bits - 1)) }
  /// The largest value; of integers both ends of a range of codes without the lowest.
  package var largest: Double {
    switch self {
    case .integer: half - 1
    case .float4: 6
    case .float8: 448
    }
  }

  /// In configurations, files and messages: int4, float4_e2m1, float8_e4m3.
  package var name: String {
    switch self {
    case .integer(let bits): "int\(bits)"
    case .float4: "float4_e2m1"
    case .float8: "float8_e4m3"
    }
  }
  package init?(name: String) {
    let all = (2...8).map { CodeFormat.integer(bits: $0) } + [.float4, .float8]
    guard let found = all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// The nearest value of the format to each fp32 number, halves to even.
  /// - Parameter low: the lowest of integers.
  func round(_ numbers: Tensor, low: Double) -> Tensor {
    switch self {
    case .integer: return numbers.round().clamped(to: low...half - 1)
    case .float4: return roundFloat(numbers, leastStep: 0.5)
    case .float8: return roundFloat(numbers, leastStep: 0x1p-9)
    }
  }
  /// Steps double with each power of two; below the first they stay.
  private func roundFloat(_ numbers: Tensor, leastStep: Double) -> Tensor {
    let bounded = numbers.clamped(to: -largest...largest)
    let mantissa: Double = self == .float4 ? 2 : 8
    let step = (bounded.powerOfTwo() / mantissa).clamped(to: leastStep ... .infinity)
    return (bounded / step).round() * step
  }

  /// int8 codes of values that `round` gave.
  func codes(of values: Tensor) -> Tensor {
    guard !isInteger else { return values.to(.int8) }
    let mantissa: Double = self == .float4 ? 2 : 8
    let leastStep: Double = self == .float4 ? 0.5 : 0x1p-9
    let sizes = values.abs()
    // The pattern counts the values: those of a power of two, `mantissa` many, follow the smaller ones.
    let power = sizes.powerOfTwo().clamped(to: leastStep * mantissa ... .infinity)
    let powers = (power / (leastStep * mantissa)).log() / 0.6931471805599453
    let pattern = powers.round() * mantissa + sizes / (power / mantissa)
    let sign = Tensor.choose(
      values.isLess(than: 0), Tensor.full([], half, on: values.device),
      else: Tensor.full([], 0, on: values.device))
    return (pattern + sign - half).to(.int8)
  }
  /// fp32 values of int8 codes.
  func values(of codes: Tensor) -> Tensor {
    guard !isInteger else { return codes.to(.float32) }
    let places = (codes.to(.float32) + half).to(.int64).reshape(-1)
    return Tensor(Self.table(of: self)).to(codes.device).rows(places).reshape(codes.shape)
  }
  private static func table(of format: CodeFormat) -> [Float] {
    let (mantissa, leastStep): (Int, Float) = format == .float4 ? (2, 0.5) : (8, 0x1p-9)
    let sizes = (0..<1 << (format.bits - 1)).map { pattern -> Float in
      let (power, rest) = (pattern / mantissa, pattern % mantissa)
      if power == 0 { return Float(rest) * leastStep }
      return Float(mantissa + rest) * leastStep * Float(1 << (power - 1))
    }
    return sizes + sizes.map { -$0 }
  }
}
