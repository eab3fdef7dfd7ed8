// The parameters of a model folder in our row order, each checked against what the model needs
// before a byte of it is read.
import Essentials
import Layers
import Quantization
import Tensors

extension ModelFolder {
  /// The whole parameter, in the checkpoint's dtype; over mapped memory where the row orders agree.
  package func whole(_ specification: ParameterSpecification) throws -> Tensor {
    try checkPlain(specification)
    guard rowOrder(of: specification) != .plain || specification.part != nil else {
      return try owner(of: specification).tensor(named: specification.storedName)
    }
    return try rows(specification, 0..<specification.shape[0])
  }

  /// Some of the parameter's rows, in the checkpoint's dtype.
  package func rows(_ specification: ParameterSpecification, _ rows: Range<Int>) throws -> Tensor {
    try checkPlain(specification)
    return try owner(of: specification).rows(
      rows, of: specification.storedName, for: specification,
      inOrder: rowOrder(of: specification))
  }

  /// Gives back the memory of what was read; it is read from the files again where it is needed.
  package func releasePages() { for file in files { file.releasePages() } }

  /// A layer's codes and scales; nil where the folder holds its weight plain.
  package func quantized(_ specification: ParameterSpecification) throws -> QuantizedWeight? {
    try quantized(specification, rows: 0..<specification.shape[0])
  }
  package func quantized(_ specification: ParameterSpecification, rows: Range<Int>) throws
    -> QuantizedWeight?
  {
    guard let stored = try storedCodes(specification, rows: rows) else { return nil }
    let codes = stored.packed.unpackedCodes(
      bits: stored.scheme.weights.bits, columns: specification.shape[1])
    // The caller may keep the scales; mapped memory is not its to keep.
    var weight = QuantizedWeight(scheme: stored.scheme, codes: codes, scales: stored.scales.clone())
    if stored.scheme.weights.scaleRule.hasBias {
      weight.biases = try beside(QuantizationDescription.biasesSuffix, specification, rows)
        .to(.float32).clone()
    }
    if !stored.scheme.weights.roundsRowsAlone {
      weight.tensorScale = try tensorScale(specification, rows)
    }
    return weight
  }

  /// A linear layer's codes and scales in the layout of the integer product: over mapped memory where
  /// the folder holds them so (4 bits, fp32 scales, rows in our order). Nil where its weight is plain.
  package func coded(_ specification: ParameterSpecification) throws -> PackedWeight? {
    guard let stored = try storedCodes(specification, rows: 0..<specification.shape[0]) else {
      return nil
    }
    guard stored.scheme.weights.bits == 4 else {
      return try quantized(specification).map(PackedWeight.init)
    }
    return PackedWeight(packed: stored.packed, scales: stored.scales, scheme: stored.scheme)
  }

  /// Codes as they lie in the file, and scales in fp32, checked.
  private func storedCodes(_ specification: ParameterSpecification, rows: Range<Int>) throws -> (
    scheme: QuantizationScheme, packed: Tensor, scales: Tensor
  )? {
    guard isQuantized(specification) else { return nil }
    let scheme = try checkQuantized(specification)
    let file = try owner(of: specification)
    let packed = try file.rows(
      rows, of: specification.storedName, for: specification, inOrder: rowOrder(of: specification))
    let scales = scheme.weights.scalePrecision.loaded(
      try beside(QuantizationDescription.scalesSuffix, specification, rows))
    let usable =
      scheme.weights.hasSignedScales
      ? scales.isFinite().and(scales.differs(from: 0))
      : scales.isFinite().and(scales.isGreater(than: 0))
    guard usable.allTrue() else {
      throw TuneError(
        .malformedFile,
        "tensor '\(QuantizationDescription.scalesName(of: specification.storedName))' has scales "
          + (scheme.weights.hasSignedScales
            ? "that are 0 or no numbers" : "that are not positive numbers"),
        at: .init(file: file.path))
    }
    let usedBits = specification.shape[1] * scheme.weights.bits % 8
    if usedBits != 0 {
      let last = packed.narrow(1, from: packed.shape[1] - 1, count: 1).to(.int32)
      guard !last.isGreater(than: Double(1 << usedBits - 1)).any else {
        throw TuneError(
          .malformedFile,
          "tensor '\(specification.storedName)' has bits after the last code of a row",
          at: .init(file: file.path))
      }
    }
    return (scheme, packed, scales)
  }

  /// Rows of a tensor beside the codes, finite numbers.
  private func beside(
    _ suffix: String, _ specification: ParameterSpecification, _ rows: Range<Int>
  ) throws -> Tensor {
    let name = QuantizationDescription.name(suffix, of: specification.storedName)
    guard let file = file(of: name) else { throw missing(specification) }
    let numbers = try file.rows(
      rows, of: name, for: specification, inOrder: rowOrder(of: specification))
    guard !numbers.dtype.isFloatingPoint || numbers.to(.float32).isFinite().allTrue() else {
      throw TuneError(
        .malformedFile, "tensor '\(name)' has values that are not finite",
        at: .init(file: file.path))
    }
    return numbers
  }
  /// The one number that all rows of a layer have.
  private func tensorScale(_ specification: ParameterSpecification, _ rows: Range<Int>) throws
    -> Tensor
  {
    let suffix = QuantizationDescription.tensorScaleSuffix
    let all = try beside(suffix, specification, rows).to(.float32)
    let first = all.narrow(0, from: 0, count: 1)
    guard all.equals(first).allTrue(), first.item > 0 else {
      throw TuneError(
        .malformedFile,
        "tensor '\(QuantizationDescription.name(suffix, of: specification.storedName))' has no "
          + "one scale above 0 for the layer", at: .init(file: path))
    }
    return first.reshape([]).clone()
  }

