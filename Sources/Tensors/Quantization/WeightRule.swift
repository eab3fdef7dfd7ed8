// How weights are rounded: what codes stand for, who shares a scale along the input width, how the scale follows
// from the weights, and what it is rounded to. One formula for all rules; integers of 4 bits with half steps and
// fp32 scales are what torchao 0.10 does as torchtune 0.6.1 uses it ("8da4w").
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

package struct WeightRule: Sendable, Hashable {
  package var codes: CodeFormat
  /// Weights along the input width that share a scale; `wholeRow` for all of them.
  package var groupSize: Int
  package var scaleRule: ScaleRule
  package var scalePrecision: ScalePrecision

  package var bits: Int { codes.bits }
  /// What stores a scale.
  package var scaleDType: DType { scalePrecision.dtype }
  /// A scale an output ("per channel").
  package static let wholeRow = -1

  package init(
    codes: CodeFormat, groupSize: Int, scaleRule: ScaleRule = .halfStep,
    scalePrecision: ScalePrecision = .float32
  ) {
    self.codes = codes
    self.groupSize = groupSize
    self.scaleRule = scaleRule
    self.scalePrecision = scalePrecision
  }
  package init(
    bits: Int = 4, groupSize: Int, scaleRule: ScaleRule = .halfStep,
    scalePrecision: ScalePrecision = .float32
  ) {
    self.init(
      codes: .integer(bits: bits), groupSize: groupSize, scaleRule: scaleRule,
      scalePrecision: scalePrecision)
  }

  /// Of a weight with so many inputs.
  package func groupSize(inputs: Int) -> Int { groupSize == Self.wholeRow ? inputs : groupSize }

  /// Whether its scales may be negative.
  package var hasSignedScales: Bool {
    scaleRule == .signedExtreme || scaleRule == .searched || scaleRule == .affineEdge
  }
  /// Whether its rounding of some rows is that of the whole weight: no number is the whole tensor's.
  package var roundsRowsAlone: Bool { scalePrecision != .float8 }
  /// What stores a bias.
  package var biasDType: DType {
    scalePrecision == .powerOfTwo || scalePrecision == .float8 ? .float32 : scalePrecision.dtype
  }
  /// Whether the rule gives scales for these codes that the precision can hold.
  package var isPossible: Bool {
    switch scaleRule {
    case .fullRange: scalePrecision != .powerOfTwo
    case .powerOfTwo: !codes.isInteger && scalePrecision != .float8
    case .halfStep, .signedExtreme, .searched, .affineEdge, .floatZero:
      codes.isInteger && scalePrecision.kernels != nil
    }
  }
  /// Whether a weight is codes times scales and nothing else.
  package var isSymmetric: Bool { !scaleRule.hasBias && scalePrecision != .float8 }
}

extension WeightRule {
  /// For messages: `4-bit weights in groups of 32`.
  package var summary: String {
    let scales: String =
      switch scalePrecision {
      case .float32: ""
      case .bfloat16: " with bf16 scales"
      case .float16: " with fp16 scales"
      case .portable: " with portable scales"
      case .powerOfTwo: " with scales that are powers of two"
      case .float8: " with e4m3 scales"
      }
    let numbers = codes.isInteger ? "\(bits)-bit" : codes.name
    let groups =
      groupSize == Self.wholeRow ? "per channel" : "in groups of \(groupSize)"
    return "\(numbers) weights \(groups)\(scales)"
  }
}

/// A weight as codes and what turns them back into numbers.
package struct RoundedWeight {
  /// [N, K] int8
  package var codes: Tensor
  /// [N, K/g] fp32
  package var scales: Tensor
  /// [N, K/g] fp32: added to codes times scales.
  package var biases: Tensor?
  /// An fp32 scalar that all scales are multiples of.
  package var tensorScale: Tensor?
}

