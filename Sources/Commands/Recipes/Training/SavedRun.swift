// The saved run that `resume_from_checkpoint: True` means: state and weights, found to be those that were
// written together. Of several saves it is the newest whole one, unless `recipe_checkpoint` names another.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Launching
import Sharding
import Training
import WeightFiles

struct SavedRun {
  let state: RunState
  let file: any SavedTensors
  let weights: any WeightSource
  private let checkContent: () throws -> Void

  /// Reads headers only.
  /// - Parameter path: of a state, or of the folder of a save in shards.
  /// - Throws: `TuneError` when the state or its weights are missing or broken.
  private init(path: String, naming: CheckpointNaming) throws {
    if ShardedSave.isThere(path) {
      let save = try ShardedSave(path: path)
      (file, weights, state) = (save, save.weights, try RunState(save))
      checkContent = save.checkContent
      return
    }
    let file = try RecipeStateFile.open(path: path)
    let state = try RunState(file)
    (self.file, self.state) = (file, state)
    // The folder stands beside recipe_state/.
    let weightsPath = path.parentFolder.parentFolder + "/" + state.weightsFolder
    guard FileManager.default.fileExists(atPath: weightsPath) else {
      throw TuneError(
        .missingFile, "the weights of the saved run are missing",
        remedy: "Restore the folder next to recipe_state, or resume another run.",
        at: .init(file: weightsPath))
    }
    let folder = try ModelFolder(
      path: weightsPath, files: naming == .huggingFace ? nil : [ModelFolder.torchName],
      naming: naming)
    weights = folder
    checkContent = {
      try RecipeStateFile.check(file)
      try folder.check(state.weightsDigests)
    }
  }

  /// Every rank must call it: all resume from the same save. One rank a machine reads weights and
  /// states for their digests.
  /// - Parameter launched: the run that a launcher started this worker for: when its workers are started
  ///   again, they resume from its own newest save.
  /// - Throws: `TuneError` when there is no whole save, or it is of another optimizer.
  static func find(
    _ root: Section, _ group: ProcessGroup, isFirstOnMachine: Bool, _ launched: LaunchedRun?,
    _ log: RecipeLog
  ) throws -> SavedRun? {
    let checkpointer = root[Keys.checkpointer]
    if let launched, launched.resumes {
      let own = savedBy(launched, checkpointer)
      if try isThere(own, group) {
        return try newestWhole(own, root, group, isFirstOnMachine: isFirstOnMachine, log)
      }
      log.warning("No save of this run yet: its workers start from its beginning")
    }
    guard root[Keys.resumes] else { return nil }
    return try newestWhole(
      candidates(checkpointer), root, group, isFirstOnMachine: isFirstOnMachine, log)
  }

  /// Whether there is anything to resume from; all ranks see the same.
  static func isThere(_ root: Section, _ group: ProcessGroup) throws -> Bool {
    try isThere(saves(in: root[Keys.checkpointer][Keys.Checkpointer.outputFolder]), group)
  }

  /// Whether there is a save; all ranks see the same.
  private static func isThere(_ saves: [String], _ group: ProcessGroup) throws -> Bool {
    let count = Int(try group.sums([saves.isEmpty ? 0 : 1])[0])
    guard count == 0 || count == group.worldSize else {
      throw TuneError(
        .missingFile,
        "the run's saves are there for \(count) of \(group.worldSize) workers only",
        remedy: "checkpointer.output_dir must be one folder that all nodes share.")
    }
    return count > 0
  }

  private static func newestWhole(
    _ saves: [String], _ root: Section, _ group: ProcessGroup, isFirstOnMachine: Bool,
    _ log: RecipeLog
  ) throws -> SavedRun {
    let checkpointer = root[Keys.checkpointer]
    var candidates = saves[...]
    var last: TuneError?
    while true {
      // A rank without a candidate left says so, that no other waits for it.
      let path = candidates.popFirst()
      var found: SavedRun?
      do {
        found = try path.map { try SavedRun(path: $0, naming: checkpointer.checkpointNaming) }
        if isFirstOnMachine { try found?.checkContent() }
      } catch let error as TuneError {
        found = nil
        if !candidates.isEmpty { log.warning("\(error.namingKeys())\n  Trying an earlier save.") }
        last = last ?? error
      }
      let (whole, exhausted) = try agreement(found != nil, path == nil, group)
      if whole, let found {
        if last != nil { log.warning("Resuming from the earlier save \(found.weights.path)") }
        try found.checkOptimizer(root)
        return found
      }
      if exhausted {
        throw last
          ?? TuneError(
            .worker, "another rank has no whole saved state to resume from",
            remedy: "Its own error says why.", at: .init(rank: group.rank))
      }
    }
  }

