// What keys demand of each other. Each rule is checked when the configuration is read, not at the
// step where it would have failed.
import Configuration
import Essentials

enum Exclusions {
  static func all(for recipe: RecipeName) -> [Exclusion] {
    var rules = [dtype, device(recipe), checkpointFiles, modelType, modelShape, checkpointModel]
    rules += recipe.trainsAdapters ? [adaptersNeeded, headAdapter] : [noAdapters]
    if recipe != .quantize { rules.append(promptTemplate) }
    if recipe.isTraining {
      rules.append(profiler)
      rules += [offloading, shardOffloading, steppingInBackward, validation]
      rules +=
        dataRules(of: Keys.dataset.name) { $0[Keys.dataset] }
        + dataRules(of: Keys.validationDataset.name) { $0[Keys.validationDataset] ?? [] } + [
          sequenceLength, momentum, rounding,
        ]
    }
    if recipe.isTraining, !recipe.trainsAdapters { rules.append(trainsSomething) }
    if recipe.isQAT { rules.append(qatNeedsItsQuantizer) }
    if recipe == .eleutherEval || recipe == .generate { rules.append(noQATQuantizer) }
    if recipe == .eleutherEval { rules += evaluation }
    rules.append(groupSize)
    return rules
  }

  private static let dtype = Exclusion("dtype is fp32 or bf16") { root in
    switch root[Keys.dtype] {
    case "fp32", "bf16": nil
    case "fp16":
      root.error(
        at: Keys.dtype, "fp16 is not supported: its range is too small for gradients",
        remedy: "Use bf16 or fp32.")
    case let other:
      root.error(
        at: Keys.dtype, "unknown dtype '\(other)'", remedy: "Use bf16 or fp32.")
    }
  }

  private static func device(_ recipe: RecipeName) -> Exclusion {
    Exclusion("device is cpu or cuda; cuda:N only for recipes of one process") { root in
      let device = root[Keys.device]
      if device == "cpu" || device == "cuda" { return nil }
      guard device.hasPrefix("cuda:"), let index = Int(device.dropFirst(5)), index >= 0 else {
        return root.error(
          at: Keys.device, "unknown device '\(device)'", remedy: "Use cpu or cuda.")
      }
      guard recipe.isDistributed else { return nil }
      return root.error(
        at: Keys.device,
        "must be cpu or cuda: a distributed recipe assigns each process its own GPU",
        remedy: "Use cuda.")
    }
  }

  private static let modelType = Exclusion(
    "model_type names the model's own family, or QWEN2 for Qwen 3"
  ) { root in
    let section = root[Keys.checkpointer]
    guard let family = root[Keys.model].modelFamily,
      let type = section[Keys.Checkpointer.modelType], !family.modelTypes.contains(type)
    else { return nil }
    return section.error(
      at: Keys.Checkpointer.modelType,
      "does not match the model, whose family is \(family.modelType)",
      remedy: "Set it to \(family.modelType), or change the model.")
  }

  private static let checkpointModel = Exclusion(
    "the checkpoint's own model needs the Hugging Face checkpointer"
  ) { root in
    let checkpointer = root[Keys.checkpointer]
    guard root[Keys.model].isCheckpointModel, checkpointer.checkpointNaming != .huggingFace else {
      return nil
    }
    return checkpointer.errorAtComponent(
      "reads checkpoints whose config.json does not describe the model",
      remedy: "Use \(CheckpointerChoice.huggingFace.rawValue), or name the model's builder.")
  }

  private static let checkpointFiles = Exclusion("checkpoint_files names at least one file") {
    let section = $0[Keys.checkpointer]
    let names: Section
    switch section[Keys.Checkpointer.files] {
    case nil: return nil
    case .named(let files):
      return files.isEmpty
        ? section.error(at: Keys.Checkpointer.files, "is empty: name at least one file") : nil
    case .numbered(let section): names = section
    }
    if names[Keys.Checkpointer.FileNames.format].braces.count != 2 {
      return names.error(
        at: Keys.Checkpointer.FileNames.format,
        "must hold two {}: the number of the file and their count",
        remedy: "For example: model-{}-of-{}.safetensors")
    }
    guard let count = Int(names[Keys.Checkpointer.FileNames.count]), (1...100_000).contains(count)
    else {
      return names.error(
        at: Keys.Checkpointer.FileNames.count, "must be a count of files such as '00004'")
    }
    return nil
  }

