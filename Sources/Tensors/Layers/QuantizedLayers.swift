// Which parameters of a model a quantization plan covers, and with what: said here for names and shapes, and in
// Quantization for the weight itself.
import Essentials
import Foundation
import Quantization

extension DecoderConfiguration {
  /// The linear layers, the output head among them also where its weight is the embedding's.
  package var linearLayers: [ParameterSpecification] {
    specification.blocks.flatMap { $0.all.filter { $0.kind == .linear } } + [headSpecification]
  }

  /// The output head as a linear layer, also where its weight is the embedding's. A quantized folder of such a
  /// model holds the codes of both once where the plan covers the embedding; else the plain embedding and this.
  package var headSpecification: ParameterSpecification {
    if let output = specification.head.output { return output }
    var head = specification.embedding
    head.name = ParameterSpecification.headName
    head.kind = .linear
    head.isTied = true
    return head
  }
}

extension QuantizationScheme {
  package func covers(_ parameter: ParameterSpecification) -> Bool {
    parameter.kind == .linear && covers(weightShape: parameter.shape)
  }
}

extension QuantizationPlan {
  /// How a parameter is rounded; nil where it stays as it is.
  package func scheme(of parameter: ParameterSpecification) -> QuantizationScheme? {
    guard let wanted = wantedScheme(of: parameter), wanted.covers(weightShape: parameter.shape)
    else { return nil }
    return wanted
  }
  package func covers(_ parameter: ParameterSpecification) -> Bool {
    scheme(of: parameter) != nil
  }

  /// What the plan says of it, whether or not its width allows that.
  private func wantedScheme(of parameter: ParameterSpecification) -> QuantizationScheme? {
    if parameter.isTied { return tiedScheme(of: parameter) }
    guard parameter.kind == .embedding || parameter.kind == .linear else { return nil }
    if let found = exceptions.first(where: { fnmatch($0.pattern, parameter.name, 0) == 0 }) {
      return found.scheme
    }
    if parameter.kind == .embedding { return embedding }
    return parameter.name == ParameterSpecification.headName ? head : layers
  }

  /// A head that is the embedding is its codes, where there are any.
  private func tiedScheme(of head: ParameterSpecification) -> QuantizationScheme? {
    var alone = head
    alone.isTied = false
    let own = wantedScheme(of: alone)
    alone.kind = .embedding
    alone.name = ParameterSpecification.embeddingName
    guard let embedding = scheme(of: alone) else { return own }
    return QuantizationScheme(weights: embedding.weights, inputs: own?.inputs ?? .exact)
  }

  /// Whether a folder of the model holds codes of the head besides the embedding that it is.
  package func storesTiedHead(of configuration: DecoderConfiguration) -> Bool {
    configuration.tiesEmbeddings && covers(configuration.headSpecification)
      && !covers(configuration.specification.embedding)
  }

  /// The linear layers that stay as they are though the plan means to quantize them: a group size or a block of
  /// inputs does not divide their width.
  package func skippedLayers(of configuration: DecoderConfiguration) -> [ParameterSpecification] {
    configuration.linearLayers.filter { wantedScheme(of: $0) != nil && !covers($0) }
  }
  package func coveredLayers(of configuration: DecoderConfiguration) -> [ParameterSpecification] {
    configuration.linearLayers.filter(covers)
  }
}

extension QuantizationPlan {
  /// The error for a model of which it covers no linear layer of a block: nil where it covers one.
  package func refusal(of configuration: DecoderConfiguration) -> TuneError? {
    let layers = configuration.specification.blocks.flatMap { $0.all.filter { $0.kind == .linear } }
    guard !(layers + [configuration.headSpecification]).contains(where: covers) else { return nil }
    let widths = Set(layers.map { $0.shape[1] }).sorted().map(String.init)
    let group = self.layers.weights.groupSize
    guard group > 0 else {
      return TuneError(
        .configuration, "'\(name)' covers no layer of the model",
        remedy: "Choose another scheme.", at: .init(key: "quantizer.scheme"))
    }
    return TuneError(
      .configuration,
      "the group size \(group) divides no layer: their inputs are "
        + widths.joined(separator: " and ") + " wide",
      remedy: "Choose a divisor of these widths, such as 32.",
      at: .init(key: "quantizer.groupsize"))
  }
}
