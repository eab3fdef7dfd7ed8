// Saving a run: the model as a folder in the layout that it was read in, then, while the run is not
// over, the state to go on from. Each is complete under its name or not there; a state names the folder it
// belongs to, and has the digests of its files. With `enable_async_checkpointing` every save but the last is
// written in the background instead, a file for each process.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Sharding
import Tensors
import Training

final class CheckpointSaver {
  let outputFolder: String
  let source: ModelFolder
  /// Patterns of what is trained; nil for everything.
  let trainable: [String]?
  let format: WeightFormat
  let dtype: DType
  let optimizer: OptimizerChoice
  let seed: UInt64
  /// How many saves stay; nil for all of them, and the last state.
  let keptCount: Int?
  /// What the run was configured with: digests, by key.
  let configuration: [String: String]
  /// Of the launched run.
  let runID: String?
  let log: RecipeLog
  /// What saves in the background copy into; nil where saves are written at once.
  private let snapshot: RankSnapshot?
  private var pending: BackgroundSave?
  /// Of rank 0, which writes model folders.
  private var companions: KeptCompanions?
  /// The last save of this process, in words.
  private(set) var report: String?
  /// The saves of the run so far that are there, the oldest first.
  private var saves: [String]

  init(
    _ root: Section, source: ModelFolder, trainable: [String]?, seed: UInt64,
    configuration: [String: String], resuming saved: RunState?, runID: String?,
    log: RecipeLog
  ) {
    let checkpointer = root[Keys.checkpointer]
    outputFolder = checkpointer[Keys.Checkpointer.outputFolder]
    self.source = source
    self.trainable = trainable
    format = checkpointer.weightFormat
    dtype = Recipes.dtype(from: root)
    optimizer = root[Keys.optimizer].choice(OptimizerChoice.self)
    self.seed = seed
    keptCount = checkpointer[Keys.Checkpointer.keptCount]
    self.configuration = configuration
    saves = saved?.saves ?? []
    self.runID = runID
    snapshot = root[Keys.savesAsynchronously] ? RankSnapshot() : nil
    self.log = log
  }

  /// - Throws: when an epoch or a step would be written over the checkpoint that training starts from.
  func checkPlace(_ checkpointer: Section) throws {
    func resolved(_ path: String) -> String {
      URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }
    let path = resolved(source.path)
    let name = (path as NSString).lastPathComponent
    guard path.parentFolder == resolved(outputFolder),
      name.hasPrefix("epoch_") || name.hasPrefix("step_")
    else { return }
    throw checkpointer.error(
      at: Keys.Checkpointer.outputFolder,
      "the run could overwrite the checkpoint that it starts from: \(name)",
      remedy: "Choose another output_dir.")
  }

