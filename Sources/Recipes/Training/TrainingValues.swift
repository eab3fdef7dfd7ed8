// From a training recipe's sections to the values of the loop: plan, optimizer, schedule.
import Essentials
import RunConfiguration
import Tensors
import Training

func trainingPlan(_ root: Section, fakeQuantization: FakeQuantizationPlan?) -> TrainingPlan {
  TrainingPlan(
    epochs: root.int("epochs"), maximumStepsPerEpoch: root.optionalInt("max_steps_per_epoch"),
    accumulation: root.int("gradient_accumulation_steps"),
    clipNorm: root.optionalDouble("clip_grad_norm"),
    retirePolicy: root.bool("optimizer_in_bwd") ? .immediately : .afterNorm,
    blockPolicy: blockPolicy(root), fakeQuantization: fakeQuantization,
    schedule: .constant(root.section("optimizer").double("lr")),
    logEvery: root.int("log_every_n_steps"),
    validateEvery: root.optionalInt("run_val_every_n_steps"),
    saveEvery: root.optionalInt("save_every_n_steps"))
}

private func blockPolicy(_ root: Section) -> BlockPolicy {
  guard root.bool("enable_activation_checkpointing") else { return .keep }
  return root.bool("enable_activation_offloading") ? .offload : .recompute
}

func schedule(_ root: Section, totalSteps: Int) -> LearningRateSchedule {
  let rate = root.section("optimizer").double("lr")
  guard let section = root.optionalSection("lr_scheduler") else { return .constant(rate) }
  return .cosine(
    peak: rate, warmupSteps: section.int("num_warmup_steps"), totalSteps: totalSteps,
    cycles: section.double("num_cycles"))
}

func optimizer(from section: Section, seed: UInt64) -> any Optimizer {
  func adamW() -> AdamWOptions {
    let betas = section.doubles("betas")
    return AdamWOptions(
      beta1: betas[0], beta2: betas[1], epsilon: section.double("eps"),
      weightDecay: section.double("weight_decay"))
  }
  switch section.component {
  case "torch.optim.AdamW":
    return AdamW(adamW(), isFused: section.optionalBool("fused") ?? false)
  case "torchao.optim.AdamW8bit":
    return AdamW8bit(adamW(), blockSize: section.int("block_size"))
  case "swift_tune.optim.AdamW":
    return Float32StateAdamW(
      adamW(),
      rounding: section.bool("master_weights")
        ? .masterWeights : section.bool("stochastic_rounding") ? .stochastic(seed: seed) : .nearest)
  case "torch.optim.SGD":
    return SGD(
      SGDOptions(
        momentum: section.double("momentum"), weightDecay: section.double("weight_decay"),
        nesterov: section.bool("nesterov")), isFused: section.optionalBool("fused") ?? false)
  case let other:
    preconditionFailure(
      "the schema lets through an optimizer that is not built: \(other ?? "none")")
  }
}
