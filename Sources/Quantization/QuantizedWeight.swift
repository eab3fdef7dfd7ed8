// A linear layer's weight as codes and scales, decided once: as it is stored and exported, and as
// the integer product reads it.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

/// A linear layer's weight as it ships: codes and scales, decided once.
package struct QuantizedWeight: Sendable {
  package var scheme: QuantizationScheme
  /// [N, K] int8
  package var codes: Tensor
  /// [N, K/g] fp32, each representable in the scheme's scale dtype
  package var scales: Tensor

  package init(scheme: QuantizationScheme, codes: Tensor, scales: Tensor) {
    self.scheme = scheme
    self.codes = codes
    self.scales = scales
  }

  /// q * s in fp32, rounded to `dtype`.
  package func dequantize(_ dtype: DType) -> Tensor {
    codes.dequantizedPerGroup(scales, groupSize: scheme.groupSize, dtype)
  }
  /// [N, ceil(K * bits / 8)] uint8: code + 2^(bits-1), low bits first; int4 is two to a byte.
  package func packedCodes() -> Tensor { codes.packedCodes(bits: scheme.weightBits) }
}
