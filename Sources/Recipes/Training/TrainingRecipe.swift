// The training recipes: qat_distributed, qat_single_device and their plain siblings. All four are one
// story; the configuration's values are the difference.
import Checkpoints
import Essentials
import Foundation
import Layers
import Quantization
import RunConfiguration
import Sharding
import Tensors
import Text
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
    withExtendedLifetime(group) { _ = WorkerErrorFile.leave(error.description) }
    throw error
  }
}

private func train(
  _ c: ValidatedConfiguration, _ environment: WorkerEnvironment, on device: Device,
  _ group: ProcessGroup, _ profiler: StepProfiler?, _ hooks: TrainingHooks
) throws {
  let root = c.root
  let log = RecipeLog(root, rank: environment.rank)
  for remark in c.remarks { log.warning(remark.description) }

  // Everything that can be wrong with files is found here, before any weight is read.
  let configuration = decoderConfiguration(from: root.section("model"))
  let tokenizer = try tokenizer(from: root.section("tokenizer"))
  try check(tokenizer, fits: configuration, root.section("tokenizer"))
  let checkpointer = root.section("checkpointer")
  let saved = try savedRun(root, checkpointer)
  let source = try trainableFolder(checkpointer, configuration, log)
  let quantization = try fakeQuantization(root, configuration, log)
  let (stream, validation) = try batches(root, tokenizer, group)

  let seed = try sharedSeed(root, saved?.state, group)
  var plan = trainingPlan(root, fakeQuantization: quantization)
  let weights = try saved.map { try $0.weights() } ?? source
  try weights.check(against: configuration)
  let model = try ShardedModel(
    configuration, from: weights, dtype: dtype(from: root), on: device, group: group,
    home: root.bool("fsdp_cpu_offload") ? .host(device) : .device)
  let optimizer = optimizer(from: root.section("optimizer"), seed: seed)
  let saver = CheckpointSaver(
    outputFolder: checkpointer.string("output_dir"), source: source,
    format: checkpointer.weightFormat, dtype: dtype(from: root),
    optimizer: root.section("optimizer").component ?? "", seed: seed, log: log)
  try saver.checkPlace(checkpointer)
  let reporter = try RunReporter(root, c, device: device, group: group, log: log)
  let events = trainingEvents(reporter, saver, profiler, hooks)

  func makeLoop() throws -> TrainingLoop {
    try locatingErrors(in: root) {
      try TrainingLoop(
        model, plan: plan, optimizer: optimizer,
        lossHead: LossHead(chunkCount: root.section("loss").int("num_output_chunks")),
        stream: stream, validation: validation, on: device,
        events: events, timeline: profiler?.timeline)
    }
  }
  // The schedule spans the run, whose length the data decides.
  let steps = try makeLoop().stepsPerEpoch * plan.epochs
  plan.schedule =
    hooks.learningRate.map { rate in .tabulated((0..<steps).map { rate($0, steps) }) }
    ?? schedule(root, totalSteps: steps)
  let loop = try makeLoop()
  if let saved {
    try RunState.restore(saved.file, into: optimizer, model)
    try locatingErrors(in: root) { try loop.resume(at: saved.state.progress) }
    log.info("Going on after step \(saved.state.progress.step) of \(saved.weightsPath)")
  }
  try reporter.begin(loop, parameterCount: configuration.parameterCount)
  try loop.run()
  try profiler?.finish()
  try reporter.finish(loop)
}

private func trainingEvents(
  _ reporter: RunReporter, _ saver: CheckpointSaver, _ profiler: StepProfiler?,
  _ hooks: TrainingHooks
) -> TrainingEvents {
  TrainingEvents(
    stepped: { loop, metrics in
      try (profiler?.timeline).span("logging") { try reporter.stepped(loop, metrics) }
      try reporter.pausing { try hooks.stepped(loop.progress.step, loop.progress.epoch, metrics) }
      try profiler?.stepped()
    },
    validated: { loop, loss in
      try reporter.validated(loop, loss)
      try reporter.pausing { try hooks.validated(loop.progress.step, loss) }
    },
    save: { loop, occasion in try reporter.pausing { try saver.save(loop, occasion) } })
}

