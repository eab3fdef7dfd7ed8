// From a training recipe's sections to the values of the loop: plan, optimizer, schedule.
import Catalog
import Configuration
import Essentials
import Tensors
import Training

func trainingPlan(_ root: Section, fakeQuantization: FakeQuantizationPlan?) -> TrainingPlan {
  TrainingPlan(
    epochs: root[Keys.epochs], maximumStepsPerEpoch: root[Keys.maximumStepsPerEpoch],
    accumulation: root[Keys.accumulation],
    clipNorm: root[Keys.clipNorm],
    stepPolicy: root[Keys.stepsInBackward] ? .immediately : .afterNorm,
    blockPolicy: blockPolicy(root), fakeQuantization: fakeQuantization,
    schedule: .constant(root[Keys.optimizer][Keys.Optimizer.learningRate]),
    logEvery: root[Keys.logInterval],
    validateEvery: root[Keys.validationInterval],
    saveEvery: root[Keys.saveInterval])
}

private func blockPolicy(_ root: Section) -> BlockPolicy {
  guard root[Keys.checkpointsActivations] else { return .keep }
  return root[Keys.offloadsActivations] ? .offload : .recompute
}

func schedule(_ root: Section, totalSteps: Int) -> LearningRateSchedule {
  let rate = root[Keys.optimizer][Keys.Optimizer.learningRate]
  guard let section = root[Keys.schedule] else { return .constant(rate) }
  return .cosine(
    peak: rate, warmupSteps: section[Keys.Schedule.warmupSteps], totalSteps: totalSteps,
    cycles: section[Keys.Schedule.cycles])
}

func optimizer(from section: Section, seed: UInt64) -> any Optimizer {
  typealias Key = Keys.Optimizer
  func adamW() -> AdamWOptions {
    let betas = section[Key.betas]
    return AdamWOptions(
      beta1: betas[0], beta2: betas[1], epsilon: section[Key.epsilon],
      weightDecay: section[Key.weightDecay])
  }
  switch section.choice(OptimizerChoice.self) {
  case .adamW:
    return AdamW(adamW(), moments: .parameterDType(isFused: section[Key.isFused] ?? false))
  case .adamW8bit:
    return AdamW(adamW(), moments: .eightBits(blockSize: section[Key.blockSize]))
  case .adamWInFloat32:
    return AdamW(
      adamW(), moments: .float32,
      rounding: section[Key.keepsMasterWeights]
        ? .masterWeights : section[Key.roundsStochastically] ? .stochastic(seed: seed) : .nearest)
  case .sgd:
    return SGD(
      SGDOptions(
        momentum: section[Key.momentum], weightDecay: section[Key.weightDecay],
        nesterov: section[Key.nesterov]), isFused: section[Key.isFused] ?? false)
  }
}
