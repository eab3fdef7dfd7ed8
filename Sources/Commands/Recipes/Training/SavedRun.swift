// The saved run that `resume_from_checkpoint: True` means: state and weights, found to be those that were
// written together. Of several saves it is the newest whole one, unless `recipe_checkpoint` names another.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Sharding
import Training
import WeightFiles

struct SavedRun {
  let state: RunState
  let file: SafetensorsFile
  let weights: ModelFolder

  /// Reads headers only.
  /// - Throws: `TuneError` when the state or its weights are missing or broken.
  private init(path: String, naming: CheckpointNaming) throws {
    file = try RecipeStateFile.open(path: path)
    state = try RunState(file)
    // The folder stands beside recipe_state/.
    let weightsPath = path.parentFolder.parentFolder + "/" + state.weightsFolder
    guard FileManager.default.fileExists(atPath: weightsPath) else {
      throw TuneError(
        .missingFile, "the weights of the saved run are missing",
        remedy: "Restore the folder next to recipe_state, or resume another run.",
        at: .init(file: weightsPath))
    }
    weights = try ModelFolder(
      path: weightsPath, files: naming == .huggingFace ? nil : [ModelFolder.torchName],
      naming: naming)
  }

  /// - Throws: `TuneError` when weights or state are not as they were written.
  private func checkContent() throws {
    try RecipeStateFile.check(file)
    try weights.check(state.weightsDigests)
  }

  /// Every rank must call it: all resume from the same save. One rank a machine reads weights and
  /// states for their digests.
  /// - Throws: `TuneError` when there is no whole save, or it is of another optimizer.
  static func find(
    _ root: Section, _ group: ProcessGroup, isFirstOnMachine: Bool, _ log: RecipeLog
  ) throws -> SavedRun? {
    guard root[Keys.resumes] else { return nil }
    let checkpointer = root[Keys.checkpointer]
    var candidates = try candidates(checkpointer)[...]
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

  /// The paths of states, the newest first.
  private static func candidates(_ checkpointer: Section) throws -> [String] {
    let output = checkpointer[Keys.Checkpointer.outputFolder]
    let named = checkpointer[Keys.Checkpointer.savedRun]
    let path = named ?? RecipeStateFile.path(in: output)
    let earlier = named == nil ? earlierStates(in: output) : []
    guard
      let existing = [path, output + "/" + path].first(where: FileManager.default.fileExists)
        ?? earlier.first
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
  private static func earlierStates(in output: String) -> [String] {
    let dated = RecipeStateFile.earlierSaves(in: output).map { name -> (Date, String) in
      let path = RecipeStateFile.path(in: output, ofSave: name)
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      return (attributes?[.modificationDate] as? Date ?? .distantPast, path)
    }
    return dated.sorted { $0.0 > $1.0 }.map(\.1)
  }
}
