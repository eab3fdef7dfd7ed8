// A linear layer's weight as it ships: codes and scales, decided once, as they are stored and exported.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

package struct QuantizedWeight: Sendable {
  package var scheme: QuantizationScheme
  /// [N, K] int8; of a float format as `CodeFormat` says.
  package var codes: Tensor
  /// [N, K/g] fp32, each representable in the scheme's precision; of either sign where the rule says so.
  package var scales: Tensor
  /// [N, K/g] fp32: the code that stands for 0; nil where that is 0.
  package var zeroPoints: Tensor?
  /// [N, K/g] fp32: added to codes times scales; nil for 0. Under `affineEdge` codes count from 0 then: the
  /// number is s (code + 2^(bits-1)) + b.
  package var biases: Tensor?
  /// An fp32 scalar that all scales are multiples of; nil for 1.
  package var tensorScale: Tensor?

  package init(
    scheme: QuantizationScheme, codes: Tensor, scales: Tensor, zeroPoints: Tensor? = nil,
    biases: Tensor? = nil, tensorScale: Tensor? = nil
  ) {
    self.scheme = scheme
    self.codes = codes
    self.scales = scales
    self.zeroPoints = zeroPoints
    self.biases = biases
    self.tensorScale = tensorScale
  }

  /// Whether it is codes and scales alone, as kernels take them.
  package var isSymmetric: Bool { zeroPoints == nil && biases == nil && tensorScale == nil }

  /// (q - z) * (s * t) + b in fp32, rounded to `dtype`.
  package func dequantize(_ dtype: DType) -> Tensor {
    guard !isSymmetric else { return scheme.weights.dequantize(codes, scales, dtype) }
    return scheme.weights.dequantizeByFormula(
      codes, scales, zeroPoints: zeroPoints, biases: biases, tensorScale: tensorScale, dtype)
  }
  /// The rows at `index` [M] int64, as a weight [M, K].
  package func rows(_ index: Tensor) -> QuantizedWeight {
    QuantizedWeight(
      scheme: scheme, codes: codes.rows(index), scales: scales.rows(index),
      zeroPoints: zeroPoints?.rows(index), biases: biases?.rows(index), tensorScale: tensorScale)
  }
  package func to(_ device: Device) -> QuantizedWeight {
    QuantizedWeight(
      scheme: scheme, codes: codes.to(device), scales: scales.to(device),
      zeroPoints: zeroPoints?.to(device), biases: biases?.to(device),
      tensorScale: tensorScale?.to(device))
  }
  /// [N, ceil(K * bits / 8)] uint8: code + 2^(bits-1), low bits first; int4 is two to a byte.
  package func packedCodes() -> Tensor { codes.packedCodes(bits: scheme.weights.bits) }
}
