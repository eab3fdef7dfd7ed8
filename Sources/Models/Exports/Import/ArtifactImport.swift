// A quantized folder of another runtime as a plain model folder: codes times scales in float32, or rounded to
// another dtype. What such a folder says of its codes is taken from the shapes of its tensors, and what it holds
// that codes and scales alone cannot say is refused.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Checkpoints
import Essentials
import Foundation
import Layers
import Quantization
import Tensors
import WeightFiles

package struct ArtifactImport {
  package let format: ExportFormatName
  package let dtype: DType
  private let artifact: Artifact
  private let configuration: ModelConfigurationFile
  private let parameters: [ExportParameter]

  /// - Parameter dtype: of the folder's weights.
  /// - Throws: `TuneError` for a folder of an unknown kind, a damaged one, or one with tensors that the model
  ///   does not have.
  package init(_ path: String, dtype: DType = .float32) throws {
    let artifact = try Artifact(path: path)
    guard artifact.gguf == nil else {
      preconditionFailure("GGUF files have an importer of their own")
    }
    var json = artifact.configuration
    for key in ["quantization", "quantization_config"] { json[key] = nil }
    let keys = ["dtype", "torch_dtype"].filter { json[$0] != nil }
    for key in keys.isEmpty ? ["torch_dtype"] : keys { json[key] = .string(dtype.torchName) }
    let place = path + "/config.json"
    configuration = try ModelConfigurationFile(readingOnly: json, path: place)
    self.artifact = artifact
    self.dtype = dtype
    format = artifact.format
    parameters = try Self.parameters(artifact, configuration.decoder)
    try refuseOthers()
  }

  package var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
  package var byteCount: Int { parameterCount * dtype.byteCount }
  private var folderFormat: any FolderFormat {
    guard let format = format.format as? any FolderFormat else {
      preconditionFailure("\(format) is no folder")
    }
    return format
  }

  // MARK: Reading

  private static func parameters(
    _ artifact: Artifact, _ decoder: DecoderConfiguration
  ) throws -> [ExportParameter] {
    guard let format = artifact.format.format as? any FolderFormat else { return [] }
    return try ExportModel.stored(decoder.specification.all).map { name, parts in
      var parameter = ExportParameter(
        name: name, shape: parts[0].storedShape, kind: parts[0].kind, parts: parts, scheme: nil,
        addsOne: false)
      let found = format.quantizedNames.map { artifact.files.tensors[parameter.layer + $0] }
      guard parameter.shape.count == 2, let codes = found[0], let scales = found[1] else {
        guard artifact.files.tensors[name]?.shape == parameter.shape else {
          throw failure(artifact, "tensor '\(name)' is missing or not \(parameter.shape)")
        }
        return parameter
      }
      // An embedding's plain weight has the name that codes have in MLX.
      parameter.scheme = try scheme(parameter, codes, scales, artifact)
      return parameter
    }
  }

  /// Bits and groups from shapes that fit each other, of every format.
  private static func scheme(
    _ parameter: ExportParameter, _ codes: ArtifactTensor, _ scales: ArtifactTensor,
    _ artifact: Artifact
  ) throws -> QuantizationScheme {
    let isTransposed = artifact.format == .gptq
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    let place = isTransposed ? (0, 1) : (1, 0)
    guard codes.shape.count == 2, scales.shape.count == 2, codes.shape[place.1] == rows,
      scales.shape[place.1] == rows, DType(safetensorsName: scales.type) != nil
    else { throw failure(artifact, "tensors of '\(parameter.layer)' have other shapes than it") }
    let (words, groups) = (codes.shape[place.0], scales.shape[place.0])
    let bitsOfWord = codes.type == "I8" ? 8 : 32
    let (total, overflows) = words.multipliedReportingOverflow(by: bitsOfWord)
    guard !overflows, total % columns == 0, (2...8).contains(total / columns), groups > 0,
      columns % groups == 0, ["U32", "I32", "I8"].contains(codes.type)
    else { throw failure(artifact, "codes of '\(parameter.layer)' are not of 2 to 8 bits") }
    let rule = WeightRule(
      bits: total / columns, groupSize: columns / groups,
      scaleRule: artifact.format == .mlx ? .affineEdge : .halfStep)
    return QuantizationScheme(weights: rule, inputs: .exact)
  }

  /// Tensors of which nothing here knows what they mean.
  private func refuseOthers() throws {
    var known: Set<String> = []
    for parameter in parameters {
      known.insert(parameter.name)
      guard parameter.isQuantized else { continue }
      for name in folderFormat.allNames { known.insert(parameter.layer + name) }
      try refuseAsymmetry(parameter)
    }
    let others = artifact.files.tensors.keys.filter { !known.contains($0) }.sorted()
    guard others.isEmpty else {
      throw Self.failure(
        artifact, "the model does not have these tensors: " + nameSummary(others))
    }
  }

  /// Zero points and orders of columns, which codes and scales alone do not say.
  private func refuseAsymmetry(_ parameter: ExportParameter) throws {
    for (name, bytes) in folderFormat.constants(parameter) {
      guard let tensor = artifact.files.tensors[name], let rows = tensor.shape.first else {
        throw Self.failure(artifact, "tensor '\(name)' is missing")
      }
      let found = try artifact.files.bytes(of: name, 0..<rows).contiguous()
      guard found.withBytes({ $0.elementsEqual(bytes) }) else {
        throw TuneError(
          .unsupported, "tensor '\(name)' is not that of a symmetric scheme in groups",
          remedy: "Import a model with symmetric weights and without reordered columns.",
          at: .init(file: artifact.path))
      }
    }
  }

  private static func failure(_ artifact: Artifact, _ message: String) -> TuneError {
    TuneError(
      .checkpointMismatch, message, remedy: "Download or export the model again.",
      at: .init(file: artifact.path))
  }

  private func values(_ parameter: ExportParameter) throws -> Tensor {
    guard let scheme = parameter.scheme else {
      let found = artifact.files.tensors[parameter.name]
      guard let tensor = found, let stored = DType(safetensorsName: tensor.type) else {
        throw Self.failure(artifact, "tensor '\(parameter.name)' has type \(found?.type ?? "none")")
      }
      return try artifact.files.bytes(of: parameter.name, 0..<parameter.shape[0]).contiguous()
        .viewed(as: stored).reshape(parameter.shape)
    }
    let entries = folderFormat.quantizedNames.map { suffix in
      let name = parameter.layer + suffix
      let tensor = artifact.files.tensors[name]
      return ExportEntry(
        name: name, type: tensor?.type ?? "", shape: tensor?.shape ?? [], byteCount: 0)
    }
    let bytes = try entries.map { try artifact.files.bytes(of: $0.name, 0..<$0.shape[0]) }
    let stored = try folderFormat.weight(bytes, of: parameter, entries)
    guard case .codes(let codes, let scales, let biases) = stored else {
      preconditionFailure("'\(parameter.name)' is quantized")
    }
    return QuantizedWeight(scheme: scheme, codes: codes, scales: scales, biases: biases)
      .dequantize(.float32)
  }

  // MARK: Writing

  /// - Parameter progress: called with the number of bytes written since the last call; what it throws
  ///   ends the import, and nothing of it stays.
  /// - Throws: `TuneError`.
  package func write(to output: String, progress: (Int) throws -> Void = { _ in }) throws {
    let entries = parameters.map { parameter in
      SafetensorsLayout.Entry(
        name: parameter.name, type: dtype.safetensorsName, shape: parameter.shape,
        byteCount: parameter.shape.reduce(dtype.byteCount, *))
    }
    let layout = SafetensorsLayout(entries, metadata: ["format": "pt"])
    let planned = PlannedFile(
      name: "model.safetensors", header: layout.header,
      offsets: Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), layout.offsets)),
      byteCount: layout.byteCount)
    let path = URL(fileURLWithPath: output).standardizedFileURL.resolvingSymlinksInPath().path
    let files = try ExportFiles([planned], at: path, isFolder: true)
    for parameter in parameters {
      let tensor = try values(parameter).to(dtype)
      guard tensor.sumOfSquares.isFinite else {
        throw Self.failure(artifact, "'\(parameter.name)' has values that are not finite")
      }
      try files.put(tensor, of: parameter.name, at: 0)
      artifact.files.releasePages()
      try progress(tensor.byteCount)
    }
    if let folder = files.folder { try CompanionFiles.copy(from: artifact.path, to: folder) }
    try files.add(JSON.object(configuration.json).text(indented: true) + "\n", as: "config.json")
    try files.finish()
  }
}
