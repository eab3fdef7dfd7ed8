// How a linear layer is rounded: a rule for weights and a rule for inputs. One formula each, tensor to tensor,
// used by training, conversion and every export. The formulas are Swift over tensor operations and run on every
// device; fused kernels, where there are any, equal them bit for bit.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Tensors

package struct QuantizationScheme: Sendable, Hashable {
  package var weights: WeightRule
  package var inputs: InputRule

  package init(weights: WeightRule, inputs: InputRule) {
    self.weights = weights
    self.inputs = inputs
  }

  /// Whether a weight of this shape can be quantized so: that of a linear layer, [N, K], with inputs that the
  /// group size and the inputs' blocks divide. Training, checkpoints and reports all ask here.
  package func covers(weightShape shape: [Int]) -> Bool {
    guard shape.count == 2, shape[1] > 0, inputs.block.map({ shape[1] % $0 == 0 }) ?? true else {
      return false
    }
    let group = weights.groupSize(inputs: shape[1])
    return group > 0 && shape[1] % group == 0
  }
}

extension QuantizationScheme {
  /// Codes and scales of a weight [N, K].
  package func quantize(_ weight: Tensor) -> QuantizedWeight {
    let found = weights.quantize(weight)
    return QuantizedWeight(
      scheme: self, codes: found.codes, scales: found.scales, biases: found.biases,
      tensorScale: found.tensorScale)
  }

  /// A linear layer as QAT sees it: `rounded` [.., K] is an input that `inputs` has rounded already, the
  /// weight [N, K] is rounded on the way. The gradient passes straight through; the graph keeps no
  /// rounded copy of the weight.
  package func linear(
    _ rounded: Tensor, fakeQuantizing weight: Tensor, graphOnly: Bool = false
  ) -> Tensor {
    rounded.linear(weight, graphOnly: graphOnly) { [weights] in weights.fakeQuantize($0) }
  }

  /// For messages: `4-bit weights in groups of 32`.
  package var summary: String {
    let rounded = weights.summary
    return inputs == .int8PerToken ? rounded : rounded + " and " + inputs.shortSummary
  }

  /// What the kernels are told of this scheme for a weight with so many inputs; nil where they don't know it.
  func kernels(inputs count: Int) -> KernelScheme? {
    guard case .integer(let bits) = weights.codes, let scale = weights.scalePrecision.kernels,
      weights.scaleRule == .halfStep || weights.scaleRule == .fullRange
    else { return nil }
    return KernelScheme(
      weightBits: bits, groupSize: weights.groupSize(inputs: count), scale: scale,
      isFullRange: weights.scaleRule == .fullRange, roundsInputs: inputs == .int8PerToken)
  }
  /// The same where codes are multiplied in integers, in groups; nil where they are not.
  func productKernels(on device: Device) -> KernelScheme? {
    guard weights.groupSize > 0, let kernels = kernels(inputs: weights.groupSize),
      kernels.has(.integerProduct, .float32, on: device)
    else { return nil }
    return kernels
  }
}