  private static let modelShape = Exclusion(
    "num_heads divides embed_dim and num_kv_heads divides num_heads"
  ) {
    let model = $0[Keys.model]
    if model.isCheckpointModel { return nil }
    let (heads, pairs) = (model[Keys.Model.headCount], model[Keys.Model.keyValueHeadCount])
    let width = model[Keys.Model.width]
    if width % heads != 0 || width / heads % 2 != 0 {
      return model.error(
        at: Keys.Model.headCount,
        "\(heads) heads do not divide embed_dim, which is \(width), evenly",
        remedy: "embed_dim / num_heads must be an even integer.")
    }
    return heads % pairs == 0
      ? nil
      : model.error(at: Keys.Model.keyValueHeadCount, "must divide num_heads, which is \(heads)")
  }

  private static let offloading = Exclusion(
    "enable_activation_offloading needs device cuda and enable_activation_checkpointing"
  ) { root in
    guard root[Keys.offloadsActivations] else { return nil }
    if !root[Keys.device].hasPrefix("cuda") {
      return root.error(
        at: Keys.offloadsActivations, "needs device cuda: a CPU's memory is host memory",
        remedy: "Set it to False.")
    }
    return root[Keys.checkpointsActivations]
      ? nil
      : root.error(
        at: Keys.offloadsActivations, "needs enable_activation_checkpointing",
        remedy: "Set both to True.")
  }

  private static let shardOffloading = Exclusion("fsdp_cpu_offload needs device cuda") { root in
    guard root[Keys.offloadsShards], !root[Keys.device].hasPrefix("cuda") else {
      return nil
    }
    return root.error(
      at: Keys.offloadsShards, "needs device cuda: a CPU's memory is host memory",
      remedy: "Set it to False.")
  }

  private static let steppingInBackward = Exclusion(
    "optimizer_in_bwd excludes gradient_accumulation_steps above 1, clip_grad_norm and skipped steps"
  ) { root in
    guard root[Keys.stepsInBackward] else { return nil }
    if root[Keys.skippableSteps] != nil {
      return root.error(
        at: Keys.skippableSteps,
        "is not supported with optimizer_in_bwd, which steps weights before the gradient norm is known",
        remedy: "Set optimizer_in_bwd to False, or skip_nonfinite_steps to null.")
    }
    if root[Keys.clipNorm] != nil {
      return root.error(
        at: Keys.clipNorm,
        "needs the norm of all gradients, but optimizer_in_bwd frees each gradient after its step",
        remedy: "Set clip_grad_norm to null, or optimizer_in_bwd to False.")
    }
    return root[Keys.accumulation] == 1
      ? nil
      : root.error(
        at: Keys.accumulation,
        "needs stored gradients, but optimizer_in_bwd frees each gradient after its step",
        remedy: "Set gradient_accumulation_steps to 1, or optimizer_in_bwd to False.")
  }

  private static let trainsSomething = Exclusion("trainable is null or has a pattern") { root in
    guard let patterns = root[Keys.trainable], patterns.isEmpty else { return nil }
    return root.error(
      at: Keys.trainable, "an empty list leaves nothing to train",
      remedy: "List patterns of parameter names, or set trainable to null to train all.")
  }

  private static let validation = Exclusion("run_val_every_n_steps needs dataset_val") { root in
    guard root[Keys.validationInterval] != nil,
      root[Keys.validationDataset] == nil
    else { return nil }
    return root.error(
      at: Keys.validationInterval, "needs a dataset_val to validate on",
      remedy: "Add a dataset_val, or set run_val_every_n_steps to null.")
  }

