// int8 inputs, asymmetric: each token (row) on its own, by the range that it has (torchao 0.10).
import Tensors

package enum TokenQuantization {
  package typealias Codes = (codes: Tensor, scale: Tensor, zeroPoint: Tensor)

  /// Codes int8 of x's shape; scale and zero point fp32 without the last dimension.
  ///
  /// All in x's own dtype until the cast to fp32, rounding after each operation:
  /// s = (max(x, 0) - min(x, 0)) / 255, at least fp32 epsilon; the zero point is measured from the end
  /// of the range with the smaller error; q = clamp(round(x * (1/s)) + zero point), halves to even.
  package static func quantizeByFormula(_ x: Tensor) -> Codes {
    let (codes, scale, zeroPoint) = round(x.detach())
    return (codes.to(.int8), scale, zeroPoint)
  }
  /// The codes in fp32: a row that is not finite stays so.
  private static func round(_ x: Tensor) -> Codes {
    let low = x.amin(along: -1, keep: true).clamped(to: -.infinity...0)
    let high = x.amax(along: -1, keep: true).clamped(to: 0 ... .infinity)
    let ownScale = ((high - low) / 255).clamped(to: leastScale ... .infinity)
    let (atLow, atHigh) = (low / ownScale, high / ownScale)
    let zeroPoint = Tensor.choose(
      ((atLow - 128) + (atHigh + 127)).isGreater(than: 0), -atLow - 128, else: -atHigh + 127
    ).clamped(to: -128...127).round().to(.float32)
    let scale = ownScale.to(.float32)
    let codes = ((x.to(.float32) * scale.reciprocal()).round() + zeroPoint).clamped(to: -128...127)
    return (codes, scale.squeeze(-1), zeroPoint.squeeze(-1))
  }
  /// (q - zp) * s in fp32, rounded to `dtype`.
  package static func dequantize(
    _ codes: Tensor, scale: Tensor, zeroPoint: Tensor, _ dtype: DType
  ) -> Tensor {
    ((codes.to(.float32) - zeroPoint.unsqueeze(-1)) * scale.unsqueeze(-1)).to(dtype)
  }
  package static func fakeQuantizeByFormula(_ x: Tensor) -> Tensor {
    let (codes, scale, zeroPoint) = round(x.detach())
    return dequantize(codes, scale: scale, zeroPoint: zeroPoint, x.dtype)
  }

  // By a kernel where there is one. It is the same for every rule of weights.
  private static let kernels = KernelScheme(
    weightBits: 4, groupSize: 32, scale: .float32, isFullRange: false, roundsInputs: true)
  private static func hasKernel(_ x: Tensor) -> Bool {
    kernels.has(.inputRounding, x.dtype, on: x.device)
  }
  package static func quantize(_ x: Tensor) -> Codes {
    hasKernel(x) ? x.quantizedPerToken() : quantizeByFormula(x)
  }
  package static func fakeQuantize(_ x: Tensor) -> Tensor {
    x.straightThrough(hasKernel(x) ? x.fakeQuantizedPerToken() : fakeQuantizeByFormula(x))
  }
}
