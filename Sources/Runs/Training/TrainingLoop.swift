// The one training loop: full fine-tuning and QAT, one rank or many. A step gathers its
// micro-batches, walks them, and steps the optimizer; everything else is logging and saving.
import Datasets
import Essentials
import Foundation
import Layers
import Sharding
import Tensors

package final class TrainingLoop {
  package let model: ShardedModel
  package let decoder: Decoder
  package let plan: TrainingPlan
  package let optimizer: any Optimizer
  package let device: Device
  var group: ProcessGroup { model.group }
  package private(set) var progress: TrainingProgress
  package let stepsPerEpoch: Int

  private let walker: Walker
  private let pager: UnitPager
  private var stream: BatchStream
  private let validation: BatchStream?
  private let events: TrainingEvents
  private let timeline: Timeline?
  private var skippedInARow = 0
  /// Whether a rank is asked to end, as all ranks know since the last step.
  private var isInterrupted = false
  /// Optimizers square gradients in fp32; an infinite square makes weights that are not finite.
  private static let largestSquare = Double(Float.greatestFiniteMagnitude)
  private static let largestGradient = largestSquare.squareRoot()

  /// - Parameters:
  ///   - course: this rank's batches, and where among them the run begins.
  ///   - validation: this rank's held-out batches, where the plan validates.
  package init(
    _ model: ShardedModel, plan: TrainingPlan, optimizer: any Optimizer, lossHead: LossHead,
    course: TrainingCourse, validation: BatchStream? = nil, on device: Device,
    events: TrainingEvents,
    timeline: Timeline? = nil
  ) {
    self.model = model
    self.plan = plan
    self.optimizer = optimizer
    self.device = device
    stream = course.stream
    progress = course.progress
    stepsPerEpoch = course.stepsPerEpoch
    self.validation = validation
    self.events = events
    self.timeline = timeline
    decoder = Decoder(model.configuration, on: device)
    walker = Walker(
      decoder, policy: plan.blockPolicy, lossHead: lossHead, on: device, timeline: timeline)
    pager = UnitPager(model.shards, model.units, group: model.group)
  }

  /// Trains to the end of the last epoch.
  /// - Throws: `TrainingInterruption` after a save, where a rank was asked to end before.
  package func run() throws {
    while progress.epoch < plan.epochs {
      if progress.stepInEpoch == 0 { stream.beginEpoch(progress.epoch) }
      try runEpoch()
      let ended = progress.epoch
      progress.epoch += 1
      progress.stepInEpoch = 0
      progress.consumedSamples = 0
      try events.save(self, .endOfEpoch(ended))
      if isInterrupted, progress.epoch < plan.epochs { throw TrainingInterruption() }
    }
  }

  private func runEpoch() throws {
    // A resumed epoch may end in steps without a label.
    var trainsOnSomething = progress.stepInEpoch > 0
    while progress.stepInEpoch < stepsPerEpoch {
      let metrics = try step()
      trainsOnSomething = trainsOnSomething || metrics.labelTokens > 0
      let isLast = progress.stepInEpoch == stepsPerEpoch
      try events.stepped(self, metrics)
      if isInterrupted {
        if isLast { continue }
        try events.save(self, .withinEpoch(step: progress.step))
        throw TrainingInterruption()
      }
      if let every = plan.validateEvery, progress.step % every == 0 {
        try events.validated(self, loss: validationLoss())
      }
      if let every = plan.saveEvery, progress.step % every == 0, !isLast {
        try events.save(self, .withinEpoch(step: progress.step))
      }
    }
    guard !trainsOnSomething else { return }
    throw TuneError(
      .data, "the epoch has no token to train on: every label is masked",
      remedy: "Where \(Setting.maxSeqLen) cuts answers off, raise it; else check the data, or set "
        + "\(Setting.trainOnInput).", at: .init(.dataset))
  }

  /// One optimizer step over all micro-batches of all ranks.
  package func step() throws -> StepMetrics {
    let started = DispatchTime.now().uptimeNanoseconds
    let (batches, inputs) = try timeline.span("data") {
      let batches = try (0..<plan.accumulation).map { _ in try nextBatch() }
      return (batches, batches.map(stepInput))
    }
    let total = try sumOfLabels(batches)
    let numerics = plan.numerics(step: progress.step)
    let learningRate = plan.schedule.value(step: progress.step)
    // The gradient at the sum of the losses, so that gradients come out as of the mean over the step.
    // A step without any label leaves all gradients zero.
    let seed = total > 0 ? 1 / total : 0

    let store = GradientStore()
    // Of a gradient that is used at once.
    var isFinite = true
    let reducer = GradientReducer(model.trained, group: group) { [self] unit, gradient in
      if plan.stepsImmediately {
        if gradient.largestMagnitude <= Self.largestGradient {
          update(unit, gradient, learningRate)
        } else {
          isFinite = false
        }
      } else {
        store.add(unit: unit, gradient)
      }
    }
    var (lossSum, norm, skipped): (Double, Double?, TuneError?) = (.nan, nil, nil)
    do {
      lossSum = try walk(inputs, numerics, seed: seed, reducer)
      norm = try stepWeights(store, isFinite: isFinite, learningRate)
      skippedInARow = 0
    } catch let error as TuneError
      where error.code == .nonFinite && skippedInARow < plan.skippableSteps
    {
      // No weight has moved, on no rank: all of them saw the same sums.
      skippedInARow += 1
      skipped = error
    }
    try pager.reset()
    progress.step += 1
    progress.stepInEpoch += 1
    progress.consumedSamples = stream.consumedSamples
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
    return StepMetrics(
      loss: lossSum / max(total, 1), learningRate: learningRate, labelTokens: Int(total),
      seconds: seconds, gradientNorm: norm, skipped: skipped?.message)
  }

  /// Over all ranks, which also tell each other here whether one is asked to end.
  private func sumOfLabels(_ batches: [Batch]) throws -> Double {
    let own = batches.reduce(0) { $0 + $1.predictedCount }
    let sums = try group.sums([Double(own), events.isInterrupted() ? 1 : 0])
    if sums[1] > 0 { isInterrupted = true }
    return sums[0]
  }

  /// The sum of the losses over all micro-batches and ranks.
  private func walk(
    _ inputs: [StepInput], _ numerics: LinearNumerics, seed: Double, _ reducer: GradientReducer
  ) throws -> Double {
    var lossSum = 0.0
    for input in inputs {
      _ = try walker.forwardBackward(
        input, numerics, seed: seed, pager: pager, reducer: reducer
      ) { sum in
        // Before a gradient moves any weight.
        let sum = try group.sums([sum.item])[0]
        if !sum.isFinite { throw try nonFinite(input, numerics) }
        lossSum += sum
      }
    }
    return lossSum
  }

  /// Steps the weights with the gradients that were kept.
  /// - Parameter isFinite: whether this rank's gradients were that were used at once.
  /// - Returns: the gradient norm where gradients are clipped.
  private func stepWeights(_ store: GradientStore, isFinite: Bool, _ learningRate: Double) throws
    -> Double?
  {
    guard let clipNorm = plan.clipNorm else {
      let isFinite = isFinite && store.largestMagnitude <= Self.largestGradient
      guard try group.sums([isFinite ? 0 : 1])[0] == 0 else { throw nonFinite("a gradient") }
      store.stepAll { update($0, $1, learningRate) }
      return nil
    }
    let norm = try store.globalNorm(group)
    guard norm.isFinite else { throw nonFinite("the gradient norm") }
    let factor = clipFactor(norm: norm, maximum: clipNorm)
    let clipped = norm * factor
    guard clipped * clipped <= Self.largestSquare else {
      throw nonFinite("the square of the gradient norm")
    }
    store.stepAll(times: factor) { update($0, $1, learningRate) }
    return norm
  }

  private func update(_ unit: Int, _ gradient: Tensor, _ learningRate: Double) {
    timeline.span("optimizer \(unit)") {
      optimizer.update(
        unit: unit, model.shards[unit].trained, gradient: gradient, learningRate: learningRate,
        step: progress.step + 1)
    }
  }

  private func nextBatch() throws -> Batch {
    guard let batch = try stream.next() else {
      preconditionFailure("an epoch has fewer batches than its steps")
    }
    return try checked(batch)
  }

  /// Ids and lengths that the model has no rows for would read past its tables.
  private func checked(_ batch: Batch) throws -> Batch {
    let (ids, positions) = (model.configuration.vocabularySize, decoder.configuration)
    if let id = batch.tokens.first(where: { $0 < 0 || Int($0) >= ids }) {
      throw TuneError(
        .data, "the token id \(id) is outside of the model's vocabulary of \(ids)",
        remedy: "Use the tokenizer that belongs to the checkpoint.", at: .init(.tokenizer))
    }
    if batch.width > positions.maximumSequenceLength {
      throw TuneError(
        .data,
        "a sample of \(batch.width) tokens is longer than the model's "
          + "\(positions.maximumSequenceLength)",
        remedy: "Set \(Setting.maxSeqLen) to at most \(positions.maximumSequenceLength).",
        at: .init(.maxSeqLen))
    }
    return batch
  }

  private func stepInput(_ batch: Batch) -> StepInput {
    let step = batch.step
    let shape = [step.rowCount, step.tokens.count / step.rowCount]
    func ids(_ values: [Int32]) -> Tensor { Tensor(values, shape).to(.int64).to(device) }
    let angles = decoder.rotary.angles(
      step.segments == nil ? nil : ids(step.positions), tokens: shape[1])
    return StepInput(
      tokens: ids(step.tokens), labels: ids(step.labels),
      context: DecoderContext(
        angles: angles, reach: step.segments.map { .withinSamples([$0]) } ?? .causal))
  }

  /// Mean cross entropy over the held-out data of all ranks.
  package func validationLoss() throws -> Double {
    guard var held = validation else { return .nan }
    held.beginEpoch(0)
    let numerics = plan.numerics(step: progress.step)
    var (sum, labels) = (0.0, 0)
    while let batch = try held.next() {
      sum += try walker.loss(stepInput(checked(batch)), numerics, pager: pager).item
      labels += batch.predictedCount
    }
    try pager.reset()
    let totals = try group.sums([sum, Double(labels)])
    guard totals[1] > 0 else {
      throw TuneError(
        .data, "the validation data has no token to measure: every label is masked",
        remedy: "Check the data and \(Setting.maxSeqLen).", at: .init(.validation))
    }
    return totals[0] / totals[1]
  }

  /// Every rank comes here together: the walk that looks for the place gathers weights.
  private func nonFinite(_ input: StepInput, _ numerics: LinearNumerics) throws -> TuneError {
    let place = try walker.firstNonFinite(input, numerics, pager: pager)
    return nonFinite("the loss", place.map { ": not finite in \($0)" } ?? "")
  }

  private func nonFinite(_ what: String, _ place: String = "") -> TuneError {
    TuneError(
      .nonFinite, "\(what) of step \(progress.step + 1) is not finite\(place)",
      remedy:
        "Lower \(Setting.learningRate), set \(Setting.clipNorm), or check the data of this step.",
      at: .init(rank: group.worldSize > 1 ? group.rank : nil))
  }
}

