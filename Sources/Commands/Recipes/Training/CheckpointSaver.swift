// Saving a run: the model as a folder in the layout that it was read in, then, while the run is not
// over, the state to go on from. Each is complete under its name or not there; a state names the folder it
// belongs to.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Sharding
import Tensors
import Training

struct CheckpointSaver {
  let outputFolder: String
  let source: ModelFolder
  /// Patterns of what is trained; nil for everything.
  let trainable: [String]?
  let format: WeightFormat
  let dtype: DType
  let optimizer: OptimizerChoice
  let seed: UInt64
  let log: RecipeLog

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
    try prepareFolder(outputFolder, checkpointer, Keys.Checkpointer.outputFolder)
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

  /// Every rank must call it: weights and state are gathered; rank 0 writes.
  func save(_ loop: TrainingLoop, _ occasion: TrainingEvents.Occasion) throws {
    let name: String
    let isLast: Bool
    switch occasion {
    case .endOfEpoch(let epoch): (name, isLast) = ("epoch_\(epoch)", epoch + 1 == loop.plan.epochs)
    case .withinEpoch(let step): (name, isLast) = ("step_\(step)", false)
    }
    let path = outputFolder + "/" + name
    let model = loop.model
    let writer =
      model.group.rank == 0
      ? try ModelFolderWriter(to: path, like: source, dtype: dtype, as: format) : nil
    try model.gatherEach { try writer?.write($1, for: $0) }
    let report = try writer?.finish()
    if let report {
      log.info("Saved \(path) (\(report.fileBytes / (1 << 20)) MiB)")
    }
    guard !isLast else { return }
    let state = RunState(
      progress: loop.progress, weightsFolder: name, optimizer: optimizer.rawValue, seed: seed,
      trainable: trainable)
    try state.write(in: outputFolder, model, loop.optimizer)
    log.info("Saved the recipe state after step \(loop.progress.step)")
    Self.noteInterruption(savedStep: loop.progress.step)
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

/// A saved run to go on from.
struct SavedRun {
  let state: RunState
  let file: SafetensorsFile
  let weightsPath: String
  let naming: CheckpointNaming

  func weights() throws -> ModelFolder {
    guard FileManager.default.fileExists(atPath: weightsPath) else {
      throw TuneError(
        .missingFile, "the weights of the saved run are missing",
        remedy: "Restore the folder next to recipe_state, or resume another run.",
        at: .init(file: weightsPath))
    }
    return try ModelFolder(
      path: weightsPath, files: naming == .huggingFace ? nil : [ModelFolder.torchName],
      naming: naming)
  }
}

/// The run that `resume_from_checkpoint: True` means: `recipe_checkpoint`, else the state in the
/// output folder.
func savedRun(_ root: Section, _ checkpointer: Section) throws -> SavedRun? {
  guard root[Keys.resumes] else { return nil }
  let output = checkpointer[Keys.Checkpointer.outputFolder]
  let path = checkpointer[Keys.Checkpointer.savedRun] ?? RecipeStateFile.path(in: output)
  guard let existing = [path, output + "/" + path].first(where: FileManager.default.fileExists)
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
  let file = try RecipeStateFile.open(path: existing)
  let state = try RunState(file)
  let optimizer = root[Keys.optimizer]
  guard state.optimizer == optimizer.choice(OptimizerChoice.self).rawValue else {
    throw optimizer.errorAtComponent(
      "does not match the saved run, which used \(state.optimizer)",
      remedy: "Resume with that optimizer.")
  }
  // The folder stands beside recipe_state/.
  let stateFolder = existing.parentFolder
  let runFolder = stateFolder.parentFolder
  return SavedRun(
    state: state, file: file, weightsPath: runFolder + "/" + state.weightsFolder,
    naming: checkpointer.checkpointNaming)
}
