// What a training run is made of, each part checked. Making it reads configuration, tokenizer, data, and
// the headers of checkpoint and saved state: all that can refuse the run, and no weight.
import Catalog
import Checkpoints
import Configuration
import Datasets
import Essentials
import Layers
import Quantization
import Sharding
import Tensors
import Tokenizers
import Training

struct PreparedTraining {
  let configuration: DecoderConfiguration
  let plan: TrainingPlan
  let optimizer: any Optimizer
  let saved: SavedRun?
  let trainable: TrainableParameters
  /// Those of the saved run, or of the checkpoint to start from.
  let weights: ModelFolder
  let course: TrainingCourse
  let validation: BatchStream?
  let saver: CheckpointSaver

  init(_ root: Section, _ group: ProcessGroup, _ hooks: TrainingHooks, _ log: RecipeLog) throws {
    configuration = try decoderConfiguration(from: root)
    let tokenizer = try tokenizer(from: root)
    try check(tokenizer, fits: configuration, root[Keys.tokenizer])
    let checkpointer = root[Keys.checkpointer]
    saved = try savedRun(root, checkpointer)
    trainable = try trainableParameters(root, configuration, saved?.state)
    let source = try trainableFolder(checkpointer, configuration, log)
    let quantization = try fakeQuantization(root, configuration, log)
    let stream: BatchStream
    (stream, validation) = try batches(root, tokenizer, group, log)
    weights = try saved.map { try $0.weights() } ?? source
    try weights.check(against: configuration)

    let seed = try sharedSeed(root, saved?.state, group)
    optimizer = Recipes.optimizer(from: root[Keys.optimizer], seed: seed)
    var plan = trainingPlan(root, fakeQuantization: quantization)
    var course = try locatingErrors(in: root, at: Keys.accumulation) {
      try TrainingCourse(stream, plan)
    }
    if let saved {
      guard saved.state.progress.epoch < plan.epochs else {
        throw root.error(
          at: Keys.epochs,
          "the saved run has done \(saved.state.progress.epoch) epochs already",
          remedy: "Raise epochs to train on.")
      }
      try locatingErrors(in: root, at: Keys.dataset) {
        try course.resume(at: saved.state.progress)
      }
      try RunState.check(
        saved.file, fits: optimizer, DecoderUnits(configuration, training: trainable.names),
        dtype: dtype(from: root))
    }
    // The schedule spans the run, whose length the data decides.
    let steps = course.stepsPerEpoch * plan.epochs
    plan.schedule =
      hooks.learningRate.map { rate in .tabulated((0..<steps).map { rate($0, steps) }) }
      ?? schedule(root, totalSteps: steps)
    (self.plan, self.course) = (plan, course)
    saver = CheckpointSaver(
      outputFolder: checkpointer[Keys.Checkpointer.outputFolder], source: source,
      trainable: trainable.patterns,
      format: checkpointer.weightFormat, dtype: dtype(from: root),
      optimizer: root[Keys.optimizer].choice(OptimizerChoice.self), seed: seed, log: log)
    try saver.checkPlace(checkpointer)
  }
}

/// The checkpoint to start from, which must hold numbers that a gradient can move.
private func trainableFolder(
  _ checkpointer: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> ModelFolder {
  let folder = try modelFolder(from: checkpointer, for: configuration, log: log)
  guard let scheme = folder.quantizationScheme else { return folder }
  throw checkpointer.error(
    at: Keys.Checkpointer.folder,
    "the checkpoint is quantized (\(scheme.summary)), and quantized weights cannot be trained",
    remedy: "Train the original float checkpoint, then quantize the result.")
}

/// The quantizer of a QAT recipe, checked against the layers there are.
private func fakeQuantization(
  _ root: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> FakeQuantizationPlan? {
  guard let section = root[ifDeclared: Keys.quantizer] else { return nil }
  let scheme = quantizationScheme(from: section)
  let linears = configuration.linearLayers
  let skipped = scheme.skippedLayers(of: configuration)
  guard skipped.count < linears.count else {
    throw section.error(
      at: "groupsize",
      "the group size \(scheme.weights.groupSize) divides no layer's input width "
        + "(\(Set(linears.map { $0.shape[1] }).sorted().map(String.init).joined(separator: ", ")))",
      remedy: "Choose a group size that divides them, such as 32.")
  }
  if !skipped.isEmpty {
    log.warning(
      "Not quantized, since the group size \(scheme.weights.groupSize) does not divide their input "
        + "width: " + nameSummary(skipped.map(\.name)))
  }
  let delay = root[Keys.fakeQuantizationDelay] ?? 0
  log.info(
    "Fake quantization: int\(scheme.weights.bits) weights, a scale for "
      + "\(scheme.weights.groupSize), and \(scheme.inputs.summary), "
      + (delay == 0 ? "from the start" : "after \(delay) steps"))
  return FakeQuantizationPlan(scheme: scheme, delay: delay)
}

private func batches(
  _ root: Section, _ tokenizer: any Tokenizer, _ group: ProcessGroup, _ log: RecipeLog
) throws -> (training: BatchStream, validation: BatchStream?) {
  func stream(_ sections: [Section], batchSize: Int, shuffle: Bool) throws -> BatchStream {
    let data = try dataset(from: sections, tokenizer: tokenizer, log: log)
    let sampler = DistributedSampler(
      count: data.count, worldSize: group.worldSize, rank: group.rank, shuffle: shuffle)
    return try locatingErrors(in: root, at: Keys.dataset) {
      try BatchStream(data, sampler: sampler, batchSize: batchSize, padID: tokenizer.padID)
    }
  }
  let batchSize = root[Keys.batchSize]
  let training = try stream(
    root[Keys.dataset], batchSize: batchSize, shuffle: root[Keys.shuffle])
  guard root[Keys.validationInterval] != nil else { return (training, nil) }
  guard let held = root[Keys.validationDataset] else {
    throw root.error(
      at: Keys.validationInterval, "needs dataset_val",
      remedy: "Add dataset_val, or set run_val_every_n_steps to null.")
  }
  let size = root[Keys.validationBatchSize] ?? batchSize
  return (training, try stream(held, batchSize: size, shuffle: false))
}

/// The configuration's seed, the saved run's when it goes on, or one drawn by rank 0 for all.
private func sharedSeed(_ root: Section, _ saved: RunState?, _ group: ProcessGroup) throws -> UInt64
{
  if let saved { return saved.seed }
  if let given = root[Keys.seed] { return UInt64(given) }
  let drawn = group.rank == 0 ? Double(UInt32.random(in: 0...UInt32.max)) : 0
  return UInt64(try group.sums([drawn])[0])
}
