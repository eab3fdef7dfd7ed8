// A plain model folder to a quantized one: every linear layer that the group size divides, the
// output head included, becomes codes and scales; one tensor is in memory at a time. The codes are
// those that quantization-aware training with the same scheme and dtype computed with.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

package struct FolderQuantization {
  package let source: ModelFolder
  package let configuration: DecoderConfiguration
  package let scheme: QuantizationScheme
  /// Weights are brought to this before they are quantized; what stays plain is written in it.
  package let dtype: DType
  /// Where it is computed.
  package let device: Device

  package init(
    _ source: ModelFolder, _ configuration: DecoderConfiguration, scheme: QuantizationScheme,
    dtype: DType, on device: Device = .cpu
  ) {
    self.source = source
    self.configuration = configuration
    self.scheme = scheme
    self.dtype = dtype
    self.device = device
  }

  /// Linear layers, the output head among them also where it is the embedding.
  package var layers: [ParameterSpecification] { configuration.linearLayers }
  /// Those that the scheme does not cover.
  package var skippedLayers: [ParameterSpecification] { scheme.skippedLayers(of: configuration) }

  /// - Throws: `TuneError` when the folder is quantized already, or no layer would be.
  package func check() throws {
    if let stored = source.quantizationScheme {
      throw TuneError(
        .configuration, "the checkpoint is quantized already, with \(stored.summary)",
        remedy: "Quantize the checkpoint that training wrote.", at: .init(file: source.path))
    }
    guard skippedLayers.count < layers.count else {
      let widths = Set(layers.map { $0.shape[1] }).sorted().map(String.init)
      throw TuneError(
        .configuration,
        "the group size \(scheme.weights.groupSize) divides no layer: their inputs are "
          + widths.joined(separator: " and ") + " wide",
        remedy: "Choose a divisor of these widths, such as 32.",
        at: .init(.groupSize))
    }
  }

  /// Writes the quantized folder; it takes its name only when it is complete.
  /// - Parameter wrote: called after each tensor with its name, how many of how many are done.
  package func write(
    to output: String, wrote: (_ name: String, _ count: Int, _ total: Int) -> Void = { _, _, _ in }
  ) throws -> ModelSizeReport {
    try check()
    let writer = try ModelFolderWriter(
      to: output, like: source, dtype: dtype, quantization: scheme)
    let parameters = writer.specifications
    for (index, parameter) in parameters.enumerated() {
      // A tied head is stored nowhere as such: its weight is the embedding's.
      let isTiedHead = configuration.tiesEmbeddings && parameter == configuration.headSpecification
      let weight = try source.whole(
        isTiedHead ? configuration.specification.embedding : parameter
      ).to(dtype)
      try refuseNonFinite(weight, parameter)
      if writer.isQuantized(parameter) {
        try writer.write(scheme.quantize(weight.to(device)), for: parameter)
      } else {
        try writer.write(weight, for: parameter)
      }
      wrote(parameter.name, index + 1, parameters.count)
    }
    return try writer.finish()
  }

  private func refuseNonFinite(_ weight: Tensor, _ parameter: ParameterSpecification) throws {
    guard !weight.sumOfSquares.isFinite else { return }
    throw TuneError(
      .nonFinite, "the weight '\(parameter.name)' has values that are not finite",
      remedy: "The training that wrote it diverged: use an earlier checkpoint.",
      at: .init(file: source.path))
  }
}
