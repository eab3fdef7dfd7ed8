// Optimizers, learning rate schedules and losses. The keys of torch's optimizers that select
// another mathematics we do not have (`amsgrad`, `maximize`) are accepted at their defaults only.
import Configuration

package enum OptimizerChoice: String, ComponentChoice {
  case adamW = "torch.optim.AdamW"
  case sgd = "torch.optim.SGD"
  case adamW8bit = "torchao.optim.AdamW8bit"
  case adamWInFloat32 = "swift_tune.optim.AdamW"
  package static let role = ComponentRole.optimizer
}

extension Keys {
  package enum Optimizer {
    package static let learningRate = Key.optional(
      "lr", .double(0...1e6), default: 1e-3, "The learning rate")
    package static let betas = Key.optional(
      "betas", .list(.double(0...0.999_999_999), count: 2), default: [0.9, 0.999],
      "Decay rates of the running means")
    package static let epsilon = Key.optional(
      "eps", .double(0...1), default: 1e-8, "Added to the denominator for numerical stability")
    package static let weightDecay = Key.optional(
      "weight_decay", .double(0...1e6), default: 0.01, "Decoupled weight decay")
    package static let isFused = Key.nullable(
      "fused", .bool, "Round as torch's fused kernel does")
    package static let usesMultiTensorKernels = Key.nullable(
      "foreach", .bool, "Round as torch's multi-tensor kernels do")
    package static let momentum = Key.optional(
      "momentum", .double(0...1), default: 0.0, "The momentum factor")
    package static let nesterov = Key.optional(
      "nesterov", .bool, default: false, "Use Nesterov momentum")
    package static let blockSize = Key.optional(
      "block_size", .int(16...65_536), default: 256, "Number of values per scale")
    package static let roundsStochastically = Key.optional(
      "stochastic_rounding", .bool, default: false, "Round parameters stochastically")
    package static let keepsMasterWeights = Key.optional(
      "master_weights", .bool, default: false, "Keep an fp32 copy of bf16 parameters")
  }

  package enum Schedule {
    package static let warmupSteps = Key.required(
      "num_warmup_steps", .countOrNone, "Number of warm-up steps")
    package static let cycles = Key.optional(
      "num_cycles", .double(0...1e6), default: 0.5, "Number of cosine cycles; 0.5 decays to zero")
  }

  package enum Loss {
    package static let chunkCount = Key.optional(
      "num_output_chunks", .int(1...65_536), default: 8,
      "The chunks of the sequence; fewer where one would have less than 512 tokens")
  }
}

