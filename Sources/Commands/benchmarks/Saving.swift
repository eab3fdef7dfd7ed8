// What a save costs the step that it belongs to: written at once as a model folder and its state, and in the
// background, in which case the step pays for the copy and for sharing the machine with the thread that writes.
import Checkpoints
import Essentials
import Foundation
import Tensors
import Training

func measureSaving() throws {
  var table = Table(
    "A training step that saves, QAT, bf16, graphs kept",
    [
      "model", "s/step", "with a save at once", "in the background", "costs the step", "spread",
      "MiB written", "s until written", "rounds",
    ])
  for model in [TrainingWorker.Model.small, .wide] {
    let folder = temporaryPath("model")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try initializeModelFolder(folder, model.configuration, dtype: .bfloat16, seed: 3)
    let worker = try AskedProcess(
      ownExecutable(),
      [TrainingWorker.command, model.rawValue, folder, "bf16", "qat", "keep"]
        + (Clock.countsCPUTime ? [Clock.cpuTimeOption] : []), greeting: "ready")
    var waits: [Double] = []
    let timings = try inTurns(
      [
        Contender(measuredBy: { try worker.number("step") }),
        Contender(measuredBy: { try worker.number("save") }),
        Contender(measuredBy: {
          let seconds = try worker.number("background")
          waits.append(try worker.number("written"))
          return seconds
        }),
      ], budget: 90, rounds: 5...15)
    table.add(
      model.rawValue, timings[0].median.digits(3), timings[1].median.digits(3),
      timings[2].median.digits(3),
      ((timings[2].median / timings[0].median - 1) * 100).digits(1) + " %",
      timings[2].spreadPercent, (try worker.number("bytes") / 1_048_576).digits(0),
      Timing(waits).median.digits(1), "\(timings[0].rounds)")
  }
  table.print()
}

/// Saves of a training worker.
final class MeasuredSaves {
  private let loop: TrainingLoop
  private let source: String
  private let folder: String
  private let snapshot = RankSnapshot()
  private var pending: BackgroundSave?
  private var begun = 0.0
  var byteCount: Int { snapshot.byteCount }

  init(_ loop: TrainingLoop, folder: String) {
    (self.loop, source, self.folder) = (loop, folder, folder + "-saves")
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func state(_ name: String) -> RunState {
    RunState(
      progress: loop.progress, weightsFolder: name, weightsDigests: [:], optimizer: "AdamW", seed: 0
    )
  }

  func stepSavingAtOnce() throws -> Double {
    let started = Clock.now
    _ = try loop.step()
    let writer = try ModelFolderWriter(
      to: folder + "/epoch_0", like: ModelFolder(path: source), dtype: .bfloat16)
    try loop.model.gatherEach { try writer.write($1, for: $0) }
    try writer.finish()
    try state("epoch_0").write(in: folder, loop.model, loop.optimizer)
    return Clock.now - started
  }

  /// The copy, and the step that follows while the files are written.
  func stepSavingInTheBackground() throws -> Double {
    let started = Clock.now
    begun = started
    snapshot.take(loop.model, loop.optimizer)
    pending = try BackgroundSave(
      to: folder + "/step_1", snapshot, state("step_1"), loop.model.group)
    _ = try loop.step()
    try advance()
    return Clock.now - started
  }

  /// Steps on until the save is complete.
  func secondsUntilWritten() throws -> Double {
    while pending != nil {
      _ = try loop.step()
      try advance()
    }
    return Clock.now - begun
  }

  private func advance() throws {
    if try pending?.advance(waits: false) == true { pending = nil }
  }
}
