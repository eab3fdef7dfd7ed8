// Exact resume: the optimizer's state, parameter by parameter and whole, so that a run may go on
// with another number of processes; and how far the run was. The weights are in the model folder
// that was written just before, which the state names.
import Checkpoints
import Essentials
import Layers
import Sharding
import Tensors

/// Everything of a saved run but its weights.
package struct RunState: Sendable {
  package var progress: TrainingProgress
  /// The model folder that belongs to it, a path or a name beside the state's own folder.
  package var weightsFolder: String
  /// The optimizer's component name.
  package var optimizer: String
  package var seed: UInt64
  /// The patterns of the parameters that are trained; nil where all are.
  package var trainable: [String]?

  package init(
    progress: TrainingProgress, weightsFolder: String, optimizer: String, seed: UInt64,
    trainable: [String]? = nil
  ) {
    self.progress = progress
    self.weightsFolder = weightsFolder
    self.optimizer = optimizer
    self.seed = seed
    self.trainable = trainable
  }

  private var metadata: [String: String] {
    var metadata = [
      "epoch": "\(progress.epoch)", "step_in_epoch": "\(progress.stepInEpoch)",
      "step": "\(progress.step)", "consumed_samples": "\(progress.consumedSamples)",
      "weights": weightsFolder, "optimizer": optimizer, "seed": "\(seed)",
    ]
    if let trainable { metadata[Self.trainableKey] = trainable.joined(separator: "\n") }
    return metadata
  }
  private static let trainableKey = "trainable"
  /// Of steps and samples; what is counted on from here and multiplied stays far from overflowing.
  package static let largestCount = 1 << 40

  package init(_ file: SafetensorsFile) throws {
    func number<N: FixedWidthInteger>(_ key: String, limit: N) throws -> N {
      guard let value = file.metadata[key].flatMap({ N($0) }), (0...limit).contains(value) else {
        throw TuneError(
          .malformedFile, "the recipe state has no number '\(key)' that a run can reach",
          remedy: "Resume from another saved state.", at: .init(file: file.path))
      }
      return value
    }
    progress = TrainingProgress()
    progress.epoch = try number("epoch", limit: Self.largestCount)
    progress.stepInEpoch = try number("step_in_epoch", limit: Self.largestCount)
    progress.step = try number("step", limit: Self.largestCount)
    progress.consumedSamples = try number("consumed_samples", limit: Self.largestCount)
    seed = try number("seed", limit: .max)
    weightsFolder = file.metadata["weights"] ?? ""
    optimizer = file.metadata["optimizer"] ?? ""
    // A state that does not say is of a run that trained everything.
    trainable = file.metadata[Self.trainableKey]?.split(separator: "\n").map(String.init)
  }

  /// Writes the state; every rank must call it, rank 0 writes.
  package func write(in outputFolder: String, _ model: ShardedModel, _ optimizer: any Optimizer)
    throws
  {
    let entries = model.trained.indices.flatMap { unit in
      SavedEntry.entries(of: optimizer, unit: unit, model)
    }
    let writer =
      model.group.rank == 0
      ? try RecipeStateFile.writer(
        in: outputFolder, entries.flatMap { $0.declarations(worldSize: model.group.worldSize) },
        metadata: metadata) : nil
    for entry in entries {
      for part in entry.parts {
        let gathered = Tensor.empty(
          [model.group.worldSize * part.local.count], part.local.dtype, on: part.local.device)
        try model.group.allGather(into: gathered, from: part.local.reshape(-1).contiguous()).wait()
        try writer?.write(gathered.narrow(0, from: 0, count: part.wholeCount), to: part.name)
      }
    }
    try writer?.finish()
  }

  /// Gives the optimizer this rank's part of what a file holds.
  package static func restore(
    _ file: SafetensorsFile, into optimizer: any Optimizer, _ model: ShardedModel
  ) throws {
    let saved = try SavedNames(file)
    for (unit, shard) in model.trained.enumerated() where !shard.isEmpty {
      var states: [String: [OptimizerStatePiece]] = [:]
      for (piece, parameter) in zip(shard.layout.pieces, model.units.trained[unit]) {
        for (state, whole) in try saved.states(of: parameter.name) {
          states[state, default: []].append(
            whole.stretch(from: model.group.rank * piece.count, count: piece.count))
        }
      }
      try optimizer.restore(unit: unit, like: shard, states.mapValues { .pieces($0) })
    }
  }
}