  private static let momentum = Exclusion("SGD's nesterov needs momentum") { root in
    let optimizer = root[Keys.optimizer]
    guard optimizer.choice() == OptimizerChoice.sgd, optimizer[Keys.Optimizer.nesterov],
      optimizer[Keys.Optimizer.momentum] == 0
    else { return nil }
    return optimizer.error(at: Keys.Optimizer.nesterov, "needs a momentum above 0")
  }

  private static let rounding = Exclusion(
    "stochastic_rounding and master_weights exclude each other"
  ) { root in
    let optimizer = root[Keys.optimizer]
    guard optimizer.choice() == OptimizerChoice.adamWInFloat32,
      optimizer[Keys.Optimizer.roundsStochastically],
      optimizer[Keys.Optimizer.keepsMasterWeights]
    else { return nil }
    return optimizer.error(
      at: Keys.Optimizer.roundsStochastically, "cannot be combined with master_weights",
      remedy: "Choose one of the two.")
  }

  private static let qatNeedsItsQuantizer = Exclusion("QAT needs a QAT quantizer") { root in
    guard let quantizer = root[Keys.quantizer] else { return nil }
    return quantizer.choice(QuantizerChoice.self).isQAT
      ? nil
      : quantizer.errorAtComponent(
        "'\(quantizer.component ?? "")' is for quantization after training",
        remedy: "Use the quantizer of the same name that ends in QATQuantizer.")
  }

  private static let noQATQuantizer = Exclusion(
    "evaluation and generation take post-training quantizers"
  ) { root in
    guard let quantizer = root[Keys.quantizer], quantizer.choice(QuantizerChoice.self).isQAT else {
      return nil
    }
    return quantizer.errorAtComponent(
      "'\(quantizer.component ?? "")' is for training",
      remedy: "Use the quantizer of the same name without QAT.")
  }

  private static let groupSize = Exclusion("the group size divides some layer") { root in
    guard let quantizer = root[ifDeclared: Keys.quantizer] else { return nil }
    let choice = quantizer.choice(QuantizerChoice.self)
    if choice.isNamed { return groupSizeOfScheme(quantizer) }
    let (group, model) = (quantizer[Keys.Quantizer.groupSize], root[Keys.model])
    if choice == .int4WeightOnly || choice == .int4WeightOnlyQAT,
      !QuantizationPreset.tinygemm.groupSizes.contains(group)
    {
      return quantizer.error(
        at: Keys.Quantizer.groupSize, "\(group) is no group size of tinygemm",
        remedy: "Use 32, 64, 128 or 256.")
    }
    if model.isCheckpointModel { return nil }
    let widths =
      [model[Keys.Model.width]] + (model[Keys.Model.hiddenWidth].map { [$0] } ?? [])
    if widths.contains(where: { $0 % group == 0 }) { return nil }
    return quantizer.error(
      at: Keys.Quantizer.groupSize,
      "\(group) divides none of the model's layer widths, "
        + widths.map(String.init).joined(separator: " and "),
      remedy: "Use a divisor of these widths, such as 32.")
  }

  /// A scheme has the group sizes that its runtime has.
  private static func groupSizeOfScheme(_ quantizer: Section) -> TuneError? {
    guard let group = quantizer[Keys.Quantizer.ownGroupSize],
      let preset = QuantizationPreset(rawValue: quantizer[Keys.Quantizer.scheme]),
      !preset.groupSizes.contains(group)
    else { return nil }
    let sizes = preset.groupSizes.sorted().map(String.init).joined(separator: ", ")
    return quantizer.error(
      at: Keys.Quantizer.ownGroupSize,
      sizes.isEmpty
        ? "'\(preset.rawValue)' leaves no choice of a group size"
        : "\(group) is no group size of '\(preset.rawValue)'",
      remedy: sizes.isEmpty ? "Set it to null." : "Use one of \(sizes), or null.")
  }
}
