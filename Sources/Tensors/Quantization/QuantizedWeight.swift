// A linear layer's weight as it ships: codes and scales, decided once, as they are stored and exported.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

package struct QuantizedWeight: Sendable {
  package var scheme: QuantizationScheme
  /// [N, K] int8
  package var codes: Tensor
  /// [N, K/g] fp32, each representable in the scheme's scale dtype
  package var scales: Tensor
  /// [N, K/g] fp32: the code that stands for 0; nil where that is 0.
  package var zeroPoints: Tensor?
  /// An fp32 scalar that all scales are multiples of; nil for 1.
  package var tensorScale: Tensor?

  package init(
    scheme: QuantizationScheme, codes: Tensor, scales: Tensor, zeroPoints: Tensor? = nil,
    tensorScale: Tensor? = nil
  ) {
    self.scheme = scheme
    self.codes = codes
    self.scales = scales
    self.zeroPoints = zeroPoints
    self.tensorScale = tensorScale
  }

  /// Whether it is codes and scales alone, as kernels and checkpoints take them.
  package var isSymmetric: Bool { zeroPoints == nil && tensorScale == nil }

  /// (q - z) * (s * t) in fp32, rounded to `dtype`.
  package func dequantize(_ dtype: DType) -> Tensor {
    guard !isSymmetric else { return scheme.weights.dequantize(codes, scales, dtype) }
    return scheme.weights.dequantizeByFormula(
      codes, tensorScale.map { scales * $0 } ?? scales, zeroPoints: zeroPoints, dtype)
  }
  package func to(_ device: Device) -> QuantizedWeight {
    QuantizedWeight(
      scheme: scheme, codes: codes.to(device), scales: scales.to(device),
      zeroPoints: zeroPoints?.to(device), tensorScale: tensorScale?.to(device))
  }
  /// [N, ceil(K * bits / 8)] uint8: code + 2^(bits-1), low bits first; int4 is two to a byte.
  package func packedCodes() -> Tensor { codes.packedCodes(bits: scheme.weights.bits) }
}
