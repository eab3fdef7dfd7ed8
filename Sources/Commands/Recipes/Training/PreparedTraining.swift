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

  /// - Parameter isFirstOnMachine: whether this rank is the one of its machine that checks digests.
  init(
    _ c: ValidatedConfiguration, _ group: ProcessGroup, isFirstOnMachine: Bool,
    _ hooks: TrainingHooks, _ log: RecipeLog
  ) throws {
    let root = c.root
    configuration = try decoderConfiguration(from: root)
    let tokenizer = try tokenizer(from: root)
    try check(tokenizer, fits: configuration, root[Keys.tokenizer], log: log)
    try checkSequenceLength(root[Keys.tokenizer], configuration)
    let checkpointer = root[Keys.checkpointer]
    saved = try SavedRun.find(root, group, isFirstOnMachine: isFirstOnMachine, log)
    trainable = try trainableParameters(root, configuration, saved?.state)
    let source = try trainableFolder(checkpointer, configuration, log)
    let quantization = try fakeQuantization(root, configuration, log)
    let stream: BatchStream
    let surveys: [DatasetSurvey]
    (stream, validation, surveys) = try batches(root, tokenizer, group, log)
    weights = saved?.weights ?? source
    try weights.check(against: configuration)
    try requireSameInputs(checkpoint: source, saved: saved, data: surveys, group)

    let seed = try sharedSeed(root, saved?.state, group)
    optimizer = Recipes.optimizer(from: root[Keys.optimizer], seed: seed)
    var plan = trainingPlan(root, fakeQuantization: quantization)
    var course = try locatingErrors(in: root, at: Keys.accumulation) {
      try TrainingCourse(stream, plan)
    }
    if let remark = course.leftOut { log.info(remark) }
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
    let digests = c.valueDigests(keepingReferences: true).merging(contentDigests(surveys)) { $1 }
    if let saved { warnOfChanges(since: saved.state.configuration, to: digests, log) }
    saver = CheckpointSaver(
      root, source: source, trainable: trainable.patterns, seed: seed, configuration: digests,
      resuming: saved?.state, log: log)
    try saver.checkPlace(checkpointer)
  }
}

/// The rule of builders, for a model that only its files describe.
private func checkSequenceLength(_ section: Section, _ configuration: DecoderConfiguration) throws {
  let limit = configuration.maximumSequenceLength
  guard let length = section[Keys.Tokenizer.longestSequence], length > limit else { return }
  throw section.error(
    at: Keys.Tokenizer.longestSequence,
    "is \(length), but the model supports at most \(limit) tokens",
    remedy: "Set it to at most \(limit).")
}

/// The checkpoint to start from, which must hold numbers that a gradient can move.
private func trainableFolder(
  _ checkpointer: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> ModelFolder {
  let folder = try modelFolder(from: checkpointer, for: configuration, log: log)
  guard let plan = folder.quantization else { return folder }
  throw checkpointer.error(
    at: Keys.Checkpointer.folder,
    "the checkpoint is quantized (\(plan.summary)), and quantized weights cannot be trained",
    remedy: "Train the original float checkpoint, then quantize the result.")
}

/// The quantizer of a QAT recipe, checked against the layers there are.
private func fakeQuantization(
  _ root: Section, _ configuration: DecoderConfiguration, _ log: RecipeLog
) throws -> FakeQuantizationPlan? {
  guard let section = root[ifDeclared: Keys.quantizer] else { return nil }
  let plan = quantizationPlan(from: section)
  try locatingErrors(in: section) { try plan.check(against: configuration) }
  let skipped = plan.skippedLayers(of: configuration)
  if !skipped.isEmpty {
    log.warning(
      "\(skipped.count) of \(configuration.linearLayers.count) layers are not quantized, since "
        + "their input width does not fit \(plan.layers.summary): "
        + nameSummary(skipped.map(\.name)))
  }
  let delay = root[Keys.fakeQuantizationDelay] ?? 0
  log.info(
    "Fake quantization: \(plan.summary), "
      + (plan.isUniform ? "and \(plan.layers.inputs.summary), " : "")
      + (delay == 0 ? "from the start" : "after \(delay) steps"))
  return FakeQuantizationPlan(plan, delay: delay)
}

private func batches(
  _ root: Section, _ tokenizer: any Tokenizer, _ group: ProcessGroup, _ log: RecipeLog
) throws -> (training: BatchStream, validation: BatchStream?, [DatasetSurvey]) {
  var surveys: [DatasetSurvey] = []
  func stream(_ sections: [Section], batchSize: Int, shuffle: Bool) throws -> BatchStream {
    let data = try dataset(from: sections, tokenizer: tokenizer, log: log)
    let survey = try DatasetSurvey(data, limit: tokenizer.maxSeqLen)
    try report(survey, sections, limit: tokenizer.maxSeqLen, log)
    surveys.append(survey)
    let sampler = DistributedSampler(
      count: data.count, worldSize: group.worldSize, rank: group.rank, shuffle: shuffle)
    return try locatingErrors(in: root, at: Keys.dataset) {
      try BatchStream(data, sampler: sampler, batchSize: batchSize, padID: tokenizer.padID)
    }
  }
  let batchSize = root[Keys.batchSize]
  let training = try stream(
    root[Keys.dataset], batchSize: batchSize, shuffle: root[Keys.shuffle])
  guard root[Keys.validationInterval] != nil else { return (training, nil, surveys) }
  guard let held = root[Keys.validationDataset] else {
    throw root.error(
      at: Keys.validationInterval, "needs dataset_val",
      remedy: "Add dataset_val, or set run_val_every_n_steps to null.")
  }
  let size = root[Keys.validationBatchSize] ?? batchSize
  let validation = try stream(held, batchSize: size, shuffle: false)
  return (training, validation, surveys)
}

/// Says what of a dataset teaches nothing or is cut.
/// - Throws: where that is all of it.
private func report(
  _ survey: DatasetSurvey, _ sections: [Section], limit: Int?, _ log: RecipeLog
) throws {
  let all = survey.seen == survey.count
  let looked = all ? "\(survey.count) samples" : "\(survey.seen) samples looked at"
  if all, survey.withoutLabels == survey.count, let section = sections.first {
    throw section.errorAtComponent(
      "nothing to learn from: none of the \(looked) has a label. All tokens are masked"
        + (limit.map { ", or cut off by tokenizer.max_seq_len=\($0)" } ?? ""),
      remedy: "Check the dataset's roles and columns, set train_on_input to True, or raise "
        + "tokenizer.max_seq_len.")
  }
  if survey.withoutLabels > 0 {
    log.warning(
      "\(survey.withoutLabels) of the \(looked) have no label to learn from: all their tokens are "
        + "masked or cut off")
  }
  if survey.atLimit > 0, let limit {
    log.warning(
      "\(survey.atLimit) of the \(looked) are as long as tokenizer.max_seq_len=\(limit) allows: "
        + "longer ones are cut off there")
  }
}

/// The configuration's seed, the saved run's when it goes on, or one drawn by rank 0 for all.
private func sharedSeed(_ root: Section, _ saved: RunState?, _ group: ProcessGroup) throws -> UInt64
{
  if let saved { return saved.seed }
  if let given = root[Keys.seed] { return UInt64(given) }
  let drawn = group.rank == 0 ? Double(UInt32.random(in: 0...UInt32.max)) : 0
  return UInt64(try group.sums([drawn])[0])
}
