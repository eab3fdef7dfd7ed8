// What is exported: the tensors of a model folder as a checkpoint of Hugging Face names them, each plain
// or as the codes and scales that training decided. Nothing is quantized twice: a quantized folder's codes
// are read; a plain folder's are made once, by the scheme that is asked for.
//
// Shapes: `N` outputs, `K` inputs, `g` group size.
import Checkpoints
import Essentials
import Layers
import Quantization
import Tensors

/// A stored tensor of the model: a parameter, or several of which a checkpoint makes one (Phi-3).
package struct ExportParameter: Sendable {
  /// In a Hugging Face checkpoint: `model.layers.0.self_attn.q_proj.weight`.
  package let name: String
  /// [N, K] of a matrix
  package let shape: [Int]
  package let kind: ParameterSpecification.Kind
  let parts: [ParameterSpecification]
  /// How it is quantized; nil for a plain one.
  package internal(set) var scheme: QuantizationScheme?

  /// Whether the model multiplies by 1 + this norm (Gemma).
  let addsOne: Bool

  package var isQuantized: Bool { scheme != nil }
  /// g
  var groupSize: Int { scheme?.weights.groupSize(inputs: shape[1]) ?? 0 }
  /// Why a format of integer codes and scales alone cannot hold it.
  var asymmetry: String? {
    guard let weights = scheme?.weights else { return nil }
    if !weights.codes.isInteger { return "its codes are integers, not \(weights.codes.name)" }
    return weights.isSymmetric ? nil : "it has scales alone, no \(weights.scaleRule.rawValue)"
  }
  /// Without `.weight`: the layer's name.
  var layer: String { name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name }
  /// Whether rows are turned by the rotary embedding, so that their order matters.
  var isRotary: Bool { parts.contains { $0.rowOrder != .plain } }
}

/// Rows of an exported tensor.
package enum ExportWeight {
  case plain(Tensor)
  case quantized(QuantizedWeight)
}

