// The parameters of a model folder in our row order, each checked against what the model needs
// before a byte of it is read.
import Essentials
import Layers
import Quantization
import Tensors
import WeightFiles

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

  /// A linear layer's codes and scales; nil where the folder holds its weight plain.
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
    return QuantizedWeight(scheme: stored.scheme, codes: codes, scales: stored.scales.clone())
  }

  /// A linear layer's codes and scales in the layout of the integer product: over mapped memory where
  /// the folder holds them so (4 bits, fp32 scales, rows in our order). Nil where its weight is plain.
  package func coded(_ specification: ParameterSpecification) throws -> PackedWeight? {
    let rows = 0..<specification.shape[0]
    guard let scheme = quantizationScheme, scheme.weights.bits == 4 else {
      return try quantized(specification).map(PackedWeight.init)
    }
    return try storedCodes(specification, rows: rows).map {
      PackedWeight(packed: $0.packed, scales: $0.scales, scheme: scheme)
    }
  }

  /// Codes as they lie in the file, and scales in fp32, checked.
  private func storedCodes(_ specification: ParameterSpecification, rows: Range<Int>) throws -> (
    scheme: QuantizationScheme, packed: Tensor, scales: Tensor
  )? {
    guard let scheme = quantizationScheme, isQuantized(specification) else { return nil }
    try checkQuantized(specification, scheme)
    let file = try owner(of: specification)
    let scalesName = QuantizationDescription.scalesName(of: specification.storedName)
    let order = rowOrder(of: specification)
    let packed = try file.rows(
      rows, of: specification.storedName, for: specification, inOrder: order)
    let scales = try scalesOwner(of: specification)
      .rows(rows, of: scalesName, for: specification, inOrder: order).to(.float32)
    guard scales.isFinite().and(scales.isGreater(than: 0)).allTrue() else {
      throw TuneError(
        .malformedFile, "tensor '\(scalesName)' has scales that are not positive numbers",
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

  /// Whether the folder holds this parameter as codes.
  package func isQuantized(_ specification: ParameterSpecification) -> Bool {
    quantizationScheme != nil && specification.kind == .linear
      && file(of: QuantizationDescription.scalesName(of: specification.storedName)) != nil
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
  private func scalesOwner(of specification: ParameterSpecification) throws -> any WeightFile {
    let name = QuantizationDescription.scalesName(of: specification.storedName)
    guard let file = file(of: name) else { throw missing(specification) }
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

  func checkQuantized(_ specification: ParameterSpecification, _ scheme: QuantizationScheme) throws
  {
    guard scheme.covers(specification) else {
      throw TuneError(
        .checkpointMismatch,
        "tensor '\(specification.storedName)' cannot be in groups of \(scheme.weights.groupSize): "
          + "its rows have \(specification.shape[1])",
        at: .init(file: path + "/" + Self.configurationName, key: "quantization_config.group_size"))
    }
    try checkTensor(
      specification.storedName,
      QuantizationDescription.codesShape(specification.storedShape, scheme),
      specification, in: owner(of: specification)
    ) { $0 == .uint8 }
    try checkTensor(
      QuantizationDescription.scalesName(of: specification.storedName),
      QuantizationDescription.scalesShape(specification.storedShape, scheme), specification,
      in: scalesOwner(of: specification)
    ) { $0 == scheme.weights.scaleDType }
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
        "tensor '\(tensor)' is in \(file), says \(name), and \(Setting.weightFiles) does not name that "
          + "file",
        remedy: "Name every file of the checkpoint in \(Setting.weightFiles), or leave it out.",
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
        remedy: "Name every file of the checkpoint in \(Setting.weightFiles), or leave it out.",
        at: .init(file: path))
    }
    return nil
  }

  private var remedy: String { "The model and the checkpoint do not match: check config.json." }
}

extension Tensor {
  fileprivate var any: Bool { !not().allTrue() }
}
