// A linear layer is told how to see its weight by a value handed in with the step. No module is
// swapped and nothing is patched: exact, fake-quantized and really quantized are views.
import Quantization
import Tensors

/// How the linear layers of one step compute.
package enum LinearNumerics: Sendable, Equatable {
  case exact
  /// Weights and inputs of the layers that the scheme covers are rounded. Products are taken in
  /// integers where the processor is quick at it.
  case fakeQuantized(QuantizationScheme)
  /// The same rounding, multiplied as numbers: what the integer product is compared with.
  case simulated(QuantizationScheme)

  /// How a weight [N, K] is seen; a vector (a norm's weight) is always exact.
  package func view(_ weight: Tensor) -> LinearWeight {
    guard let scheme, scheme.covers(weightShape: weight.shape) else { return .exact(weight) }
    guard usesIntegers(on: weight.device) else { return .fakeQuantized(weight, scheme) }
    return .packed(scheme.code(weight.detach()), gradients: weight)
  }

  package var scheme: QuantizationScheme? {
    switch self {
    case .exact: nil
    case .fakeQuantized(let scheme), .simulated(let scheme): scheme
    }
  }
  /// Whether rounded layers are multiplied as codes.
  package func usesIntegers(on device: Device) -> Bool {
    guard case .fakeQuantized(let scheme) = self else { return false }
    return scheme.hasIntegerProduct(on: device)
  }
}

package enum LinearWeight: Sendable {
  case exact(Tensor)
  /// Rounded on the way, multiplied as numbers.
  case fakeQuantized(Tensor, QuantizationScheme)
  /// Codes, multiplied in integers. The gradient at the weight goes to `gradients`, a leaf of its shape
  /// whose values are not read.
  case packed(PackedWeight, gradients: Tensor?)
  /// Codes for which there is no product here: made numbers at each use.
  case quantized(QuantizedWeight)

  /// The tensor of a weight that is never quantized: a norm's.
  package var exactTensor: Tensor {
    guard case .exact(let tensor) = self else {
      preconditionFailure("a norm's weight cannot be quantized")
    }
    return tensor
  }
  /// How its input has to be rounded for it; codes round it themselves.
  fileprivate var inputRule: InputRule {
    switch self {
    case .exact, .packed: .exact
    case .fakeQuantized(_, let scheme): scheme.inputs
    case .quantized(let weight): weight.scheme.inputs
    }
  }
  fileprivate var packed: (weight: PackedWeight, gradients: Tensor?)? {
    if case .packed(let weight, let gradients) = self { (weight, gradients) } else { nil }
  }
}

/// One input [.., K] through several linear layers: [.., N] each. The input is rounded once.
/// - Parameter graphOnly: where only the graph is wanted: products are left out.
package func linear(_ x: Tensor, _ weights: LinearWeight..., graphOnly: Bool = false) -> [Tensor] {
  linear(x, weights, graphOnly: graphOnly)
}
func linear(_ x: Tensor, _ weights: [LinearWeight], graphOnly: Bool) -> [Tensor] {
  let packed = weights.compactMap(\.packed)
  if packed.count == weights.count {
    return x.linear(
      packed.map(\.weight.codes), leaves: packed.map(\.gradients), graphOnly: graphOnly)
  }
  // A checkpoint may hold some of the layers plain; those that are not have one scheme.
  let rule = weights.lazy.map(\.inputRule).first { $0 != .exact }
  let rounded = rule?.fakeQuantize(x) ?? x
  return weights.map { weight in
    switch weight {
    case .exact(let tensor): graphOnly ? x.graphOnlyLinear(tensor) : x.linear(tensor)
    case .fakeQuantized(let tensor, let scheme):
      scheme.linear(rounded, fakeQuantizing: tensor, graphOnly: graphOnly)
    case .quantized(let codes): rounded.linear(codes.dequantize(x.dtype))
    case .packed(let codes, let gradients):
      x.linear([codes.codes], leaves: [gradients], graphOnly: graphOnly)[0]
    }
  }
}
