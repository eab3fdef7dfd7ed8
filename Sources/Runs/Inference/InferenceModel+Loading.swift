// Weights for inference out of a model folder, plain or quantized, one tensor at a time.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

extension InferenceModel {
  /// - Parameters:
  ///   - scheme: what to quantize a plain folder with, layer by layer as it is read; of a quantized
  ///     folder, what it must be quantized with. Nil takes the folder as it is.
  ///   - loaded: called after each tensor with how many of how many are there.
  /// - Throws: `TuneError` `.checkpointMismatch` when the folder is quantized in another way, or
  ///   lacks what the configuration needs; `.nonFinite` for weights that are not finite.
  package init(
    loading folder: ModelFolder, _ configuration: DecoderConfiguration, dtype: DType,
    on device: Device, scheme: QuantizationScheme? = nil, positions: Int? = nil,
    loaded: (_ count: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    try folder.checkScheme(scheme)
    let specification = configuration.specification
    let total = specification.all.count
    var count = 0
    func exact(_ parameter: ParameterSpecification) throws -> Tensor {
      let stored = try folder.whole(parameter)
      try folder.requireFinite(stored, of: parameter)
      return stored.to(dtype).to(device)
    }
    func noteOne() {
      count += 1
      loaded(count, total)
    }
    func view(_ parameter: ParameterSpecification) throws -> LinearWeight {
      defer { noteOne() }
      if let stored = try folder.linearWeight(parameter, on: device) { return stored }
      let tensor = try exact(parameter)
      guard folder.quantizationScheme == nil, let scheme, scheme.covers(parameter) else {
        return .exact(tensor)
      }
      return scheme.quantize(tensor).weight(on: device)
    }
    let embedding = try exact(specification.embedding)
    noteOne()
    let weights = DecoderWeights<LinearWeight>(
      embedding: .exact(embedding), blocks: try specification.blocks.map { try $0.map(view) },
      head: try specification.head.map(view))
    let tiedOutput = { try Self.tiedOutput(embedding, folder, configuration, scheme) }
    self.init(
      configuration, weights, embedding: embedding,
      output: try weights.head.output ?? tiedOutput(), positions: positions)
  }

  /// The head of a model whose head is its embedding: a linear layer, so quantized like one.
  private static func tiedOutput(
    _ embedding: Tensor, _ folder: ModelFolder, _ configuration: DecoderConfiguration,
    _ scheme: QuantizationScheme?
  ) throws -> LinearWeight {
    let head = configuration.headSpecification
    if let stored = try folder.linearWeight(head, on: embedding.device) { return stored }
    guard folder.quantizationScheme == nil, let scheme, scheme.covers(head) else {
      return .exact(embedding)
    }
    return scheme.quantize(embedding).weight(on: embedding.device)
  }
}

extension ModelFolder {
  /// A layer stored as codes, in the layout that this device multiplies; nil for a plain one.
  fileprivate func linearWeight(_ parameter: ParameterSpecification, on device: Device) throws
    -> LinearWeight?
  {
    if quantizationScheme?.hasIntegerProduct(on: device) == true {
      return try coded(parameter).map { .packed($0, gradients: nil) }
    }
    return try quantized(parameter)?.weight(on: device)
  }

  /// - Throws: when the folder is quantized with another scheme.
  fileprivate func checkScheme(_ wanted: QuantizationScheme?) throws {
    guard let stored = quantizationScheme, let wanted, wanted != stored else { return }
    throw TuneError(
      .checkpointMismatch,
      "the checkpoint is quantized with \(stored.summary), and the quantizer asks for "
        + wanted.summary,
      remedy: "Set \(Setting.quantization) to null: a quantized checkpoint knows its own scheme.",
      at: .init(file: path, .quantization))
  }
}

extension QuantizedWeight {
  /// In the layout that this device multiplies.
  fileprivate func weight(on device: Device) -> LinearWeight {
    if scheme.hasIntegerProduct(on: device) { return .packed(PackedWeight(self), gradients: nil) }
    return .quantized(to(device))
  }
}
