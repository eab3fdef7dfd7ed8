// "8da4w" and its siblings of 2 to 8 bits: int8 inputs, each token by its own range, and symmetric weights
// in groups. On the CPU codes are multiplied in integers.
import Tensors

extension QuantizationScheme {
  package init(weightBits: Int = 4, groupSize: Int, scales: ScalePrecision = .float32) {
    self.init(
      weights: WeightRule(bits: weightBits, groupSize: groupSize, scalePrecision: scales),
      inputs: .int8PerToken)
  }
}
