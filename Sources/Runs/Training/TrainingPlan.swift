// What distinguishes one training run from another, as values. Full fine-tuning and QAT, on one
// device or many, are plans given to one loop.
import Essentials
import Layers
import Quantization
import Tensors

package struct TrainingPlan: Sendable {
  package var epochs: Int
  /// Optimizer steps of an epoch at most; nil for all that the data gives.
  package var maximumStepsPerEpoch: Int?
  /// Micro-batches a step.
  package var accumulation: Int
  /// Gradients are scaled down to this global norm; nil leaves them.
  package var clipNorm: Double?
  /// How many steps in a row that are not finite are passed over; 0 ends the run at the first.
  package var skippableSteps: Int
  package var stepPolicy: StepPolicy
  package var blockPolicy: BlockPolicy
  package var fakeQuantization: FakeQuantizationPlan?
  package var schedule: LearningRateSchedule
  package var logEvery: Int
  /// Steps between validations; nil for none.
  package var validateEvery: Int?
  /// Steps between checkpoints within an epoch; nil for epochs' ends only.
  package var saveEvery: Int?

  /// When a gradient shard that has been summed over the ranks is used.
  package enum StepPolicy: Sendable {
    /// The optimizer steps each unit during the backward walk (`optimizer_in_bwd`).
    case immediately
    /// After all micro-batches, when the global norm is known.
    case afterNorm
  }

  package init(
    epochs: Int, maximumStepsPerEpoch: Int? = nil, accumulation: Int = 1, clipNorm: Double? = nil,
    skippableSteps: Int = 0, stepPolicy: StepPolicy = .afterNorm,
    blockPolicy: BlockPolicy = .recompute,
    fakeQuantization: FakeQuantizationPlan? = nil, schedule: LearningRateSchedule,
    logEvery: Int = 1, validateEvery: Int? = nil,
    saveEvery: Int? = nil
  ) {
    self.epochs = epochs
    self.maximumStepsPerEpoch = maximumStepsPerEpoch
    self.accumulation = accumulation
    self.clipNorm = clipNorm
    self.skippableSteps = skippableSteps
    self.stepPolicy = stepPolicy
    self.blockPolicy = blockPolicy
    self.fakeQuantization = fakeQuantization
    self.schedule = schedule
    self.logEvery = logEvery
    self.validateEvery = validateEvery
    self.saveEvery = saveEvery
  }
}

/// Which steps fake-quantize. The step alone decides, so that a resumed run does as one that never
/// stopped.
package struct FakeQuantizationPlan: Sendable, Equatable {
  package var quantization: QuantizationPlan
  /// Steps at the start that compute exactly (`fake_quant_after_n_steps`); 0 for none.
  package var delay: Int
  /// Rounded layers are multiplied as numbers, what the integer product is compared with.
  package var isSimulated: Bool

  package init(_ quantization: QuantizationPlan, delay: Int = 0, isSimulated: Bool = false) {
    self.quantization = quantization
    self.delay = delay
    self.isSimulated = isSimulated
  }
  /// Every linear layer in one way.
  package init(scheme: QuantizationScheme, delay: Int = 0, isSimulated: Bool = false) {
    self.init(QuantizationPlan(scheme), delay: delay, isSimulated: isSimulated)
  }
}

extension TrainingPlan {
  /// Without a norm to clip to, and with one micro-batch, a gradient can be used as soon as it is there,
  /// with the same result, and is stored nowhere.
  package var stepsImmediately: Bool {
    stepPolicy == .immediately || (clipNorm == nil && accumulation == 1 && skippableSteps == 0)
  }
  /// How step number `step`, from 0, sees the weights.
  package func numerics(step: Int) -> LinearNumerics {
    guard let plan = fakeQuantization else { return .exact }
    if step < plan.delay { return .exact }
    return .rounded(plan.quantization, asNumbers: plan.isSimulated)
  }
}

/// How far a run is.
package struct TrainingProgress: Sendable, Equatable {
  package var epoch = 0
  /// Optimizer steps done in this epoch.
  package var stepInEpoch = 0
  /// Optimizer steps done.
  package var step = 0
  /// Samples of this epoch that all ranks together have used.
  package var consumedSamples = 0
  package init() {}
}