package struct ExportModel: Sendable {
  package let folder: ModelFolder
  package let decoder: DecoderConfiguration
  package let parameters: [ExportParameter]
  /// Weights of a plain folder are brought to this before they are quantized.
  package let dtype: DType
  private let isQuantizedFolder: Bool

  /// - Parameter plan: by which the weights of a plain folder are quantized.
  /// - Throws: `TuneError` for a plain folder without a plan, or a quantized one with one.
  package init(_ folder: ModelFolder, plan: QuantizationPlan? = nil) throws {
    let stored = folder.quantization
    if let stored, plan != nil {
      throw TuneError(
        .usage, "the model is quantized already, with \(stored.summary)",
        remedy: "Leave --scheme out: what was trained is what is exported.",
        at: .init(file: folder.path))
    }
    guard let plan = stored ?? plan else {
      throw TuneError(
        .configuration, "the model is not quantized",
        remedy: "Quantize it with `tune run quantize`, or name the scheme with --scheme.",
        at: .init(file: folder.path))
    }
    let decoder = folder.configuration.decoder
    try folder.check(against: decoder)
    try folder.refuseUnexpectedTensors(for: decoder)
    self.folder = folder
    self.decoder = decoder
    dtype = folder.dtype
    isQuantizedFolder = stored != nil
    // A folder may hold as it is what its plan covers.
    parameters = Self.parameters(decoder, plan) { parameter in
      stored == nil || folder.isQuantized(parameter) ? plan.scheme(of: parameter) : nil
    }
    guard parameters.contains(where: \.isQuantized) else {
      throw TuneError(
        .configuration, "no layer of the model is quantized",
        remedy: "Choose a group size that divides the widths of its layers, such as 32.",
        at: .init(file: folder.path))
    }
  }

  /// Tensors in the model's order; those that a checkpoint stores as one are one.
  private static func parameters(
    _ decoder: DecoderConfiguration, _ plan: QuantizationPlan,
    _ scheme: (ParameterSpecification) -> QuantizationScheme?
  ) -> [ExportParameter] {
    let head = decoder.headSpecification
    let addsHead = plan.storesTiedHead(of: decoder) && scheme(head) != nil
    return stored(decoder.specification.all + (addsHead ? [head] : [])).map { name, all in
      ExportParameter(
        name: name, shape: all[0].storedShape, kind: all[0].kind, parts: all,
        scheme: scheme(all[0]),
        addsOne: all[0].kind == .norm && decoder.choices.addsOneToNorms)
    }
  }
  /// The tensors of a checkpoint in their order, each with the parameters in it.
  static func stored(_ parameters: [ParameterSpecification]) -> [(
    name: String, parts: [ParameterSpecification]
  )] {
    var (names, parts): ([String], [String: [ParameterSpecification]]) = ([], [:])
    for parameter in parameters {
      if parts[parameter.storedName] == nil { names.append(parameter.storedName) }
      parts[parameter.storedName, default: []].append(parameter)
    }
    return names.map { name in
      let all = (parts[name] ?? []).sorted {
        ($0.part?.rows.lowerBound ?? 0) < ($1.part?.rows.lowerBound ?? 0)
      }
      return (name, all)
    }
  }

  /// Whether the head of a model that ties it to its embedding has codes of its own.
  package var unties: Bool {
    decoder.tiesEmbeddings && parameters.contains { $0.name == decoder.headSpecification.name }
  }
  package var quantized: [ExportParameter] { parameters.filter(\.isQuantized) }

  private static let elementsAtOnce = 1 << 24

  /// Calls `body` with the tensor's rows, a part of them at a time, and with the number of rows before.
  /// - Parameters:
  ///   - inPairs: rotary rows as pairs of neighbours, else as halves of each head.
  ///   - whole: all rows at once.
  func forEachPart(
    of parameter: ExportParameter, inPairs: Bool = false, whole: Bool = false,
    _ body: (ExportWeight, Int) throws -> Void
  ) throws {
    if whole, parameter.parts.count > 1 {
      return try body(joined(parameter, inPairs: inPairs), 0)
    }
    var before = 0
    for part in parameter.parts {
      let count = part.shape[0]
      // Rows change places within a head: such a part is read whole.
      let moves = part.rowOrder != .plain && !inPairs
      let width = max(1, part.shape.dropFirst().reduce(1, *))
      let atOnce = whole || moves ? count : max(1, Self.elementsAtOnce / width)
      var row = 0
      while row < count {
        let rows = row..<min(count, row + atOnce)
        let weight = try read(part, rows, parameter.scheme)
        try body(moves ? weight.inHalves(part) : weight, before + row)
        row = rows.upperBound
        // What was read counts as this process's memory else.
        folder.releasePages()
      }
      before += count
    }
  }

  /// Scales of a few rows of the first quantized layers.
  func sampledScales() throws -> [(name: String, scales: Tensor)] {
    try quantized.prefix(8).compactMap { parameter in
      let part = parameter.parts[0]
      let weight = try read(part, 0..<min(part.shape[0], 64), parameter.scheme)
      guard case .quantized(let codes) = weight else { return nil }
      return (parameter.name, codes.scales)
    }
  }

  private func joined(_ parameter: ExportParameter, inPairs: Bool) throws -> ExportWeight {
    let all = try parameter.parts.map { part in
      let weight = try read(part, 0..<part.shape[0], parameter.scheme)
      return inPairs ? weight : weight.inHalves(part)
    }
    return ExportWeight.joined(all)
  }

  private func read(
    _ part: ParameterSpecification, _ rows: Range<Int>, _ scheme: QuantizationScheme?
  ) throws -> ExportWeight {
    guard let scheme else { return .plain(try finite(try folder.rows(part, rows), part)) }
    if isQuantizedFolder {
      guard let weight = try folder.quantized(part, rows: rows) else {
        preconditionFailure("\(part.name) is quantized and has no codes")
      }
      return .quantized(weight)
    }
    // A tied head's weight is the embedding's.
    let isTiedHead = decoder.tiesEmbeddings && part == decoder.headSpecification
    let source = isTiedHead ? decoder.specification.embedding : part
    return .quantized(scheme.quantize(try finite(try folder.rows(source, rows), part)))
  }

  private func finite(_ tensor: Tensor, _ part: ParameterSpecification) throws -> Tensor {
    guard !tensor.sumOfSquares.isFinite else { return tensor }
    throw TuneError(
      .nonFinite, "the weight '\(part.name)' has values that are not finite",
      remedy: "The training that wrote it diverged: use an earlier checkpoint.",
      at: .init(file: folder.path))
  }
}

extension ExportWeight {
  fileprivate func inHalves(_ part: ParameterSpecification) -> ExportWeight {
    let order = part.rowOrder
    guard order != .plain else { return self }
    switch self {
    case .plain(let tensor): return .plain(order.toCheckpoint(tensor))
    case .quantized(var weight):
      weight.codes = order.toCheckpoint(weight.codes)
      weight.scales = order.toCheckpoint(weight.scales)
      weight.biases = weight.biases.map(order.toCheckpoint)
      return .quantized(weight)
    }
  }

  fileprivate static func joined(_ all: [ExportWeight]) -> ExportWeight {
    var (tensors, weights): ([Tensor], [QuantizedWeight]) = ([], [])
    for part in all {
      switch part {
      case .plain(let tensor): tensors.append(tensor)
      case .quantized(let weight): weights.append(weight)
      }
    }
    guard var weight = weights.first else { return .plain(Tensor.cat(tensors, along: 0)) }
    weight.codes = Tensor.cat(weights.map(\.codes), along: 0)
    weight.scales = Tensor.cat(weights.map(\.scales), along: 0)
    let biases = weights.compactMap(\.biases)
    weight.biases = biases.isEmpty ? nil : Tensor.cat(biases, along: 0)
    return .quantized(weight)
  }
}