extension Batch {
  /// Labels that a token before them in their row predicts: what the loss is a mean over.
  fileprivate var predictedCount: Int { shiftedLabels().count { $0 != ignoreIndex } }
}

/// What a step measured, over all ranks.
package struct StepMetrics: Sendable {
  /// Mean cross entropy over the labels of the step.
  package var loss: Double
  package var learningRate: Double
  package var labelTokens: Int
  package var seconds: Double
  /// Before clipping; nil where gradients are not clipped.
  package var gradientNorm: Double?
  /// Why the step was passed over; nil for one that was not.
  package var skipped: String?
}

/// A loop ended early because a rank was asked to; everything up to its last step is saved.
package struct TrainingInterruption: Error {}

/// What a loop tells the outside.
package struct TrainingEvents {
  package enum Occasion: Sendable, Equatable {
    case endOfEpoch(Int)
    case withinEpoch(step: Int)
  }
  package var stepped: (TrainingLoop, StepMetrics) throws -> Void
  package var validated: (TrainingLoop, _ loss: Double) throws -> Void
  package var save: (TrainingLoop, Occasion) throws -> Void
  /// Whether this rank is asked to save and end.
  package var isInterrupted: () -> Bool

  package init(
    stepped: @escaping (TrainingLoop, StepMetrics) throws -> Void = { _, _ in },
    validated: @escaping (TrainingLoop, _ loss: Double) throws -> Void = { _, _ in },
    save: @escaping (TrainingLoop, Occasion) throws -> Void = { _, _ in },
    isInterrupted: @escaping () -> Bool = { false }
  ) {
    self.stepped = stepped
    self.validated = validated
    self.save = save
    self.isInterrupted = isInterrupted
  }

  // Named calls, so that a stored closure reads like one.
  func validated(_ loop: TrainingLoop, loss: Double) throws { try validated(loop, loss) }
}