  /// Whether the folder holds this parameter as codes.
  package func isQuantized(_ specification: ParameterSpecification) -> Bool {
    guard quantization != nil,
      specification.kind == .linear || specification.kind == .embedding
    else { return false }
    return file(of: QuantizationDescription.scalesName(of: specification.storedName)) != nil
  }
  /// The tensors that hold it then.
  func quantizedNames(_ specification: ParameterSpecification) -> [String] {
    guard let scheme = quantization?.scheme(of: specification) else { return [] }
    return QuantizationDescription.declarations(
      specification.storedName, specification.storedShape, scheme
    ).map(\.name)
  }

  private func rowOrder(of specification: ParameterSpecification)
    -> ParameterSpecification.RowOrder
  {
    naming.rowOrder(of: specification, in: configuration.decoder)
  }

  private func owner(of specification: ParameterSpecification) throws -> any WeightFile {
    guard let file = file(of: specification.storedName) else { throw missing(specification) }
    return file
  }
  func checkPlain(_ specification: ParameterSpecification) throws {
    let file = try owner(of: specification)
    guard !isQuantized(specification) else {
      throw TuneError(
        .checkpointMismatch,
        "tensor '\(specification.storedName)' is quantized, a plain one is needed",
        remedy: "Training starts from an unquantized checkpoint.", at: .init(file: file.path))
    }
    try checkTensor(specification.storedName, specification.storedShape, specification, in: file) {
      $0.isFloatingPoint
    }
  }

  /// Every tensor of a layer that the folder holds as codes, against the plan.
  /// - Returns: the plan's scheme of it.
  func checkQuantized(_ specification: ParameterSpecification) throws -> QuantizationScheme {
    guard let plan = quantization, let scheme = plan.scheme(of: specification) else {
      let why: String =
        if let group = quantization?.layers.weights.groupSize, quantization?.isUniform == true {
          "cannot be in groups of \(group): its rows have \(specification.shape[1])"
        } else {
          "has scales, and the scheme leaves it in float"
        }
      throw TuneError(
        .checkpointMismatch, "tensor '\(specification.storedName)' " + why,
        at: .init(file: path + "/" + Self.configurationName, key: "quantization_config.group_size"))
    }
    let declarations = QuantizationDescription.declarations(
      specification.storedName, specification.storedShape, scheme)
    for declaration in declarations {
      guard let file = file(of: declaration.name) else { throw missing(specification) }
      try checkTensor(declaration.name, declaration.shape, specification, in: file) {
        $0 == declaration.dtype
      }
    }
    return scheme
  }

  private func checkTensor(
    _ name: String, _ shape: [Int], _ specification: ParameterSpecification,
    in file: any WeightFile, _ accepts: (DType) -> Bool
  ) throws {
    guard let entry = file.claim(of: name) else { throw missing(specification) }
    guard entry.shape == shape else {
      throw TuneError(
        .checkpointMismatch,
        "tensor '\(name)' has the shape \(entry.shape), the model needs \(shape)",
        remedy: remedy, at: .init(file: file.path))
    }
    guard let dtype = entry.dtype, accepts(dtype) else {
      throw TuneError(
        .checkpointMismatch, "tensor '\(name)' has the type \(entry.type), which does not fit it",
        remedy: "Use a checkpoint in float32, bfloat16 or float16.", at: .init(file: file.path))
    }
  }

  private func missing(_ specification: ParameterSpecification) -> TuneError {
    if let error = leftOut(specification.storedName) { return error }
    if tensorNames.contains(specification.storedName) {
      return TuneError(
        .checkpointMismatch,
        "the index does not list tensor '\(specification.storedName)', which a file has",
        remedy: "Download the index again.", at: .init(file: path))
    }
    let near = nearestName(to: specification.storedName, among: tensorNames)
    return TuneError(
      .checkpointMismatch,
      "the checkpoint has no tensor '\(specification.storedName)' of shape "
        + "\(specification.storedShape)"
        + (near.map { "; the nearest is '\($0)'" } ?? ""),
      remedy: specification.name == "lm_head.weight"
        ? "If the output head is the embedding, config.json needs tie_word_embeddings: true."
        : remedy,
      at: .init(file: files.count == 1 ? files[0].path : path))
  }

  /// The error about a tensor that is in a shard which `checkpoint_files` does not name.
  private func leftOut(_ tensor: String) -> TuneError? {
    let opened = Set(files.map { $0.path.lastComponent })
    for name in [Self.indexName, Self.torchIndexName] {
      guard let index = try? Self.index(name, in: path), let file = index.owners[tensor],
        !opened.contains(file)
      else { continue }
      return TuneError(
        .missingFile,
        "tensor '\(tensor)' is in \(file), says \(name), and checkpoint_files does not name that file",
        remedy: "Name every file of the checkpoint in checkpoint_files, or remove the key.",
        at: .init(file: path))
    }
    // `model-00001-of-00002.safetensors` says how many there are.
    for name in opened.sorted() {
      guard let match = name.firstMatch(of: #/-of-(\d{1,6})\./#), let count = Int(match.1),
        count > opened.count
      else { continue }
      return TuneError(
        .missingFile,
        "the checkpoint has no tensor '\(tensor)', and only \(opened.count) of its \(count) files "
          + "are named: \(nameSummary(opened.sorted()))",
        remedy: "Name every file of the checkpoint in checkpoint_files, or remove the key.",
        at: .init(file: path))
    }
    return nil
  }

  private var remedy: String { "The model and the checkpoint do not match: check config.json." }
}

extension Tensor {
  fileprivate var any: Bool { !not().allTrue() }
}
