// How the linear layers of a model are rounded: a rule for weights and a rule for inputs. One formula
// each, tensor to tensor, used by training, conversion and every export. The formulas are Swift over
// tensor operations and run on every device; fused kernels, where there are any, equal them bit for bit.
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

  /// Whether a weight of this shape is quantized: that of a linear layer, [N, K], with inputs that the
  /// group size divides. Training, checkpoints and reports all ask here.
  package func covers(weightShape shape: [Int]) -> Bool {
    shape.count == 2 && weights.groupSize > 0 && shape[1] % weights.groupSize == 0
  }
}

extension QuantizationScheme {
  /// Codes and scales of a weight [N, K].
  package func quantize(_ weight: Tensor) -> QuantizedWeight {
    let (codes, scales) = weights.quantize(weight)
    return QuantizedWeight(scheme: self, codes: codes, scales: scales)
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
    let scales: String =
      switch weights.scalePrecision {
      case .float32: ""
      case .bfloat16: " with bf16 scales"
      case .float16: " with fp16 scales"
      case .portable: " with portable scales"
      }
    let rounded = "\(weights.bits)-bit weights in groups of \(weights.groupSize)\(scales)"
    return inputs == .exact ? rounded + " and exact inputs" : rounded
  }

  /// What the kernels are told of this scheme.
  var kernels: KernelScheme {
    KernelScheme(
      weightBits: weights.bits, groupSize: weights.groupSize, scale: weights.scalePrecision.kernels,
      isFullRange: weights.scaleRule == .fullRange, roundsInputs: inputs == .int8PerToken)
  }
}
