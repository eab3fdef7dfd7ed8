// Which layers a quantization scheme covers, and how messages name it.
import Quantization
import Tensors

extension QuantizationScheme {
  package func fits(_ parameter: ParameterSpecification) -> Bool {
    parameter.kind == .linear && fits(inputWidth: parameter.shape[1])
  }

  /// For messages: `4-bit weights in groups of 32`.
  package var summary: String {
    let scales: String =
      switch scaleDType {
      case .bfloat16: " with bf16 scales"
      case .float16: " with fp16 scales"
      default: ""
      }
    return "\(weightBits)-bit weights in groups of \(groupSize)\(scales)"
  }
}
