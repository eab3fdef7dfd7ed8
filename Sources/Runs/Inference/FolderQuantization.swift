// A plain model folder to a quantized one: every layer that the plan covers becomes codes and scales; one
// tensor is in memory at a time. The codes are those that quantization-aware training with the same plan
// and dtype computed with.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

package struct FolderQuantization {
  package let source: ModelFolder
  package let configuration: DecoderConfiguration
  package let plan: QuantizationPlan
  /// Weights are brought to this before they are quantized; what stays plain is written in it.
  package let dtype: DType
  /// Where it is computed.
  package let device: Device

  package init(
    _ source: ModelFolder, _ configuration: DecoderConfiguration, plan: QuantizationPlan,
    dtype: DType, on device: Device = .cpu
  ) {
    self.source = source
    self.configuration = configuration
    self.plan = plan
    self.dtype = dtype
    self.device = device
  }
  /// Every linear layer in one way.
  package init(
    _ source: ModelFolder, _ configuration: DecoderConfiguration, scheme: QuantizationScheme,
    dtype: DType, on device: Device = .cpu
  ) {
    self.init(
      source, configuration, plan: QuantizationPlan(scheme), dtype: dtype, on: device)
  }

  /// Those that the plan means to quantize and does not cover.
  package var skippedLayers: [ParameterSpecification] { plan.skippedLayers(of: configuration) }

  /// - Throws: `TuneError` when the folder is quantized already, or no layer would be.
  package func check() throws {
    if let stored = source.quantization {
      throw TuneError(
        .configuration, "the checkpoint is quantized already, with \(stored.summary)",
        remedy: "Quantize the checkpoint that training wrote.", at: .init(file: source.path))
    }
    try plan.check(against: configuration)
  }

  /// Writes the quantized folder; it takes its name only when it is complete.
  /// - Parameter wrote: called after each tensor with its name, how many of how many are done.
  package func write(
    to output: String, wrote: (_ name: String, _ count: Int, _ total: Int) -> Void = { _, _, _ in }
  ) throws -> ModelSizeReport {
    try check()
    let writer = try ModelFolderWriter(
      to: output, like: source, dtype: dtype, quantization: plan)
    let parameters = writer.specifications
    for (index, parameter) in parameters.enumerated() {
      // A tied head is stored nowhere as such: its weight is the embedding's.
      let isTiedHead = configuration.tiesEmbeddings && parameter == configuration.headSpecification
      let weight = try source.whole(
        isTiedHead ? configuration.specification.embedding : parameter
      ).to(dtype)
      try refuseNonFinite(weight, parameter)
      if let scheme = plan.scheme(of: parameter) {
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