/// The formulas.
extension WeightRule {
  /// Codes [N, K] int8 and scales [N, K/g] fp32 of a weight [N, K].
  ///
  /// s as `scaleRule` says, rounded to `scalePrecision`; the code is that of the value nearest to w / s, or to
  /// (w - b) / s, in fp32, halves to even. torchao's rule ("half_step" with a dtype) multiplies by 1/s.
  package func quantizeByFormula(_ weight: Tensor) -> RoundedWeight {
    let (values, found) = round(weight)
    return RoundedWeight(
      codes: codes.codes(of: values), scales: found.scales.squeeze(-1),
      biases: found.biases?.squeeze(-1), tensorScale: found.tensorScale)
  }
  /// The values that codes stand for, [N, K] fp32: a group that is not finite stays so.
  private func round(_ weight: Tensor) -> (values: Tensor, scales: GroupScales) {
    let groups = weight.detach().reshape(grouped(weight.shape))
    let found = groupScales(groups)
    var numbers = groups.to(.float32)
    if let biases = found.biases { numbers = numbers - first(found.scales, biases) }
    let total = found.total
    let quotients = divides ? numbers / total : numbers * total.reciprocal()
    let values: Tensor
    if found.biases == nil {
      let low = scaleRule == .fullRange ? -codes.largest : -codes.half
      values = codes.round(quotients, low: low)
    } else {
      values = quotients.round().clamped(to: 0...2 * codes.half - 1) - codes.half
    }
    return (values.reshape(weight.shape), found)
  }
  /// The number that the lowest code of a group stands for.
  private func first(_ scales: Tensor, _ biases: Tensor) -> Tensor {
    scaleRule == .floatZero ? biases - scales * codes.half : biases
  }
  /// Whether codes are made by dividing by the rounded scale.
  private var divides: Bool { scaleRule != .halfStep || scalePrecision == .portable }

  /// (q - z) s, or s q + b, in fp32, rounded to `dtype`; scales times the tensor's, where there is one.
  package func dequantizeByFormula(
    _ codes: Tensor, _ scales: Tensor, zeroPoints: Tensor? = nil, biases: Tensor? = nil,
    tensorScale: Tensor? = nil, _ dtype: DType
  ) -> Tensor {
    number(
      self.codes.values(of: codes), scales, zeroPoints: zeroPoints, biases: biases,
      tensorScale: tensorScale, dtype)
  }
  private func number(
    _ values: Tensor, _ scales: Tensor, zeroPoints: Tensor? = nil, biases: Tensor?,
    tensorScale: Tensor?, _ dtype: DType
  ) -> Tensor {
    var groups = values.reshape(grouped(values.shape))
    if let zeroPoints { groups = groups - zeroPoints.unsqueeze(-1) }
    if scaleRule == .affineEdge { groups = groups + codes.half }
    var numbers = groups * (tensorScale.map { scales * $0 } ?? scales).unsqueeze(-1)
    if let biases { numbers = numbers + biases.unsqueeze(-1) }
    return numbers.reshape(values.shape).to(dtype)
  }
  package func fakeQuantizeByFormula(_ weight: Tensor) -> Tensor {
    let (values, found) = round(weight)
    return number(
      values, found.scales.squeeze(-1), biases: found.biases?.squeeze(-1),
      tensorScale: found.tensorScale, weight.dtype)
  }

  private func grouped(_ shape: [Int]) -> [Int] {
    let inputs = shape[shape.count - 1]
    let group = groupSize(inputs: inputs)
    return shape.dropLast() + [inputs / group, group]
  }
}

/// The formulas, by a kernel where there is one.
extension WeightRule {
  package func quantize(_ weight: Tensor) -> RoundedWeight {
    guard let kernels = kernels(weight) else { return quantizeByFormula(weight) }
    let (codes, scales) = weight.quantizedPerGroup(kernels)
    return RoundedWeight(codes: codes, scales: scales)
  }
  /// `dequantize(quantize(weight))` in one pass, in weight's dtype.
  package func fakeQuantize(_ weight: Tensor) -> Tensor {
    kernels(weight).map(weight.fakeQuantizedPerGroup) ?? fakeQuantizeByFormula(weight)
  }
  package func dequantize(_ codes: Tensor, _ scales: Tensor, _ dtype: DType) -> Tensor {
    guard let kernels = kernels(codes, dtype) else {
      return dequantizeByFormula(codes, scales, dtype)
    }
    return codes.dequantizedPerGroup(scales, kernels, dtype)
  }

  /// What the kernels for this tensor are told; nil where there is none.
  private func kernels(_ tensor: Tensor, _ dtype: DType? = nil) -> KernelScheme? {
    let scheme = QuantizationScheme(weights: self, inputs: .exact)
      .kernels(inputs: tensor.shape.last ?? 0)
    guard let scheme, scheme.has(.weightRounding, dtype ?? tensor.dtype, on: tensor.device) else {
      return nil
    }
    return scheme
  }
}

/// fp32 epsilon: no scale is smaller.
let leastScale = 1.1920928955078125e-07
