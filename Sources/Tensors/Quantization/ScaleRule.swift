// How a group's scale follows from its weights, a rule each. A rule sees the groups [.., K/g, g] in the weight's
// own dtype; the precision that rounds its scale is the caller's.
import Tensors

package enum ScaleRule: String, Sendable, Hashable, CaseIterable {
  /// max|w| / (2^(bits-1) - 0.5): the largest weight lies half a step beyond the last code. torchao's.
  case halfStep = "half_step"
  /// max|w| / the largest value of the codes, and no integer below its negative: ggml's Q8_0, floats.
  case fullRange = "full_range"
  /// The weight of the largest magnitude, with its sign, / -2^(bits-1): ggml's Q4_0. Scales have either sign.
  case signedExtreme = "signed_extreme"
  /// Of 90 candidates around `halfStep` the one whose squared error is least. Scales have either sign.
  case searched = "searched"
  /// s c + b for codes c from 0, b the end of the larger magnitude: MLX's. Scales have either sign.
  case affineEdge = "affine_edge"
  /// s q + z, z a float in the middle of the range: torchao's int4 for tinygemm.
  case floatZero = "float_zero"
  /// The power of two below max|w| over the one below the largest value: OCP MX.
  case powerOfTwo = "power_of_two"

  /// Whether a number is added to codes times scales.
  package var hasBias: Bool { self == .affineEdge || self == .floatZero }
}

/// What a rule found, rounded: [.., K/g, 1] each, fp32.
struct GroupScales {
  var scales: Tensor
  var biases: Tensor?
  /// A scalar that the scales are multiples of.
  var tensorScale: Tensor?

  /// What a weight is divided by.
  var total: Tensor { tensorScale.map { scales * $0 } ?? scales }
}

extension WeightRule {
  func groupScales(_ groups: Tensor) -> GroupScales {
    switch scaleRule {
    case .halfStep: symmetric(largest(groups) / (codes.half - 0.5))
    case .fullRange where scalePrecision == .float8: underTensorScale(groups.to(.float32))
    case .fullRange: symmetric(largest(groups.to(.float32)) / codes.largest)
    case .signedExtreme: symmetric(signedExtreme(groups.to(.float32)) / -codes.half)
    case .searched: GroupScales(scales: searchedScales(groups.to(.float32)))
    case .affineEdge: affineEdge(groups.to(.float32))
    case .floatZero: floatZero(groups)
    case .powerOfTwo:
      GroupScales(
        scales: scalePrecision.round(
          largest(groups.to(.float32)).powerOfTwo() / (codes == .float4 ? 4 : 256)))
    }
  }

  func largest(_ groups: Tensor) -> Tensor { groups.abs().amax(along: -1, keep: true) }

  private func symmetric(_ scales: Tensor) -> GroupScales {
    let sizes = scales.abs().clamped(to: leastScale ... .infinity)
    return GroupScales(
      scales: scalePrecision.round(Tensor.choose(scales.isLess(than: 0), -sizes, else: sizes)))
  }
  /// e4m3 scales of the tensor's own: that of the largest group is the largest e4m3 number.
  private func underTensorScale(_ groups: Tensor) -> GroupScales {
    let tensorScale = (groups.abs().amax() / (448 * codes.largest))
      .clamped(to: leastScale ... .infinity)
    return GroupScales(
      scales: scalePrecision.round(largest(groups) / codes.largest / tensorScale),
      tensorScale: tensorScale)
  }

  /// Of each group the number of the largest magnitude, the first of several.
  private func signedExtreme(_ groups: Tensor) -> Tensor {
    groups.gather(groups.abs().argmax(along: -1).unsqueeze(-1), along: -1)
  }
}
