// Writes a model folder, plain or quantized, in safetensors or torch files, parameter by parameter in
// any order, holding none of them. The whole folder is written beside its place and takes it in one
// step: whoever is interrupted leaves the old one as it was.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors

package final class ModelFolderWriter {
  package let path: String
  /// What must be written before `finish`. Where the embedding is also the head and the model is
  /// quantized, the head is here too.
  package let specifications: [ParameterSpecification]
  private let partial: String
  private let rule: StorageRule
  private let configuration: ModelConfigurationFile
  private let companions: String?
  private let format: WeightFormat
  private let naming: CheckpointNaming
  private let writers: [any WeightWriter]
  private let writersByName: [String: any WeightWriter]
  private let weightMap: [String: String]
  private let tensorBytes: Int
  /// Parts of tensors that are not complete yet, by the tensor's name: where they start, and their rows.
  private var waitingParts: [String: [(start: Int, tensor: Tensor)]] = [:]
  private var isFinished = false

  /// - Parameters:
  ///   - source: gives the names of the files, which tensors each holds, config.json and tokenizer.
  ///   - dtype: of everything that is not codes or scales.
  ///   - format: of the files. Torch files name tensors as the source does; safetensors files, and
  ///     quantized ones always, as Hugging Face.
  /// - Throws: `TuneError` `.disk`, also when the disk has no room for the whole folder.
  package convenience init(
    to path: String, like source: ModelFolder, dtype: DType,
    quantization: QuantizationPlan? = nil, as format: WeightFormat = .safetensors
  ) throws {
    precondition(quantization == nil || format == .safetensors, "codes are no torch file's")
    guard Self.resolved(path) != Self.resolved(source.path) else {
      throw TuneError(
        .configuration, "the model would be written over the one that it is made from",
        remedy: "Choose an output_dir outside the checkpoint's folder.", at: .init(file: path))
    }
    let rule = StorageRule(dtype: dtype, quantization: quantization)
    let parameters = Self.parameters(of: source.configuration.decoder, rule)
    try self.init(
      to: path, CheckpointLayout(of: parameters, like: source, as: format), parameters, rule,
      source.configuration.storing(dtype, quantization), companionsFrom: source.path,
      as: format, naming: format == .torch ? source.naming : .huggingFace)
  }

  /// Every linear layer quantized in one way.
  package convenience init(
    to path: String, like source: ModelFolder, dtype: DType, quantization: QuantizationScheme
  ) throws {
    try self.init(
      to: path, like: source, dtype: dtype, quantization: QuantizationPlan(quantization))
  }

  init(
    to path: String, _ layout: CheckpointLayout, _ parameters: [ParameterSpecification],
    _ rule: StorageRule, _ configuration: ModelConfigurationFile, companionsFrom folder: String?,
    as format: WeightFormat = .safetensors, naming: CheckpointNaming = .huggingFace
  ) throws {
    let path = Self.resolved(path)
    self.path = path
    self.rule = rule
    self.configuration = configuration
    self.format = format
    self.naming = naming
    companions = folder
    specifications = parameters
    partial = PartialPath.path(for: path)
    try PartialPath.makeFolder(path.parentFolder)
    PartialPath.removeAbandoned(for: path)
    try PartialPath.makeFolder(partial)
    do {
      var (writers, byName) = ([any WeightWriter](), [String: any WeightWriter]())
      var (weightMap, bytes) = ([String: String](), 0)
      for file in layout.files {
        let declarations = Self.declarations(of: file.parameters, rule, naming)
        let writer = try Self.writer(
          partial + "/" + file.name, declarations, format, rule,
          aliases: Self.aliases(of: configuration.decoder, naming))
        writers.append(writer)
        for declaration in declarations {
          byName[declaration.name] = writer
          weightMap[declaration.name] = file.name
          bytes += declaration.byteCount
        }
      }
      (self.writers, writersByName, self.weightMap, tensorBytes) = (
        writers, byName, weightMap, bytes
      )
    } catch {
      try? FileManager.default.removeItem(atPath: partial)
      throw error
    }
  }

  /// In order; a tensor that several parameters are parts of is declared once.
  private static func declarations(
    of parameters: [ParameterSpecification], _ rule: StorageRule, _ naming: CheckpointNaming
  ) -> [TensorDeclaration] {
    var seen: Set<String> = []
    return parameters.flatMap(rule.declarations).compactMap { declaration in
      var declaration = declaration
      declaration.name = naming.name(of: declaration.name)
      return seen.insert(declaration.name).inserted ? declaration : nil
    }
  }

  private static func writer(
    _ path: String, _ declarations: [TensorDeclaration], _ format: WeightFormat,
    _ rule: StorageRule, aliases: [String: String]
  ) throws -> any WeightWriter {
    if format == .torch {
      return try TorchArchiveWriter(to: path, declarations, aliases: aliases)
    }
    var metadata = rule.quantization.map(QuantizationDescription.metadata) ?? [:]
    metadata["format"] = "pt"  // transformers refuses a file that does not say so
    return try SafetensorsWriter(to: path, declarations, metadata: metadata)
  }

  /// Meta's files name the output head also where it is the embedding.
  private static func aliases(of decoder: DecoderConfiguration, _ naming: CheckpointNaming)
    -> [String: String]
  {
    guard naming == .meta, decoder.tiesEmbeddings else { return [:] }
    return [
      naming.name(of: decoder.headSpecification.name):
        naming.name(of: decoder.specification.embedding.name)
    ]
  }

  deinit {
    if !isFinished { try? FileManager.default.removeItem(atPath: partial) }
  }

  /// The names of the weight files.
  package var fileNames: [String] { Set(weightMap.values).sorted() }

  /// Which of the two `write` a parameter goes to.
  package func isQuantized(_ specification: ParameterSpecification) -> Bool {
    rule.quantizes(specification)
  }

  /// The whole parameter in our row order, of any floating-point dtype.
  package func write(_ tensor: Tensor, for specification: ParameterSpecification) throws {
    precondition(!isQuantized(specification), "\(specification.name) is to be quantized")
    let order = naming.rowOrder(of: specification, in: configuration.decoder)
    let stored = order.toCheckpoint(tensor.to(.cpu).to(rule.dtype))
    try refuseNonFinite(stored, specification)
    try put(stored, as: naming.name(of: specification.storedName), specification)
  }

  /// A layer's codes and scales in our row order, stored as they are.
  package func write(_ weight: QuantizedWeight, for specification: ParameterSpecification) throws {
    precondition(
      weight.scheme.weights == rule.quantization?.scheme(of: specification)?.weights
        && weight.zeroPoints == nil,
      "\(specification.name) is not to be quantized so")
    let (name, weights) = (specification.storedName, weight.scheme.weights)
    let order = specification.rowOrder
    try put(order.toCheckpoint(weight.packedCodes().to(.cpu)), as: name, specification)
    func putBeside(_ suffix: String, _ numbers: Tensor) throws {
      try put(
        order.toCheckpoint(numbers), as: QuantizationDescription.name(suffix, of: name),
        specification)
    }
    let scales = weight.scales.to(.cpu)
    try refuseNonFinite(scales, specification)
    try putBeside(
      QuantizationDescription.scalesSuffix, weights.scalePrecision.stored(scales))
    if let biases = weight.biases?.to(.cpu) {
      try refuseNonFinite(biases, specification)
      try putBeside(QuantizationDescription.biasesSuffix, biases.to(weights.biasDType))
    }
    if let tensorScale = weight.tensorScale?.to(.cpu) {
      let rows = tensorScale.reshape(1).expand(specification.shape[0]).contiguous()
      try refuseNonFinite(rows, specification)
      try putBeside(QuantizationDescription.tensorScaleSuffix, rows)
    }
  }

  private func refuseNonFinite(_ tensor: Tensor, _ specification: ParameterSpecification) throws {
    guard !tensor.sumOfSquares.isFinite else { return }
    throw TuneError(
      .nonFinite,
      "'\(specification.name)' has values that are not finite in \(rule.dtype): not saved",
      remedy: "The training diverged, or the values are too large for the dtype: resume from an "
        + "earlier save with a lower optimizer.lr, or choose dtype=fp32.", at: .init(file: path))
  }

  /// Writes the tensor, or keeps it until all parts of the stored tensor are there.
  private func put(_ tensor: Tensor, as name: String, _ parameter: ParameterSpecification) throws {
    guard let part = parameter.part else { return try writer(name).write(tensor, to: name) }
    var parts = waitingParts[name] ?? []
    parts.append((part.rows.lowerBound, tensor))
    guard parts.reduce(0, { $0 + $1.tensor.shape[0] }) == part.rowCount else {
      waitingParts[name] = parts
      return
    }
    waitingParts[name] = nil
    let whole = Tensor.cat(parts.sorted { $0.start < $1.start }.map(\.tensor), along: 0)
    try writer(name).write(whole, to: name)
  }

  private func writer(_ name: String) -> any WeightWriter {
    guard let writer = writersByName[name] else {
      preconditionFailure("\(name) is no tensor of this model")
    }
    return writer
  }

  /// Completes the files, brings them to the disk and puts the folder in its place.
  @discardableResult
  package func finish() throws -> ModelSizeReport {
    for writer in writers { try writer.finish() }
    // torchtune writes an index of torch files even for one.
    if writers.count > 1 || (format == .torch && naming == .huggingFace) {
      var map = JSONObject()
      for (name, file) in weightMap.sorted(by: { $0.key < $1.key }) { map[name] = .string(file) }
      let index: JSON = .object([
        "metadata": .object(["total_size": .integer(tensorBytes)]), "weight_map": .object(map),
      ])
      try writeText(
        index, format == .torch ? ModelFolder.torchIndexName : ModelFolder.indexName)
    }
    try writeText(.object(configuration.json), ModelFolder.configurationName)
    if let companions { try CompanionFiles.copy(from: companions, to: partial) }
    try CompanionFiles.keepOthers(of: path, in: partial)
    PartialPath.syncFolder(containing: partial + "/any")
    try PartialPath.move(partial, to: path)
    isFinished = true
    // Where a folder was there before, it has now the other name.
    try? FileManager.default.removeItem(atPath: partial)
    return ModelSizeReport(
      configuration.decoder, rule, fileBytes: writers.reduce(0) { $0 + $1.byteCount })
  }

  private func writeText(_ json: JSON, _ name: String) throws {
    try AtomicFile.write(Data((json.text(indented: true) + "\n").utf8), to: partial + "/" + name)
  }

  static func parameters(of decoder: DecoderConfiguration, _ rule: StorageRule)
    -> [ParameterSpecification]
  {
    let addsHead = rule.quantization?.storesTiedHead(of: decoder) == true
    return decoder.specification.all + (addsHead ? [decoder.headSpecification] : [])
  }

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }
}
