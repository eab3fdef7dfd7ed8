// A linear layer is told how to see its weight by a value handed in with the step. No module is
// swapped and nothing is patched: exact, fake-quantized and really quantized are views.
import Quantization
import Tensors

/// How the quantized layers of one step compute.
package enum LinearNumerics: Sendable, Equatable {
  case exact
  /// Weights and inputs of the layers that the plan covers are rounded. Products are taken in integers where
  /// the processor is quick at it; or, `asNumbers`, never: what the integer product is compared with.
  case rounded(QuantizationPlan, asNumbers: Bool)

  package static func fakeQuantized(_ plan: QuantizationPlan) -> LinearNumerics {
    .rounded(plan, asNumbers: false)
  }
  package static func simulated(_ plan: QuantizationPlan) -> LinearNumerics {
    .rounded(plan, asNumbers: true)
  }
  /// Every linear layer in one way.
  package static func fakeQuantized(_ scheme: QuantizationScheme) -> LinearNumerics {
    .fakeQuantized(QuantizationPlan(scheme))
  }
  package static func simulated(_ scheme: QuantizationScheme) -> LinearNumerics {
    .simulated(QuantizationPlan(scheme))
  }

  /// How the weight of a parameter is seen; a norm's is always exact.
  package func view(_ weight: Tensor, as parameter: ParameterSpecification) -> LinearWeight {
    view(weight, plan?.scheme(of: parameter))
  }
  /// How a weight [N, K] of a linear layer in a block is seen; a vector is always exact.
  package func view(_ weight: Tensor) -> LinearWeight {
    view(weight, plan?.layers)
  }
  private func view(_ weight: Tensor, _ scheme: QuantizationScheme?) -> LinearWeight {
    guard let scheme, scheme.covers(weightShape: weight.shape) else { return .exact(weight) }
    guard usesIntegers(scheme, on: weight.device) else { return .fakeQuantized(weight, scheme) }
    return .packed(scheme.code(weight.detach()), gradients: weight)
  }

  package var plan: QuantizationPlan? {
    if case .rounded(let plan, _) = self { plan } else { nil }
  }
  /// Whether weights of a scheme are multiplied as codes.
  package func usesIntegers(_ scheme: QuantizationScheme, on device: Device) -> Bool {
    guard case .rounded(_, asNumbers: false) = self else { return false }
    return scheme.hasIntegerProduct(on: device)
  }
  /// Whether those of any layer are.
  package func usesIntegers(on device: Device) -> Bool {
    plan?.schemes.contains { usesIntegers($0, on: device) } ?? false
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
  /// The rows of an embedding [V, D] at tokens [..]: [.., D]. Rows are rounded as they are looked up.
  package func embedding(_ tokens: Tensor, dtype: DType) -> Tensor {
    switch self {
    case .exact(let tensor): tensor.embedding(tokens)
    case .fakeQuantized(let tensor, let scheme):
      scheme.weights.fakeQuantize(tensor.detach().embedding(tokens))
    case .quantized(let weight):
      weight.rows(tokens.reshape(-1)).dequantize(dtype)
        .reshape(tokens.shape + [weight.codes.shape[1]])
    case .packed: preconditionFailure("rows of codes for the integer product are not looked up")
    }
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
  // Each rule rounds the input once; layers that a checkpoint holds plain see it as it is.
  var roundedInputs: [InputRule: Tensor] = [:]
  return weights.map { weight in
    let rule = weight.inputRule
    let rounded = roundedInputs[rule] ?? rule.fakeQuantize(x)
    roundedInputs[rule] = rounded
    switch weight {
    case .exact(let tensor): return graphOnly ? x.graphOnlyLinear(tensor) : x.linear(tensor)
    case .fakeQuantized(let tensor, let scheme):
      return scheme.linear(rounded, fakeQuantizing: tensor, graphOnly: graphOnly)
    case .quantized(let codes): return rounded.linear(codes.dequantize(x.dtype))
    case .packed(let codes, let gradients):
      return x.linear([codes.codes], leaves: [gradients], graphOnly: graphOnly)[0]
    }
  }
}
