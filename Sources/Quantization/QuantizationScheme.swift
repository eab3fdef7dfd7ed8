// The numerics of quantization, tensor to tensor: one formula each, used by training, conversion
// and every export. Source: torchao 0.10 as torchtune 0.6.1 uses it ("8da4w"): int8 asymmetric
// dynamic activations per token, symmetric weights per group along the input width.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

/// How a linear layer's weight and input are rounded.
package struct QuantizationScheme: Sendable, Hashable {
  /// 2 to 8. Codes are in -2^(bits-1) ... 2^(bits-1) - 1; 4 is the reference.
  package var weightBits: Int
  /// Weights along the input width that share a scale.
  package var groupSize: Int
  /// What a stored scale is rounded to; training uses the rounded one.
  package var scaleDType: DType

  package init(weightBits: Int = 4, groupSize: Int, scaleDType: DType = .float32) {
    self.weightBits = weightBits
    self.groupSize = groupSize
    self.scaleDType = scaleDType
  }

  /// Whether a linear layer with inputs of this width can be quantized.
  package func fits(inputWidth: Int) -> Bool { groupSize > 0 && inputWidth % groupSize == 0 }
}

extension QuantizationScheme {
  /// Codes [N, K] int8 and scales [N, K/g] fp32 of a weight [N, K].
  ///
  /// s = max|w| / (2^(bits-1) - 0.5) in w's dtype, at least fp32 epsilon, rounded to `scaleDType`;
  /// q = clamp(round(w * (1/s))) with halves to even, in fp32.
  package func quantize(_ weight: Tensor) -> QuantizedWeight {
    let (codes, scales) = weight.quantizedPerGroup(
      bits: weightBits, groupSize: groupSize, scaleDType: scaleDType)
    return QuantizedWeight(scheme: self, codes: codes, scales: scales)
  }

  /// `dequantize(quantize(weight))` in one pass, in weight's dtype.
  package func fakeQuantize(_ weight: Tensor) -> Tensor {
    weight.fakeQuantizedPerGroup(bits: weightBits, groupSize: groupSize, scaleDType: scaleDType)
  }

  /// A linear layer as QAT sees it: x [.., K] already fake-quantized, weight [N, K] rounded on the
  /// way. The slope passes straight through; the graph keeps no rounded copy of the weight.
  package func linear(_ x: Tensor, fakeQuantizing weight: Tensor, valueIsRead: Bool = true)
    -> Tensor
  {
    x.linearFakeQuantizingWeight(
      weight, bits: weightBits, groupSize: groupSize, scaleDType: scaleDType,
      valueIsRead: valueIsRead)
  }
}

/// int8 of activations, asymmetric, each token (row) on its own.
package enum TokenQuantization {
  /// Codes int8 of x's shape; scale and zero point fp32 without the last dimension.
  package static func quantize(_ x: Tensor) -> (codes: Tensor, scale: Tensor, zeroPoint: Tensor) {
    x.quantizedPerToken()
  }
  /// (q - zp) * s in fp32, rounded to x's dtype; the slope passes straight through.
  package static func fakeQuantize(_ x: Tensor) -> Tensor { x.fakeQuantizedPerToken() }
  package static func dequantize(
    _ codes: Tensor, scale: Tensor, zeroPoint: Tensor, _ dtype: DType
  ) -> Tensor {
    ((codes.to(.float32) - zeroPoint.unsqueeze(-1)) * scale.unsqueeze(-1)).to(dtype)
  }
}
