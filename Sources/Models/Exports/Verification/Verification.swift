// An exported model against the folder that it was made from: read back with our own reader, then names,
// shapes, codes, scales, plain weights, keys, tokens, ids of a hard text and chat template compared.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Checkpoints
import Essentials
import Foundation
import GGUF
import Layers
import Quantization
import Tensors

package struct Verification {
  package let format: ExportFormatName
  private let artifact: Artifact
  private let model: ExportModel
  private var comparison = Comparison()

  /// - Throws: `TuneError` for an artifact that cannot be read, or a folder that its format cannot hold.
  package init(artifact path: String, against model: ExportModel) throws {
    artifact = try Artifact(path: path)
    self.model = model
    format = artifact.format
    try Export.refuseMisfits(model, format.format)
  }

  /// What is compared, in weights.
  package var weightCount: Int {
    model.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// - Parameter progress: called with the number of weights compared since the last call.
  /// - Throws: what `progress` throws, and `TuneError` for a folder that cannot be read.
  package mutating func run(progress: (Int) throws -> Void = { _ in }) throws -> Comparison {
    let format = format.format
    compareNames(format)
    for parameter in model.parameters {
      try compare(parameter, format)
      try progress(parameter.shape.reduce(1, *))
    }
    if let gguf = artifact.gguf {
      try GGUFHeadComparison(gguf, model).run(&comparison)
    } else if let format = format as? any FolderFormat {
      try FolderFilesComparison(artifact, model, format).run(&comparison)
    }
    return comparison
  }

  // MARK: Tensors

  private mutating func compareNames(_ format: any ExportFormat) {
    var entries = model.parameters.flatMap { format.entries($0, of: model) }
    if self.format == .gguf { entries += RotaryFactors.entries(ofExport: model) }
    let expected = Set(entries.map(\.name))
    for entry in entries {
      let found = artifact.files.tensors[entry.name]
      comparison.note("tensors", isSame: found != nil, "'\(entry.name)' is missing")
      guard let found else { continue }
      let wanted = ArtifactTensor(type: entry.type, shape: entry.shape)
      comparison.note(
        "types and shapes", isSame: found == wanted,
        "'\(entry.name)' is \(found.type) \(found.shape), not \(entry.type) \(entry.shape)")
      guard found == wanted, let constant = entry.constant else { continue }
      let bytes = try? artifact.files.bytes(of: entry.name, 0..<entry.shape[0])
      let isSame = bytes?.contiguous().withBytes { $0.elementsEqual(constant) } == true
      comparison.note("other tensors", isSame: isSame, "'\(entry.name)' has other values")
    }
    for name in artifact.files.tensors.keys.sorted() where !expected.contains(name) {
      comparison.note("tensors", different: 1, "'\(name)' is none of the model's")
    }
  }

  private mutating func compare(_ parameter: ExportParameter, _ format: any ExportFormat) throws {
    let entries = format.entries(parameter, of: model)
    let areThere = entries.allSatisfy {
      artifact.files.tensors[$0.name] == ArtifactTensor(type: $0.type, shape: $0.shape)
    }
    // A tensor that is missing or another is told already.
    guard areThere else { return }
    let rowEntries = entries.filter { $0.constant == nil }
    let isWhole = format.isWhole(parameter)
    let files = artifact.files
    let exactness = Exactness(allowsInexact: true, dtype: .float32)
    try model.forEachPart(of: parameter, inPairs: format.keepsPairs(model), whole: isWhole) {
      weight, before in
      let count = isWhole ? nil : weight.rowCount
      let bytes = try rowEntries.map { entry in
        let rows = count.map { before..<before + $0 } ?? 0..<entry.shape[0]
        return try files.bytes(of: entry.name, rows)
      }
      defer { files.releasePages() }
      switch weight {
      case .plain:
        let expected = try format.bytes(weight, of: parameter, exactness)[0]
        let same = expected.equals(bytes[0]).to(.float32).amin(along: -1).sum().item
        let different = expected.shape[0] - Int(same)
        comparison.note(
          "rows of plain weights", compared: expected.shape[0], different: different,
          "\(different) rows of '\(parameter.name)' differ")
      case .quantized(let trained):
        try compare(trained, bytes, parameter, entries, format)
      }
    }
  }

  private mutating func compare(
    _ trained: QuantizedWeight, _ bytes: [Tensor], _ parameter: ExportParameter,
    _ entries: [ExportEntry], _ format: any ExportFormat
  ) throws {
    let stored: StoredWeight
    do {
      stored = try format.weight(bytes, of: parameter, entries)
    } catch let error as TuneError {
      comparison.note("scales", different: 1, "'\(parameter.name)': \(error.message)")
      return
    }
    guard case .codes(let codes, let scales, let biases) = stored else {
      preconditionFailure("\(parameter.name) is quantized and was read as plain")
    }
    let codesDiffering = codes.count - codes.sameCount(as: trained.codes)
    comparison.note(
      "codes", compared: codes.count, different: codesDiffering,
      "\(codesDiffering) of '\(parameter.name)' differ")
    // A container's groups may be smaller than the scheme's: its scales are repeated.
    let repeated = trained.scales.repeatedScales(scales.shape[1] / trained.scales.shape[1])
    let scalesDiffering = scales.count - scales.sameCount(as: repeated)
    comparison.note(
      "scales", compared: scales.count, different: scalesDiffering,
      "\(scalesDiffering) of '\(parameter.name)' differ")
    guard let biases, let trained = trained.biases else { return }
    let biasesDiffering = biases.count - biases.sameCount(as: trained)
    comparison.note(
      "biases of codes", compared: biases.count, different: biasesDiffering,
      "\(biasesDiffering) of '\(parameter.name)' differ")
  }
}

extension Tensor {
  /// Elements that equal those of another tensor of this shape.
  fileprivate func sameCount(as other: Tensor) -> Int {
    isEqual(to: other) ? count : Int(equals(other).to(.float32).sum().item)
  }
}

extension ExportWeight {
  var rowCount: Int {
    switch self {
    case .plain(let tensor): tensor.shape[0]
    case .quantized(let weight): weight.codes.shape[0]
    }
  }
}