  /// Finds out on rank 0, which writes, that there is a place to save to.
  func prepare(_ checkpointer: Section) throws {
    if let remark = source.remarkOnLinks { log.warning(remark) }
    try prepareFolder(outputFolder, checkpointer, Keys.Checkpointer.outputFolder)
    companions = try KeptCompanions(of: source.path)
    RecipeStateFile.removeFinishedMark(in: outputFolder)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: outputFolder)) ?? []
    where name.wholeMatch(of: #/(epoch|step)_\d+|recipe_state/#) != nil {
      // A link to a folder is none: a folder cannot take its place in one step.
      var status = stat()
      guard lstat(outputFolder + "/" + name, &status) == 0, status.st_mode & S_IFMT != S_IFDIR
      else {
        continue
      }
      throw TuneError(
        .disk, "the run cannot save to '\(outputFolder)/\(name)': what has this name is no folder",
        remedy: "Remove it, or choose another output_dir.",
        at: checkpointer.location(of: Keys.Checkpointer.outputFolder))
    }
  }

  /// Every rank must call it, at the same step.
  func save(_ loop: TrainingLoop, _ occasion: TrainingEvents.Occasion) throws {
    let name: String
    let isLast: Bool
    switch occasion {
    case .endOfEpoch(let epoch): (name, isLast) = ("epoch_\(epoch)", epoch + 1 == loop.plan.epochs)
    case .withinEpoch(let step): (name, isLast) = ("step_\(step)", false)
    }
    // A second save waits for the first.
    try finishPending()
    let kept = self.kept(adding: name)
    if let snapshot, !isLast {
      try begin(name, snapshot, loop, kept)
    } else {
      try write(name, loop, isLast: isLast, kept)
      try removeAllBut(kept, loop.model.group)
    }
  }

  /// The saves that stay when `name` is complete.
  private func kept(adding name: String) -> [String] {
    saves = saves.filter { $0 != name } + [name]
    return keptCount.map { Array(saves.suffix($0)) } ?? saves
  }

  private func state(
    _ loop: TrainingLoop, _ name: String, digests: [String: String], _ kept: [String]
  ) -> RunState {
    RunState(
      progress: loop.progress, weightsFolder: name, weightsDigests: digests,
      optimizer: optimizer.rawValue, seed: seed, trainable: trainable,
      configuration: configuration, saves: kept, runID: runID)
  }

  private func removeAllBut(_ kept: [String], _ group: ProcessGroup) throws {
    if group.rank == 0 {
      for name in saves where !kept.contains(name) {
        try RecipeStateFile.removeSave(name, in: outputFolder)
        log.info("Removed \(outputFolder)/\(name), as keep_last_n_checkpoints says")
      }
    }
    saves = kept
  }

  private func note(_ name: String, step: Int) {
    report = "Saved \(outputFolder)/\(name) after step \(step)."
    Self.noteInterruption(savedStep: step)
  }

  /// A model folder and, while the run is not over, its state: both are gathered; rank 0 writes.
  private func write(_ name: String, _ loop: TrainingLoop, isLast: Bool, _ kept: [String]) throws {
    let path = outputFolder + "/" + name
    let model = loop.model
    let writer =
      model.group.rank == 0
      ? try ModelFolderWriter(
        to: path, like: source, dtype: dtype, as: format, companions: companions) : nil
    try model.gatherEach { try writer?.write($1, for: $0) }
    let report = try writer?.finish()
    if let report {
      log.info("Saved \(path) (\(report.fileBytes / (1 << 20)) MiB)")
    }
    guard !isLast else {
      if model.group.rank == 0 {
        try RecipeStateFile.markFinished(
          in: outputFolder, epochs: loop.plan.epochs, weights: name)
      }
      return
    }
    let digests = try writer.map {
      try ModelFolder.digests(in: path, weightFiles: $0.fileNames)
    }
    if model.group.rank == 0, keptCount != nil {
      try RecipeStateFile.keepLast(in: outputFolder)
    }
    try state(loop, name, digests: digests ?? [:], kept)
      .write(in: outputFolder, model, loop.optimizer)
    log.info("Saved the recipe state after step \(loop.progress.step)")
    note(name, step: loop.progress.step)
  }

  // MARK: In the background

  private func begin(
    _ name: String, _ snapshot: RankSnapshot, _ loop: TrainingLoop, _ kept: [String]
  ) throws {
    snapshot.take(loop.model, loop.optimizer)
    pending = try BackgroundSave(
      to: outputFolder + "/" + name, snapshot, state(loop, name, digests: [:], kept),
      loop.model.group)
    log.debug("Saving \(outputFolder)/\(name) in the background")
  }

  /// After a step, on every rank: completes a save whose files are all written.
  func stepped(_ group: ProcessGroup) throws {
    guard let pending, try pending.advance(waits: false) else { return }
    try complete(pending, group)
  }

  /// Every rank must call it: waits for a save in the background.
  func finishPending() throws {
    guard let pending else { return }
    _ = try pending.advance(waits: true)
    try complete(pending, pending.group)
  }

  private func complete(_ save: BackgroundSave, _ group: ProcessGroup) throws {
    pending = nil
    log.info("Saved \(save.path), \(group.worldSize) files")
    note(save.state.weightsFolder, step: save.state.progress.step)
    try removeAllBut(save.state.saves, group)
  }
}

extension CheckpointSaver {
  /// What an interrupted run can do next.
  static func noteInterruption(savedStep: Int?) {
    RunInterruption.say(
      savedStep.map {
        "To resume after step \($0), run the same command with resume_from_checkpoint=True."
      } ?? "Nothing is saved yet; save_every_n_steps saves within an epoch.")
  }
}