/// One parameter's state of one name: a tensor of elements, or codes and scales of blocks.
private struct SavedEntry {
  struct Part {
    var name: String
    /// This rank's, padding included.
    var local: Tensor
    /// Without padding.
    var wholeCount: Int
  }
  var parts: [Part]

  static func entries(of optimizer: any Optimizer, unit: Int, _ model: ShardedModel)
    -> [SavedEntry]
  {
    let shard = model.shards[unit].trained
    return optimizer.state(unit: unit, like: shard).sorted { $0.key < $1.key }.flatMap {
      name, state in
      zip(model.units.trained[unit], state.pieces(of: shard.layout)).map { parameter, piece in
        let prefix = "\(parameter.name)|\(name)"
        switch piece {
        case .elements(let tensor):
          return SavedEntry(parts: [
            Part(name: prefix, local: tensor, wholeCount: parameter.count)
          ])
        case .blocks(let blocks):
          let size = blocks.format.blockSize
          return SavedEntry(parts: [
            Part(
              name: "\(prefix)|\(blocks.format)|codes", local: blocks.codes,
              wholeCount: parameter.count),
            Part(
              name: "\(prefix)|\(blocks.format)|scales", local: blocks.scales,
              wholeCount: (parameter.count + size - 1) / size),
          ])
        }
      }
    }
  }
  func declarations(worldSize: Int) -> [SafetensorsWriter.Declaration] {
    parts.map { .init($0.name, $0.local.dtype, [$0.wholeCount]) }
  }
}

/// The tensors of a file by the parameter they belong to.
struct SavedNames {
  private let file: SafetensorsFile
  private var names: [String: [String]] = [:]

  init(_ file: SafetensorsFile) throws {
    self.file = file
    for name in file.names {
      guard let parameter = name.split(separator: "|").first else { continue }
      names[String(parameter), default: []].append(name)
    }
  }

  /// State name and the number of its elements, as the file's header has them.
  func sizes(of parameter: String) throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    for name in names[parameter] ?? [] {
      let parts = name.split(separator: "|").map(String.init)
      let isScales = parts.count == 4 && parts[3] == "scales"
      guard parts.count == 2 || parts.count == 4 && (isScales || parts[3] == "codes") else {
        throw unknown(name)
      }
      if !isScales { sizes[parts[1]] = file.shape(of: name)?.reduce(1, *) ?? 0 }
    }
    return sizes
  }
  /// State name and whole state.
  func states(of parameter: String) throws -> [(String, OptimizerStatePiece)] {
    try (names[parameter] ?? []).compactMap { name in
      let parts = name.split(separator: "|").map(String.init)
      switch parts.count {
      case 2: return (parts[1], .elements(try file.tensor(named: name)))
      case 4 where parts[3] == "codes":
        guard let format = QuantizedBlocks.Format(parts[2]) else { throw unknown(name) }
        let scales = parts.dropLast().joined(separator: "|") + "|scales"
        return (
          parts[1],
          .blocks(
            QuantizedBlocks(
              format, codes: try file.tensor(named: name), scales: try file.tensor(named: scales)))
        )
      case 4 where parts[3] == "scales": return nil
      default: throw unknown(name)
      }
    }
  }
  private func unknown(_ name: String) -> TuneError {
    TuneError(
      .malformedFile, "the recipe state has a tensor '\(name)' that no optimizer writes",
      remedy: "Resume from another saved state.", at: .init(file: file.path))
  }
}
