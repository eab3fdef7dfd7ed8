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
  /// - Throws: `TuneError` for a model of which it covers nothing, or with a pattern that matches nothing.
  package func check(against configuration: DecoderConfiguration) throws {
    let names = (configuration.specification.all + [configuration.headSpecification]).map(\.name)
    for exception in exceptions
    where !names.contains(where: { fnmatch(exception.pattern, $0, 0) == 0 }) {
      throw TuneError(
        .configuration, "the pattern '\(exception.pattern)' matches no parameter of the model",
        remedy: "Parameters have names such as \(names[min(1, names.count - 1)]).",
        at: .init(.exclude))
    }
    let layers = configuration.specification.blocks.flatMap { $0.all.filter { $0.kind == .linear } }
    // torchtune counts the head as one of the layers.
    let counted = layers + (isUniform ? [configuration.headSpecification] : [])
    guard !counted.contains(where: covers) else { return }
    throw coversNothing(layers)
  }

  private func coversNothing(_ layers: [ParameterSpecification]) -> TuneError {
    guard layers.contains(where: { wantedScheme(of: $0) != nil }), self.layers.weights.groupSize > 0
    else {
      return TuneError(
        .configuration, "nothing of the model's layers is left to quantize",
        remedy: "Shorten the list of what stays in float.", at: .init(.exclude))
    }
    let widths = Set(layers.map { $0.shape[1] }).sorted().map(String.init)
    return TuneError(
      .configuration,
      "the group size \(self.layers.weights.groupSize) divides no layer: their inputs are "
        + widths.joined(separator: " and ") + " wide",
      remedy: "Choose a divisor of these widths, such as 32.",
      at: .init(isNamed ? .scheme : .groupSize))
  }
  /// Whether its group size may be one that cannot be set.
  private var isNamed: Bool { QuantizationPreset(rawValue: name)?.groupSizes.isEmpty == true }
}