/// The group of all workers; a single process is a group of one on the same path.
package func processGroup(_ e: WorkerEnvironment, timeline: Timeline? = nil) throws -> ProcessGroup
{
  try .gloo(
    host: e.masterAddress, port: e.masterPort, rank: e.rank, worldSize: e.worldSize,
    timeline: timeline)
}

/// The checkpoint to start from, which must hold numbers that a gradient can move.
private func trainableFolder(
  _ checkpointer: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> ModelFolder {
  let folder = try modelFolder(from: checkpointer, for: configuration, log: log)
  guard let scheme = folder.quantizationScheme else { return folder }
  throw checkpointer.error(
    at: "checkpoint_dir",
    "the checkpoint is quantized (\(scheme.summary)), and codes cannot be trained",
    remedy: "Train the float checkpoint that it was made from, and quantize what comes out.")
}

/// The quantizer of a QAT recipe, checked against the layers there are.
private func fakeQuantization(
  _ root: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> FakeQuantizationPlan? {
  guard root.declares("quantizer"), let section = root.optionalSection("quantizer") else {
    return nil
  }
  let scheme = quantizationScheme(from: section)
  var linears = configuration.specification.all.filter { $0.kind == .linear }
  if configuration.tiesEmbeddings { linears.append(configuration.headSpecification) }
  let skipped = linears.filter { !scheme.fits(inputWidth: $0.shape[1]) }
  guard skipped.count < linears.count else {
    throw section.error(
      at: "groupsize",
      "the group size \(scheme.groupSize) divides no layer's input width "
        + "(\(Set(linears.map { $0.shape[1] }).sorted().map(String.init).joined(separator: ", ")))",
      remedy: "Choose a group size that divides them, such as 32.")
  }
  if !skipped.isEmpty {
    log.warning(
      "Not quantized, since the group size \(scheme.groupSize) does not divide their input width: "
        + skipped.map(\.name).joined(separator: ", "))
  }
  let delay = root.optionalInt("fake_quant_after_n_steps") ?? 0
  log.info(
    "Fake quantization: int\(scheme.weightBits) weights, a scale for \(scheme.groupSize), and int8 "
      + "activations per token, \(delay == 0 ? "from the start" : "after \(delay) steps")")
  return FakeQuantizationPlan(scheme: scheme, delay: delay)
}

private func batches(_ root: Section, _ tokenizer: any Tokenizer, _ group: ProcessGroup) throws -> (
  training: BatchStream, validation: BatchStream?
) {
  func stream(_ key: String, batchSize: Int, shuffle: Bool) throws -> BatchStream {
    let data = try dataset(from: root.sections(key), tokenizer: tokenizer)
    let sampler = DistributedSampler(
      count: data.count, worldSize: group.worldSize, rank: group.rank, shuffle: shuffle)
    return try locatingErrors(in: root) {
      try BatchStream(data, sampler: sampler, batchSize: batchSize, padID: tokenizer.padID)
    }
  }
  let batchSize = root.int("batch_size")
  let training = try stream("dataset", batchSize: batchSize, shuffle: root.bool("shuffle"))
  guard root.optionalInt("run_val_every_n_steps") != nil else { return (training, nil) }
  guard !root.sections("dataset_val").isEmpty else {
    throw root.error(
      at: "run_val_every_n_steps", "there is no dataset_val to validate on",
      remedy: "Add dataset_val, or set run_val_every_n_steps to null.")
  }
  let size = root.optionalInt("batch_size_val") ?? batchSize
  return (training, try stream("dataset_val", batchSize: size, shuffle: false))
}

/// The configuration's seed, the saved run's when it goes on, or one drawn by rank 0 for all.
private func sharedSeed(_ root: Section, _ saved: RunState?, _ group: ProcessGroup) throws -> UInt64
{
  if let saved { return saved.seed }
  if let given = root.optionalInt("seed") { return UInt64(given) }
  let drawn = group.rank == 0 ? Double(UInt32.random(in: 0...UInt32.max)) : 0
  return UInt64(try group.sums([drawn])[0])
}
