// Exact resume: the optimizer's state, parameter by parameter and whole, so that a run may go on
// with another number of processes; and how far the run was. The weights are in the model folder
// that was written just before, which the state names.
import Checkpoints
import Essentials
import Layers
import Sharding
import Tensors
import WeightFiles

/// Everything of a saved run but its weights.
package struct RunState: Sendable {
  package var progress: TrainingProgress
  /// The name of the model folder that belongs to it, which stands beside the state's own folder.
  package var weightsFolder: String
  /// The digests of that folder's files.
  package var weightsDigests: [String: String]
  /// The optimizer's component name.
  package var optimizer: String
  package var seed: UInt64
  /// The patterns of the parameters that are trained; nil where all are.
  package var trainable: [String]?
  /// What the run was configured with: digests, by key.
  package var configuration: [String: String]
  /// The saves of the run that are kept, the oldest first.
  package var saves: [String]
  /// Of the launched run that saved it; nil for one without a launcher.
  package var runID: String?

  package init(
    progress: TrainingProgress, weightsFolder: String, weightsDigests: [String: String],
    optimizer: String, seed: UInt64, trainable: [String]? = nil,
    configuration: [String: String] = [:], saves: [String] = [], runID: String? = nil
  ) {
    self.progress = progress
    self.weightsFolder = weightsFolder
    self.weightsDigests = weightsDigests
    self.configuration = configuration
    self.saves = saves
    self.runID = runID
    self.optimizer = optimizer
    self.seed = seed
    self.trainable = trainable
  }

  package var metadata: [String: String] {
    var metadata = [
      "epoch": "\(progress.epoch)", "step_in_epoch": "\(progress.stepInEpoch)",
      "step": "\(progress.step)", "consumed_samples": "\(progress.consumedSamples)",
      "weights": weightsFolder, "optimizer": optimizer, "seed": "\(seed)",
      Self.digestsKey: Self.text(weightsDigests), Self.configurationKey: Self.text(configuration),
      Self.savesKey: saves.joined(separator: "\n"),
    ]
    if let trainable { metadata[Self.trainableKey] = trainable.joined(separator: "\n") }
    metadata[Self.runKey] = runID
    return metadata
  }
  private static let trainableKey = "trainable"
  private static let runKey = "run"
  /// Of steps and samples; what is counted on from here and multiplied stays far from overflowing.
  package static let largestCount = 1 << 40
  private static let digestsKey = "weights_digests"
  private static let configurationKey = "configuration_digests"
  private static let savesKey = "saves"

  private static func text(_ digests: [String: String]) -> String {
    digests.sorted { $0.key < $1.key }.map { "\($1) \($0)\n" }.joined()
  }
  private static func digests(_ text: String?) -> [String: String] {
    var digests: [String: String] = [:]
    for line in (text ?? "").split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { digests[String(parts[1])] = String(parts[0]) }
    }
    return digests
  }

  package init(_ file: any SavedTensors) throws {
    func failure(_ message: String) -> TuneError {
      TuneError(
        .malformedFile, message, remedy: "Resume from another saved state.",
        at: .init(file: file.path))
    }
    func number<N: FixedWidthInteger>(_ key: String, below limit: N = 1 << 40) throws -> N {
      guard let value = file.metadata[key].flatMap({ N($0) }), value >= 0, value <= limit else {
        throw failure("the recipe state has no number '\(key)' that a run can have")
      }
      return value
    }
    progress = TrainingProgress()
    progress.epoch = try number("epoch")
    progress.stepInEpoch = try number("step_in_epoch")
    progress.step = try number("step")
    progress.consumedSamples = try number("consumed_samples")
    seed = try number("seed", below: .max)
    weightsFolder = file.metadata["weights"] ?? ""
    guard RecipeStateFile.isSave(weightsFolder) else {
      throw failure(
        "the recipe state names the weights '\(weightsFolder)', which is no save in the folder of "
          + "its run")
    }
    weightsDigests = Self.digests(file.metadata[Self.digestsKey])
    configuration = Self.digests(file.metadata[Self.configurationKey])
    saves = (file.metadata[Self.savesKey] ?? "").split(separator: "\n").map(String.init)
    guard saves.allSatisfy(RecipeStateFile.isSave) else {
      throw failure("the recipe state lists saves that no run writes")
    }
    optimizer = file.metadata["optimizer"] ?? ""
    runID = file.metadata[Self.runKey]
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
    _ file: any SavedTensors, into optimizer: any Optimizer, _ model: ShardedModel
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
struct SavedEntry {
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
  private let file: any SavedTensors
  private var names: [String: [String]] = [:]

  init(_ file: any SavedTensors) throws {
    self.file = file
    for name in file.names {
      guard let parameter = name.split(separator: "|").first else { continue }
      names[String(parameter), default: []].append(name)
    }
  }

  /// What the file's header says of a state.
  struct Claim {
    var count: Int
    /// nil for a state in elements.
    var format: QuantizedBlocks.Format?
    /// What makes it no state that an optimizer writes.
    var fault: String?
  }

  /// The parameters that have a state.
  var parameters: Set<String> { Set(names.keys) }

  /// By the names of the states.
  func claims(of parameter: String) throws -> [String: Claim] {
    var claims: [String: Claim] = [:]
    for name in names[parameter] ?? [] {
      let parts = name.split(separator: "|").map(String.init)
      let isScales = parts.count == 4 && parts[3] == "scales"
      guard parts.count == 2 || parts.count == 4 && (isScales || parts[3] == "codes") else {
        throw unknown(name)
      }
      if !isScales { claims[parts[1]] = try claim(name, parts) }
    }
    return claims
  }

  private func claim(_ name: String, _ parts: [String]) throws -> Claim {
    func has(_ name: String, _ count: Int?, _ fits: (DType) -> Bool) -> Bool {
      guard let shape = file.shape(of: name), shape.count == 1 else { return false }
      return (count == nil || shape[0] == count) && file.dtype(of: name).map(fits) == true
    }
    let count = file.shape(of: name)?.reduce(1, *) ?? 0
    guard parts.count == 4 else {
      return Claim(
        count: count, fault: has(name, nil, \.isFloatingPoint) ? nil : "is no list of numbers")
    }
    guard let format = QuantizedBlocks.Format(parts[2]) else { throw unknown(name) }
    let scales = parts.dropLast().joined(separator: "|") + "|scales"
    let blocks = (count + format.blockSize - 1) / format.blockSize
    let isWhole = has(name, nil) { $0 == .uint8 } && has(scales, blocks) { $0 == .float32 }
    return Claim(
      count: count, format: format, fault: isWhole ? nil : "has codes and scales that do not match")
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
