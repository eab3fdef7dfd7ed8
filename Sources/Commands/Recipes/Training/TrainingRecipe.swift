// The training recipes: qat_distributed, qat_single_device and their plain siblings. All four are one
// story; the configuration's values are the difference.
import Catalog
import Checkpoints
import Configuration
import Datasets
import Essentials
import Foundation
import Launching
import Layers
import Quantization
import Sharding
import Tensors
import Tokenizers
import Training

/// Runs a training recipe as the worker that `environment` describes.
package func runTraining(
  _ c: ValidatedConfiguration, _ environment: WorkerEnvironment,
  _ hooks: TrainingHooks = TrainingHooks()
) throws {
  Devices.configureProcess()
  let device = try device(from: c.root, localRank: environment.localRank)
  let profiler = StepProfiler(
    c.root, rank: environment.rank, log: RecipeLog(c.root, rank: environment.rank))
  let group = try processGroup(environment, timeline: profiler?.timeline)
  do {
    try train(c, environment, on: device, group, profiler, hooks)
  } catch let error as TuneError {
    // While the group lives: its end breaks the others' connections, and the launcher takes the
    // earliest error for the cause.
    let error = error.namingKeys()
    withExtendedLifetime(group) { _ = WorkerErrorFile.leave(error) }
    throw error
  }
}

private func train(
  _ c: ValidatedConfiguration, _ environment: WorkerEnvironment, on device: Device,
  _ group: ProcessGroup, _ profiler: StepProfiler?, _ hooks: TrainingHooks
) throws {
  let root = c.root
  let log = RecipeLog(root, rank: environment.rank)
  try requireSameConfiguration(c, group)
  for remark in c.remarks { log.warning(remark.description) }
  let finished = try finishedRun(root, group, hooks.launched)
  if let finished, try !SavedRun.isThere(root, group) { return log.warning(finished) }

  // What can refuse the run, then what costs.
  let run = try PreparedTraining(
    c, group, isFirstOnMachine: environment.localRank == 0, hooks, log)
  let checkpointer = root[Keys.checkpointer]
  if let finished { return log.warning(finished) }
  let locks =
    group.rank == 0
    ? try OutputLock((root, Keys.outputFolder), (checkpointer, Keys.Checkpointer.outputFolder))
    : nil
  defer { locks?.release() }
  CheckpointSaver.noteInterruption(savedStep: run.saved?.state.progress.step)
  let reporter = try RunReporter(root, c, device: device, group: group, log: log)
  if group.rank == 0 { try run.saver.prepare(checkpointer) }
  try profiler?.prepare()
  // No rank reads weights for a run that another one refuses.
  try group.barrier()

  let model = try ShardedModel(
    run.configuration, from: run.weights, dtype: dtype(from: root), on: device, group: group,
    placement: root[Keys.offloadsShards] ? .host(device) : .device, training: run.trainable.names)
  if let saved = run.saved {
    try RunState.restore(saved.file, into: run.optimizer, model)
    log.info("Resuming after step \(saved.state.progress.step) of \(saved.weights.path)")
  }
  let loop = TrainingLoop(
    model, plan: run.plan, optimizer: run.optimizer,
    lossHead: LossHead(chunkCount: root[Keys.loss][Keys.Loss.chunkCount]),
    course: run.course, validation: run.validation, on: device,
    events: trainingEvents(reporter, run.saver, profiler, hooks), timeline: profiler?.timeline)
  try reporter.begin(loop, run.trainable)
  try runToTheEnd(loop, run.saver, savesOnInterrupt: root[Keys.savesOnInterrupt], hooks)
  try profiler?.finish()
  try reporter.finish(loop)
}

/// - Throws: `RunInterrupted` after a save.
private func runToTheEnd(
  _ loop: TrainingLoop, _ saver: CheckpointSaver, savesOnInterrupt: Bool, _ hooks: TrainingHooks
) throws {
  if savesOnInterrupt { RunInterruption.saveFirst() }
  defer { RunInterruption.endAtOnce() }
  do {
    try loop.run()
  } catch is TrainingInterruption {
    try saver.finishPending()
    // Nobody leaves, and breaks connections, before all have saved.
    try loop.model.group.barrier()
    throw RunInterrupted(signal: hooks.interruption() ?? SIGTERM, report: saver.report)
  }
}

/// What to say of a run that is to be resumed and has come to its end already; nil for one that has not. All
/// ranks see the same.
private func finishedRun(_ root: Section, _ group: ProcessGroup, _ launched: LaunchedRun?) throws
  -> String?
{
  let checkpointer = root[Keys.checkpointer]
  let output = checkpointer[Keys.Checkpointer.outputFolder]
  guard root[Keys.resumes], checkpointer[Keys.Checkpointer.savedRun] == nil,
    launched?.resumes != true
  else { return nil }
  let finished = RecipeStateFile.finishedRun(in: output)
  let isOver = (finished?.epochs ?? 0) >= root[Keys.epochs]
  guard try group.sums([isOver ? 0 : 1])[0] == 0, let finished else { return nil }
  return
    "Nothing is left to train: the run has done its \(finished.epochs) epochs, and "
    + "\(output)/\(finished.weights) has the model. To train on, raise epochs."
}

private func trainingEvents(
  _ reporter: RunReporter, _ saver: CheckpointSaver, _ profiler: StepProfiler?,
  _ hooks: TrainingHooks
) -> TrainingEvents {
  TrainingEvents(
    stepped: { loop, metrics in
      try (profiler?.timeline).span("logging") { try reporter.stepped(loop, metrics) }
      try reporter.pausing { try saver.stepped(loop.model.group) }
      try reporter.pausing { try hooks.stepped(loop.progress.step, loop.progress.epoch, metrics) }
      try profiler?.stepped()
    },
    validated: { loop, loss in
      try reporter.validated(loop, loss)
      try reporter.pausing { try hooks.validated(loop.progress.step, loss) }
    },
    save: { loop, occasion in try reporter.pausing { try saver.save(loop, occasion) } },
    isInterrupted: { hooks.interruption() != nil })
}

/// The group of all workers; a single process is a group of one on the same path.
package func processGroup(_ e: WorkerEnvironment, timeline: Timeline? = nil) throws -> ProcessGroup
{
  let variables = ProcessInfo.processInfo.environment
  let timeout = WorkerTimeout.seconds(variables, e)
  return try .gloo(
    host: e.masterAddress, port: e.masterPort, rank: e.rank, worldSize: e.worldSize,
    interface: variables[WorkerEnvironment.interfaceVariable],
    rendezvousTimeout: timeout.rendezvous, timeout: timeout.collectives, timeline: timeline)
}
