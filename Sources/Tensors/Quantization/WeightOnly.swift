// Weight-only schemes: symmetric weights in groups, and inputs as they are. For runtimes that keep
// weights small and compute in floating point.
import Tensors

extension QuantizationScheme {
  package static func weightOnly(
    weightBits: Int = 4, groupSize: Int, scales: ScalePrecision = .float32
  ) -> QuantizationScheme {
    QuantizationScheme(
      weights: WeightRule(bits: weightBits, groupSize: groupSize, scalePrecision: scales),
      inputs: .exact)
  }
}