  /// Whether all ranks found a whole save, and whether one has none left.
  private static func agreement(_ isWhole: Bool, _ isOver: Bool, _ group: ProcessGroup) throws
    -> (whole: Bool, exhausted: Bool)
  {
    let sums = try group.sums([isWhole ? 0 : 1, isOver ? 1 : 0])
    return (sums[0] == 0, sums[1] > 0)
  }

  private func checkOptimizer(_ root: Section) throws {
    let optimizer = root[Keys.optimizer]
    guard state.optimizer == optimizer.choice(OptimizerChoice.self).rawValue else {
      throw optimizer.errorAtComponent(
        "does not match the saved run, which used \(state.optimizer)",
        remedy: "Resume with that optimizer.")
    }
  }

  /// The paths of a launched run's own saves, the newest first.
  private static func savedBy(_ launched: LaunchedRun, _ checkpointer: Section) -> [String] {
    saves(in: checkpointer[Keys.Checkpointer.outputFolder]).filter { path in
      let file: (any SavedTensors)? =
        ShardedSave.isThere(path)
        ? try? ShardedSave(path: path) : try? RecipeStateFile.open(path: path)
      return file.flatMap { try? RunState($0).runID } == launched.id
    }
  }

  /// The paths of states, the newest first.
  private static func candidates(_ checkpointer: Section) throws -> [String] {
    let output = checkpointer[Keys.Checkpointer.outputFolder]
    let named = checkpointer[Keys.Checkpointer.savedRun]
    let path = named ?? RecipeStateFile.path(in: output)
    let earlier = named == nil ? saves(in: output) : []
    guard
      let existing = named == nil
        ? earlier.first
        : [path, output + "/" + path].first(where: FileManager.default.fileExists)
    else {
      throw TuneError(
        .missingFile, "no saved state to resume from",
        remedy:
          "Set resume_from_checkpoint to False, or checkpointer.output_dir to that of the run to "
          + "resume. A finished run has no saved state.",
        at: .init(file: path, key: Keys.resumes.name))
    }
    guard !existing.hasSuffix(".pt") else {
      throw checkpointer.error(
        at: Keys.Checkpointer.savedRun,
        "resuming from torchtune's recipe_state.pt is not supported",
        remedy: "Start from its weights: set checkpoint_dir to its last epoch's folder and "
          + "resume_from_checkpoint to False.")
    }
    return [existing] + earlier.filter { $0 != existing }
  }

  /// By when they were written, not by their steps: another run may have been in the folder before.
  private static func saves(in output: String) -> [String] {
    let states =
      [RecipeStateFile.path(in: output)]
      + RecipeStateFile.earlierSaves(in: output).map {
        RecipeStateFile.path(in: output, ofSave: $0)
      }
    let folders = ((try? FileManager.default.contentsOfDirectory(atPath: output)) ?? [])
      .filter(RecipeStateFile.isSave).map { output + "/" + $0 }.filter(ShardedSave.isThere)
    var dated: [(date: Date, path: String)] = []
    for path in states + folders.sorted() {
      let file = ShardedSave.isThere(path) ? path + "/" + ShardedSave.manifestName : path
      guard let attributes = try? FileManager.default.attributesOfItem(atPath: file) else {
        continue
      }
      dated.append((attributes[.modificationDate] as? Date ?? .distantPast, path))
    }
    // Of one date, as after a link, the first, which is the last state.
    return dated.enumerated().sorted {
      ($1.element.date, $0.offset) < ($0.element.date, $1.offset)
    }.map(\.element.path)
  }
}
