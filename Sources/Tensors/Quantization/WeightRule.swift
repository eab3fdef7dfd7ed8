// Symmetric integer weights, a scale for each group along the input width. With half steps and a scale of a
// dtype it is what torchao 0.10 does as torchtune 0.6.1 uses it ("8da4w").
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

package struct WeightRule: Sendable, Hashable {
  /// 2 to 8. Codes are in -2^(bits-1) ... 2^(bits-1) - 1; 4 is the reference.
  package var bits: Int
  /// Weights along the input width that share a scale.
  package var groupSize: Int
  package var scaleRule: ScaleRule
  package var scalePrecision: ScalePrecision
  /// What stores a scale.
  package var scaleDType: DType { scalePrecision.dtype }

  package init(
    bits: Int = 4, groupSize: Int, scaleRule: ScaleRule = .halfStep,
    scalePrecision: ScalePrecision = .float32
  ) {
    self.bits = bits
    self.groupSize = groupSize
    self.scaleRule = scaleRule
    self.scalePrecision = scalePrecision
  }
}

/// How a group's scale follows from its weights.
package enum ScaleRule: String, Sendable, Hashable, CaseIterable {
  /// max|w| / (2^(bits-1) - 0.5): the largest weight lies half a step beyond the last code.
  case halfStep = "half_step"
  /// max|w| / (2^(bits-1) - 1), and no code below -(2^(bits-1) - 1): ggml's Q8_0.
  case fullRange = "full_range"
}

/// The formulas.
extension WeightRule {
  /// Codes [N, K] int8 and scales [N, K/g] fp32 of a weight [N, K].
  ///
  /// s as `scaleRule` says, in w's dtype, at least fp32 epsilon, then rounded to `scalePrecision`;
  /// q = clamp(round(w / s)) with halves to even, in fp32. torchao's rule multiplies by 1/s instead.
  package func quantizeByFormula(_ weight: Tensor) -> (codes: Tensor, scales: Tensor) {
    let (codes, scales) = round(weight)
    return (codes.to(.int8), scales)
  }
  /// The codes in fp32: a group that is not finite stays so.
  private func round(_ weight: Tensor) -> (codes: Tensor, scales: Tensor) {
    let half = Double(1 << (bits - 1))
    let (low, last) = scaleRule == .halfStep ? (-half, half - 0.5) : (1 - half, half - 1)
    let groups = weight.detach().reshape(grouped(weight.shape))
    let largest = groups.abs().amax(along: -1, keep: true)
    let scales = scalePrecision.round((largest / last).clamped(to: leastScale ... .infinity))
    let numbers = groups.to(.float32)
    let codes = (divides ? numbers / scales : numbers * scales.reciprocal()).round()
    return (codes.clamped(to: low...half - 1).reshape(weight.shape), scales.squeeze(-1))
  }
  /// Whether codes are made by dividing by the rounded scale.
  private var divides: Bool { scaleRule != .halfStep || scalePrecision == .portable }
  /// (q - z) * s in fp32, rounded to `dtype`; a symmetric rule's zero points are 0.
  package func dequantizeByFormula(
    _ codes: Tensor, _ scales: Tensor, zeroPoints: Tensor? = nil, _ dtype: DType
  ) -> Tensor {
    var groups = codes.to(.float32).reshape(grouped(codes.shape))
    if let zeroPoints { groups = groups - zeroPoints.unsqueeze(-1) }
    return (groups * scales.unsqueeze(-1)).reshape(codes.shape).to(dtype)
  }
  package func fakeQuantizeByFormula(_ weight: Tensor) -> Tensor {
    let (codes, scales) = round(weight)
    return dequantizeByFormula(codes, scales, weight.dtype)
  }

  private func grouped(_ shape: [Int]) -> [Int] {
    shape.dropLast() + [shape[shape.count - 1] / groupSize, groupSize]
  }
}

/// The formulas, by a kernel where there is one.
extension WeightRule {
  package func quantize(_ weight: Tensor) -> (codes: Tensor, scales: Tensor) {
    hasKernel(weight.dtype, on: weight.device)
      ? weight.quantizedPerGroup(kernels) : quantizeByFormula(weight)
  }
  /// `dequantize(quantize(weight))` in one pass, in weight's dtype.
  package func fakeQuantize(_ weight: Tensor) -> Tensor {
    hasKernel(weight.dtype, on: weight.device)
      ? weight.fakeQuantizedPerGroup(kernels) : fakeQuantizeByFormula(weight)
  }
  package func dequantize(_ codes: Tensor, _ scales: Tensor, _ dtype: DType) -> Tensor {
    hasKernel(dtype, on: codes.device)
      ? codes.dequantizedPerGroup(scales, kernels, dtype)
      : dequantizeByFormula(codes, scales, dtype)
  }

  private func hasKernel(_ dtype: DType, on device: Device) -> Bool {
    kernels.has(.weightRounding, dtype, on: device)
  }
  private var kernels: KernelScheme {
    QuantizationScheme(weights: self, inputs: .exact).kernels
  }
}

/// fp32 epsilon: no scale is smaller.
let leastScale = 1.1920928955078125e-07