extension Components {
  static let optimizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      OptimizerChoice.adamW,
      aliases: [
        "torch.optim.adamw.AdamW", "bitsandbytes.optim.PagedAdamW",
        "bitsandbytes.optim.adamw.PagedAdamW",
      ],
      "AdamW with state in the dtype of the parameters; paging is not supported"
    ) {
      adam
      fusion
      plainAdam
      minimizing
      KeyDeclaration.fixed(
        "capturable", at: [false], because: "CUDA graphs are not supported.")
      notDifferentiable
    },
    ComponentDeclaration(
      OptimizerChoice.sgd, aliases: ["torch.optim.sgd.SGD"], "Stochastic gradient descent"
    ) {
      Keys.Optimizer.learningRate
      Keys.Optimizer.momentum
      Keys.Optimizer.weightDecay.defaulting(to: 0.0, "L2 penalty")
      Keys.Optimizer.nesterov
      KeyDeclaration.fixed(
        "dampening", at: [0.0], because: "Dampened momentum is not supported.")
      minimizing
      notDifferentiable
      fusion
    },
    ComponentDeclaration(
      OptimizerChoice.adamW8bit,
      aliases: [
        "torchao.prototype.low_bit_optim.AdamW8bit", "bitsandbytes.optim.AdamW8bit",
        "bitsandbytes.optim.adamw.AdamW8bit",
        "bitsandbytes.optim.PagedAdamW8bit", "bitsandbytes.optim.adamw.PagedAdamW8bit",
      ],
      "AdamW with 8-bit state and one scale per block; paging is not supported"
    ) {
      adam
      plainAdam
      Keys.Optimizer.blockSize
      KeyDeclaration.fixed(
        "bf16_stochastic_round", at: [false],
        because: "Use \(OptimizerChoice.adamWInFloat32.rawValue) with stochastic_rounding.")
    },
    ComponentDeclaration(
      OptimizerChoice.adamWInFloat32,
      "AdamW with stochastic rounding or fp32 master weights, for bf16 parameters"
    ) {
      adam
      Keys.Optimizer.roundsStochastically
      Keys.Optimizer.keepsMasterWeights
    },
  ]

  static let refusedOptimizers = [
    RefusedComponent(
      role: .optimizer,
      paths: spellings(
        "CPUOffloadOptimizer", in: ["torchao.optim", "torchao.prototype.low_bit_optim"]),
      reason: "Optimizer state is not offloaded; torchao.optim.AdamW8bit makes it small."),
    RefusedComponent(
      role: .optimizer,
      paths: spellings(
        "AdamW4bit", in: ["torchao.optim", "torchao.prototype.low_bit_optim"])
        + spellings("AdamWFp8", in: ["torchao.optim", "torchao.prototype.low_bit_optim"]),
      reason: "Use torchao.optim.AdamW8bit."),
  ]

  static let schedules: [ComponentDeclaration] = [
    ComponentDeclaration(
      .learningRateSchedule, "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
      aliases: spellings(
        "get_cosine_schedule_with_warmup", in: ["torchtune.modules", "torchtune.training"]),
      "Linear warm-up, then a cosine down to zero",
      arguments: [
        Keys.Schedule.warmupSteps.declaration, Keys.Schedule.cycles.declaration,
        .fixed("last_epoch", at: [-1], because: "A resumed run restores its step."),
      ])
  ]

  static let losses: [ComponentDeclaration] = [
    ComponentDeclaration(
      .loss, "torchtune.modules.loss.LinearCrossEntropyLoss",
      "The output head and cross entropy together, in chunks", arguments: chunkedLoss),
    ComponentDeclaration(
      .loss, "torchtune.modules.loss.CEWithChunkedOutputLoss", "Cross entropy in chunks",
      arguments: chunkedLoss),
    ComponentDeclaration(
      .loss, "torch.nn.CrossEntropyLoss", "Cross entropy, all tokens at once",
      arguments: [
        ignoredLabel,
        .fixed("weight", at: [.null], because: "Class weights are not supported."),
        .fixed("reduction", at: ["mean"], because: "Only the mean over tokens is supported."),
        .fixed("label_smoothing", at: [0.0], because: "Label smoothing is not supported."),
      ], preset: [(Keys.Loss.chunkCount.name, 1)]),
  ]

  private static let chunkedLoss = [Keys.Loss.chunkCount.declaration, ignoredLabel]

  private static let ignoredLabel = KeyDeclaration.fixed(
    "ignore_index", at: [-100], because: "Datasets mask with -100.")

  @KeyList private static var adam: [KeyDeclaration] {
    Keys.Optimizer.learningRate
    Keys.Optimizer.betas
    Keys.Optimizer.epsilon
    Keys.Optimizer.weightDecay
  }

  @KeyList private static var fusion: [KeyDeclaration] {
    Keys.Optimizer.isFused
    Keys.Optimizer.usesMultiTensorKernels
  }

  private static let plainAdam = KeyDeclaration.fixed(
    "amsgrad", at: [false], because: "The AMSGrad variant is not supported.")
  private static let minimizing = KeyDeclaration.fixed(
    "maximize", at: [false], because: "A loss is minimized here.")
  private static let notDifferentiable = KeyDeclaration.fixed(
    "differentiable", at: [false], because: "Differentiable steps are not supported.")
}
