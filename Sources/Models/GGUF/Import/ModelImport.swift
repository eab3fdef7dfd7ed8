// A GGUF file as a model folder of the usual Hugging Face layout. Everything that can refuse comes first:
// header, architecture, tensors, tokenizer. Then the weights are written, a part of a tensor at a time.
// The folder takes its name only when it is complete and on the disk.
import Essentials
import Foundation

package struct ModelImport: Sendable {
  package struct Summary: Sendable {
    package var architecture: String
    package var parameterCount: Int
    /// The types of the file's tensors, by the weights that they have.
    package var types: [String]
    package var dtype: StoredType
    /// Of the weights.
    package var byteCount: Int
    /// What the file says of its vocabulary that does not fit the embedding, which counts.
    package var remarks: [String]
  }

  package let summary: Summary
  private let model: GGUFModel
  private let plan: ModelPlan
  /// Names and contents of the other files.
  private let texts: [(name: String, text: String)]
  private let supplied: SuppliedTokenizer?

  /// - Parameters:
  ///   - path: the file, or any part of several.
  ///   - dtype: nil for float32, or the file's own half precision where that holds all weights exactly.
  ///   - tokenizer: a folder or a tokenizer.json instead of the file's tokenizer.
  /// - Throws: `TuneError` for a file that is damaged or not supported.
  package init(file path: String, dtype: StoredType? = nil, tokenizer: String? = nil) throws {
    try Self.refuseFolder(path)
    model = try GGUFModel(path: path)
    let file = model.file
    let architecture = try Architecture(of: file)
    let size = try Geometry(model, architecture)
    let rotary = try RotaryScaling(model, size)
    let tensors = try ModelPlan.tensors(of: model, size, used: rotary.used)
    let ids = try SpecialTokenIDs(file, vocabularySize: size.vocabularySize)
    let stored = dtype ?? Self.dtype(of: tensors, model)
    var configuration = try ModelPlan.configuration(model, size, rotary, ids)
    configuration["torch_dtype"] = .string(stored.rawValue)
    plan = ModelPlan(
      configuration: configuration, tensors: tensors, vocabularySize: size.vocabularySize,
      contextLength: size.contextLength)
    var texts = [
      ("config.json", JSON.object(configuration).text(indented: true) + "\n"),
      ("generation_config.json", ids.generation.text(indented: true) + "\n"),
    ]
    supplied = try tokenizer.map {
      try SuppliedTokenizer(path: $0, for: file, vocabularySize: size.vocabularySize)
    }
    texts += try Self.tokenizerTexts(file, size, ids, supplied)
    self.texts = texts
    let count = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    summary = Summary(
      architecture: architecture.rawValue, parameterCount: count, types: Self.types(model),
      dtype: stored, byteCount: count * stored.byteCount,
      remarks: try Self.remarks(file, architecture, size))
  }

  private static func refuseFolder(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return }
    throw TuneError(
      .usage, "is a folder, not a GGUF file", remedy: "Pass a .gguf file.",
      at: .init(file: path))
  }

  private static func remarks(
    _ file: GGUFFile, _ architecture: Architecture, _ size: Geometry
  ) throws -> [String] {
    let rows = size.vocabularySize
    var remarks: [String] = []
    let keys = ArchitectureKeys(file, architecture)
    if let claimed = try keys.optionalSize("vocab_size"), claimed != rows {
      remarks.append(
        "\(keys.name("vocab_size")) is \(claimed), and the embedding has \(rows) rows, which counts"
      )
    }
    if let count = try file.count("tokenizer.ggml.tokens"), count < rows {
      remarks.append("the tokenizer has \(count) tokens, and the embedding \(rows) rows")
    }
    return remarks
  }

  private static func tokenizerTexts(
    _ file: GGUFFile, _ size: Geometry, _ ids: SpecialTokenIDs, _ supplied: SuppliedTokenizer?
  ) throws -> [(String, String)] {
    if supplied?.hasConfiguration == true { return [] }
    if let supplied {
      // A tokenizer.json alone: the template is still the file's.
      let json = try configuration(file, size, supplied)
      return [("tokenizer_config.json", json.text(indented: true) + "\n")]
    }
    let tokenizer = try ImportedTokenizer(file, vocabularySize: size.vocabularySize)
    let json = tokenizer.configuration(
      ids, try ImportedTokenizer.chatTemplate(file), contextLength: size.contextLength)
    return [
      ("tokenizer.json", tokenizer.text(ids)),
      ("tokenizer_config.json", json.text(indented: true) + "\n"),
    ]
  }

  private static func configuration(
    _ file: GGUFFile, _ size: Geometry, _ supplied: SuppliedTokenizer
  ) throws -> JSON {
    var json: JSONObject = [
      "clean_up_tokenization_spaces": false, "model_max_length": .integer(size.contextLength),
      "tokenizer_class": "PreTrainedTokenizerFast",
    ]
    json["chat_template"] = try ImportedTokenizer.chatTemplate(file)
    let tokens = try file.strings("tokenizer.ggml.tokens") ?? []
    let ids = try SpecialTokenIDs(file, vocabularySize: size.vocabularySize)
    let named = [
      ("bos_token", ids.bos), ("eos_token", ids.eos), ("pad_token", ids.padding),
      ("unk_token", ids.unknown),
    ]
    for (name, id) in named {
      if let id, tokens.indices.contains(id) { json[name] = .string(tokens[id]) }
    }
    return .object(json)
  }

  /// The file's half precision, if all matrices have it and vectors, which the converter keeps in
  /// float32, lose nothing in it.
  private static func dtype(of tensors: [PlannedTensor], _ model: GGUFModel) -> StoredType {
    let matrices = tensors.filter { $0.shape.count > 1 }
    let stored: StoredType
    switch Set(matrices.compactMap { model[$0.source]?.type }) {
    case [.f16]: stored = .float16
    case [.bf16]: stored = .bfloat16
    default: return .float32
    }
    var isExact = true
    for vector in tensors where vector.shape.count == 1 {
      try? TensorReader(vector, model).forEachPart { weights, _ in
        isExact = isExact && weights.allSatisfy(stored.holds)
      }
    }
    return isExact ? stored : .float32
  }

  private static func types(_ model: GGUFModel) -> [String] {
    var counts: [ElementType: Int] = [:]
    for tensor in model.tensors { counts[tensor.type, default: 0] += tensor.elementCount }
    return counts.sorted { ($0.value, $0.key.name) > ($1.value, $1.key.name) }.map(\.key.name)
  }

  // MARK: Writing

  /// A folder that the model may be written to: absent or empty.
  /// - Throws: `TuneError` `.usage`.
  package static func check(output folder: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else { return }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    guard isFolder.boolValue, entries.isEmpty else {
      throw TuneError(
        .usage, isFolder.boolValue ? "the folder is not empty" : "is a file, not a folder",
        remedy: "Choose a new folder for --output.", at: .init(file: folder))
    }
  }

  /// - Parameter progress: called with the number of bytes written since the last call; what it throws
  ///   ends the import, and nothing of it stays.
  /// - Throws: `TuneError` `.disk`, or `.unsupported` for a weight beyond the range of the dtype.
  package func write(to folder: String, progress: (Int) throws -> Void = { _ in }) throws {
    try Self.check(output: folder)
    let folder = URL(fileURLWithPath: folder).standardizedFileURL.resolvingSymlinksInPath().path
    let partial = PartialPath.path(for: folder)
    try PartialPath.makeFolder(folder.parentFolder)
    PartialPath.removeAbandoned(for: folder)
    try PartialPath.makeFolder(partial)
    do {
      try writeWeights(to: partial + "/model.safetensors", progress)
      for (name, text) in texts { try AtomicFile.write(Data(text.utf8), to: partial + "/" + name) }
      for file in supplied?.files ?? [] {
        try AtomicFile.write(RegularFile.read(file.path), to: partial + "/" + file.name)
      }
      try PartialPath.move(partial, to: folder)
    } catch {
      try? FileManager.default.removeItem(atPath: partial)
      throw error
    }
  }

  private func writeWeights(to path: String, _ progress: (Int) throws -> Void) throws {
    let dtype = summary.dtype
    let layout = SafetensorsLayout(
      plan.tensors.map {
        .init(
          name: $0.name, type: dtype.safetensorsName, shape: $0.shape,
          byteCount: $0.shape.reduce(dtype.byteCount, *))
      }, metadata: ["format": "pt"])
    let file = try ReservedFile(path, byteCount: layout.byteCount)
    try layout.header.withUnsafeBytes { try file.put($0, at: 0) }
    var bytes: [UInt8] = []
    for (tensor, offset) in zip(plan.tensors, layout.offsets) {
      try TensorReader(tensor, model).forEachPart { weights, before in
        let count = weights.count * dtype.byteCount
        if bytes.count < count { bytes = Array(repeating: 0, count: count) }
        try bytes.withUnsafeMutableBytes { buffer in
          if let base = buffer.baseAddress, let weight = dtype.store(weights, to: base) {
            throw TuneError(
              .unsupported, "tensor '\(tensor.source)' has \(weight), beyond \(dtype)'s range",
              remedy: "Pass --dtype bfloat16 or --dtype float32.",
              at: .init(file: model.file.path))
          }
          let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
          try file.put(part, at: offset + before * dtype.byteCount)
        }
        try progress(count)
      }
      // What was read counts as this process's memory else.
      model.releasePages()
    }
    try file.finish()
  }
}
