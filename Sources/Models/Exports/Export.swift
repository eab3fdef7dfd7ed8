// An export from its first refusal to its last byte. What can refuse comes first: the architecture, the
// tokenizer, the scheme, a sample of the scales. Then tensors are written one at a time, a part of a large one.
import Checkpoints
import Essentials
import Foundation
import Layers
import Quantization
import Tensors

package struct Export {
  package struct Report: Sendable {
    package var path: String
    package var tensors: Int
    package var quantized: Int
    package var byteCount: Int
    /// What the runtime computes differently from training.
    package var remarks: [String]
    /// Of scales that the container cannot hold, tensors in their order.
    package var changes: [(tensor: String, scales: Int, largest: Double)]
  }

  package let model: ExportModel
  let format: any ExportFormat
  private let allowsInexact: Bool
  private let keys: GGUFKeys?

  /// - Throws: `TuneError` `.unsupported` for a model or a scheme that the format cannot hold, with those
  ///   that can.
  package init(
    _ model: ExportModel, as name: ExportFormatName, allowsInexact: Bool = false
  ) throws {
    self.model = model
    format = name.format
    self.allowsInexact = allowsInexact
    try format.check(model)
    try Self.refuseMisfits(model, format)
    if !allowsInexact { try Self.checkScales(model, format) }
    keys = try (format as? GGUFFormat).map { format in
      var keys = GGUFKeys(model, fileType: format.fileType(model))
      let tokenizer = try GGUFTokenizer(
        folder: model.folder.path, vocabularySize: model.decoder.vocabularySize)
      for (key, value) in tokenizer.keys { keys.add(key, value) }
      return keys
    }
  }

  /// Of all tensors.
  package var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }

  private var entries: [ExportEntry] {
    model.parameters.flatMap { format.entries($0, of: model) } + rotaryEntries
  }
  private var rotaryEntries: [ExportEntry] {
    keys == nil ? [] : RotaryFactors.entries(ofExport: model)
  }

  // MARK: Writing

  /// - Parameters:
  ///   - replaces: whether what is at `output` is replaced; it must be new otherwise.
  ///   - progress: called with the number of bytes written since the last call; what it throws ends the
  ///     export, and nothing of it stays.
  /// - Throws: `TuneError`.
  package func write(
    to output: String, replaces: Bool = false, progress: (Int) throws -> Void = { _ in }
  ) throws -> Report {
    let path = try place(output, replaces: replaces)
    let exactness = Exactness(allowsInexact: allowsInexact, dtype: format.scaleDType(of: model))
    let files = try ExportFiles(planned(), at: path, isFolder: keys == nil)
    for entry in rotaryEntries {
      try entry.constant?.withUnsafeBytes { try files.put($0, of: entry.name) }
    }
    for parameter in model.parameters {
      do {
        try write(parameter, files, exactness, progress)
      } catch let inexact as Exactness.Inexact {
        throw Self.refusal(inexact, model, format)
      }
    }
    if let folder = files.folder, let format = format as? any FolderFormat {
      try CompanionFiles.copy(from: model.folder.path, to: folder)
      let configuration = JSON.object(try format.configuration(model))
      try files.add(configuration.text(indented: true) + "\n", as: "config.json")
      if let index = FolderPlan(model, format).index {
        try files.add(index.text(indented: true) + "\n", as: "model.safetensors.index.json")
      }
    }
    try files.finish()
    let order = Dictionary(
      uniqueKeysWithValues: model.parameters.enumerated().map { ($1.name, $0) })
    return Report(
      path: path, tensors: entries.count, quantized: model.quantized.count, byteCount: byteCount,
      remarks: format.remarks(model),
      changes: exactness.changes.values
        .sorted { order[$0.tensor] ?? 0 < order[$1.tensor] ?? 0 }
        .map { ($0.tensor, $0.scales, $0.largest) })
  }

  private func write(
    _ parameter: ExportParameter, _ files: ExportFiles, _ exactness: Exactness,
    _ progress: (Int) throws -> Void
  ) throws {
    let entries = format.entries(parameter, of: model)
    for entry in entries {
      try entry.constant?.withUnsafeBytes { try files.put($0, of: entry.name) }
    }
    let rows = entries.filter { $0.constant == nil }
    try model.forEachPart(
      of: parameter, inPairs: format.keepsPairs(model), whole: format.isWhole(parameter)
    ) { weight, before in
      let bytes = try format.bytes(weight, of: parameter, exactness)
      precondition(bytes.count == rows.count, "\(parameter.name): other tensors than declared")
      for (bytes, entry) in zip(bytes, rows) {
        try files.put(bytes, of: entry.name, at: before * entry.rowByteCount)
        try progress(bytes.count)
      }
    }
  }

  private func planned() throws -> [PlannedFile] {
    guard let keys else {
      guard let format = format as? any FolderFormat else {
        preconditionFailure("\(format.name) is neither a file nor a folder")
      }
      return FolderPlan(model, format).files
    }
    let entries = entries
    return [GGUFFormat.file(keys, entries)]
  }

  /// - Throws: `TuneError` `.usage` for a place that is taken.
  private func place(_ output: String, replaces: Bool) throws -> String {
    let path = URL(fileURLWithPath: output).standardizedFileURL.resolvingSymlinksInPath().path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !replaces else {
      return path
    }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard keys == nil, isFolder.boolValue, entries.isEmpty else {
      throw TuneError(
        .usage,
        keys != nil
          ? isFolder.boolValue ? "is a folder; GGUF is one file" : "the file is there already"
          : isFolder.boolValue ? "the folder is not empty" : "is a file, not a folder",
        remedy: "Choose a new \(keys == nil ? "folder" : "file") for --output.",
        at: .init(file: path))
    }
    return path
  }
}

