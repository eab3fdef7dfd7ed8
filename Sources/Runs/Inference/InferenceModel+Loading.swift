// Weights for inference out of a model folder, plain or quantized, one tensor at a time.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

extension InferenceModel {
  /// - Parameters:
  ///   - plan: what to quantize a plain folder with, layer by layer as it is read; of a quantized
  ///     folder, what it must be quantized with. Nil takes the folder as it is.
  ///   - loaded: called after each tensor with how many of how many are there.
  /// - Throws: `TuneError` `.checkpointMismatch` when the folder is quantized in another way, or
  ///   lacks what the configuration needs.
  package init(
    loading folder: ModelFolder, _ configuration: DecoderConfiguration, dtype: DType,
    on device: Device, plan: QuantizationPlan? = nil, positions: Int? = nil,
    loaded: (_ count: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    try folder.checkPlan(plan)
    let specification = configuration.specification
    let total = specification.all.count
    var count = 0
    func view(_ parameter: ParameterSpecification) throws -> LinearWeight {
      defer {
        count += 1
        loaded(count, total)
      }
      if let stored = try folder.linearWeight(parameter, on: device) { return stored }
      let tensor = try folder.whole(parameter).to(dtype).to(device)
      guard folder.quantization == nil, let scheme = plan?.scheme(of: parameter) else {
        return .exact(tensor)
      }
      return scheme.quantize(tensor).weight(on: device)
    }
    let weights = DecoderWeights<LinearWeight>(
      embedding: try view(specification.embedding),
      blocks: try specification.blocks.map { try $0.map(view) },
      head: try specification.head.map(view))
    let tiedOutput = {
      try Self.tiedOutput(weights.embedding, folder, configuration, folder.quantization ?? plan)
    }
    self.init(
      configuration, weights, output: try weights.head.output ?? tiedOutput(), dtype: dtype,
      positions: positions)
  }

  /// Every linear layer of a plain folder quantized in one way, or found so in a quantized one.
  package init(
    loading folder: ModelFolder, _ configuration: DecoderConfiguration, dtype: DType,
    on device: Device, scheme: QuantizationScheme?, positions: Int? = nil
  ) throws {
    try self.init(
      loading: folder, configuration, dtype: dtype, on: device,
      plan: scheme.map { QuantizationPlan($0) }, positions: positions)
  }

  /// The head of a model whose head is its embedding: the same codes, or a linear layer's of its own.
  private static func tiedOutput(
    _ embedding: LinearWeight, _ folder: ModelFolder, _ configuration: DecoderConfiguration,
    _ plan: QuantizationPlan?
  ) throws -> LinearWeight {
    let head = configuration.headSpecification
    switch embedding {
    case .exact(let tensor):
      if let stored = try folder.linearWeight(head, on: tensor.device) { return stored }
      guard folder.quantization == nil, let scheme = plan?.scheme(of: head) else {
        return embedding
      }
      return scheme.quantize(tensor).weight(on: tensor.device)
    case .quantized(var codes):
      guard let scheme = plan?.scheme(of: head) else { return embedding }
      codes.scheme = scheme
      return codes.weight(on: codes.codes.device)
    case .fakeQuantized, .packed: preconditionFailure("an embedding is numbers or codes")
    }
  }
}

extension ModelFolder {
  /// A layer stored as codes, in the layout that this device multiplies; nil for a plain one.
  fileprivate func linearWeight(_ parameter: ParameterSpecification, on device: Device) throws
    -> LinearWeight?
  {
    if parameter.kind == .linear,
      quantization?.scheme(of: parameter)?.hasIntegerProduct(on: device) == true
    {
      return try coded(parameter).map { .packed($0, gradients: nil) }
    }
    return try quantized(parameter).map { .quantized($0.to(device)) }
  }

  /// - Throws: when the folder is quantized with another plan.
  fileprivate func checkPlan(_ wanted: QuantizationPlan?) throws {
    guard let stored = quantization, let wanted, wanted != stored else { return }
    throw TuneError(
      .checkpointMismatch,
      "the checkpoint is quantized with \(stored.summary), and the quantizer asks for "
        + wanted.summary,
      remedy: "Set quantizer to null: a quantized checkpoint knows its own scheme.",
      at: .init(file: path, key: "quantizer"))
  }
}

extension QuantizedWeight {
  /// In the layout that this device multiplies.
  fileprivate func weight(on device: Device) -> LinearWeight {
    if isSymmetric, scheme.hasIntegerProduct(on: device) {
      return .packed(PackedWeight(self), gradients: nil)
    }
    return .quantized(to(device))
  }
}
