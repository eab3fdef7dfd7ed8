// A linear layer is told how to see its weight by a value handed in with the step. No module is
// swapped and nothing is patched: exact, fake-quantized and really quantized are three views.
import Quantization
import Tensors

/// How the linear layers of one step compute.
package enum LinearNumerics: Sendable, Equatable {
  case exact
  /// Weights and inputs are rounded as the scheme says; a layer whose input width the group size
  /// does not divide stays exact.
  case fakeQuantized(QuantizationScheme)

  /// How a weight [N, K] is seen; a vector (a norm's weight) is always exact.
  package func view(_ weight: Tensor) -> LinearWeight {
    guard case .fakeQuantized(let scheme) = self, weight.rank == 2,
      scheme.fits(inputWidth: weight.shape[1])
    else { return .exact(weight) }
    return .fakeQuantized(weight, scheme)
  }
}

package enum LinearWeight: Sendable {
  case exact(Tensor)
  case fakeQuantized(Tensor, QuantizationScheme)
  case quantized(QuantizedWeight)

  /// The tensor of a weight that is never quantized: a norm's.
  package var exactTensor: Tensor {
    guard case .exact(let tensor) = self else {
      preconditionFailure("a norm's weight cannot be quantized")
    }
    return tensor
  }
  var roundsInput: Bool { if case .exact = self { false } else { true } }
}

/// One input [.., K] through several linear layers: [.., N] each. The input is rounded once.
package func linear(_ x: Tensor, _ weights: LinearWeight...) -> [Tensor] {
  let rounded = weights.contains(where: \.roundsInput) ? TokenQuantization.fakeQuantize(x) : x
  return weights.map { weight in
    switch weight {
    case .exact(let tensor): x.linear(tensor)
    case .fakeQuantized(let tensor, let scheme): scheme.linear(rounded, fakeQuantizing: tensor)
    // The codes that were trained, times their scales: the product is the prepared model's, bit
    // for bit.
    case .quantized(let codes): rounded.linear(codes.dequantize(x.dtype))
    }
  }
}