// MARK: Refusals

extension Export {
  /// - Throws: `TuneError` `.unsupported` for a scheme that the format cannot hold, whatever its scales.
  static func refuseMisfits(_ model: ExportModel, _ format: any ExportFormat) throws {
    if let reason = misfit(model, format) { throw refusal(reason, model, format) }
  }

  private static func misfit(_ model: ExportModel, _ format: any ExportFormat) -> String? {
    for parameter in model.quantized {
      if let reason = format.misfit(parameter, of: model) { return reason }
    }
    return nil
  }

  /// A few rows of the first layers, so that most refusals come before any work.
  private static func checkScales(_ model: ExportModel, _ format: any ExportFormat) throws {
    do {
      try checkExactly(model, format)
    } catch let inexact as Exactness.Inexact {
      throw refusal(inexact, model, format)
    }
  }

  private static func refusal(
    _ inexact: Exactness.Inexact, _ model: ExportModel, _ format: any ExportFormat
  ) -> TuneError {
    let dtype = format.scaleDType(of: model).shortName
    return refusal(
      "its scales are \(dtype) there, and \(inexact.scales) of \(inexact.count) scales of "
        + "'\(inexact.tensor)' are not", model, format, canRound: true)
  }

  private static func refusal(
    _ reason: String, _ model: ExportModel, _ format: any ExportFormat, canRound: Bool = false
  ) -> TuneError {
    let others = ExportFormatName.allCases.filter { $0 != format.name && holds($0.format, model) }
    var remedy =
      others.isEmpty
      ? "No format holds this scheme exactly: train with portable scales."
      : "These hold it exactly: \(others.map(\.rawValue).joined(separator: ", "))."
    remedy += " To train for this one: \(format.advice)."
    if canRound { remedy += " --allow-inexact rounds the scales and says which." }
    return TuneError(
      .unsupported, "\(format.name.rawValue) cannot hold the model exactly: \(reason)",
      remedy: remedy, at: .init(file: model.folder.path))
  }

  private static func holds(_ format: any ExportFormat, _ model: ExportModel) -> Bool {
    guard (try? format.check(model)) != nil, misfit(model, format) == nil else { return false }
    return (try? checkExactly(model, format)) != nil
  }
  private static func checkExactly(_ model: ExportModel, _ format: any ExportFormat) throws {
    let exactness = Exactness(allowsInexact: false, dtype: format.scaleDType(of: model))
    for (name, scales) in try model.sampledScales() {
      _ = try exactness.rounded(scales, of: name)
    }
  }
}
