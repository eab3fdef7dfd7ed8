// Which layers of a model a quantization scheme covers: said here for names and shapes, and in Quantization
// for the weight itself.
import Quantization

extension DecoderConfiguration {
  /// The linear layers, the output head among them also where its weight is the embedding's.
  package var linearLayers: [ParameterSpecification] {
    specification.blocks.flatMap { $0.all.filter { $0.kind == .linear } } + [headSpecification]
  }

  /// The output head as a linear layer, also where its weight is the embedding's: a quantized
  /// folder of such a model holds the plain embedding and, quantized, this.
  package var headSpecification: ParameterSpecification {
    if let output = specification.head.output { return output }
    var head = specification.embedding
    head.name = "lm_head.weight"
    head.kind = .linear
    return head
  }
}

extension QuantizationScheme {
  package func covers(_ parameter: ParameterSpecification) -> Bool {
    parameter.kind == .linear && covers(weightShape: parameter.shape)
  }

  /// The linear layers of a model that stay as they are.
  package func skippedLayers(of configuration: DecoderConfiguration) -> [ParameterSpecification] {
    configuration.linearLayers.filter { !covers($0) }
  }
}
