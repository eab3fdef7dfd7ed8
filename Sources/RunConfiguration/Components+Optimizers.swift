// Optimizers, learning rate schedules and losses. The keys of torch's optimizers that select
// another mathematics we do not have (`amsgrad`, `maximize`) are accepted at their defaults only.

extension Components {
  static let optimizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .optimizer, "torch.optim.AdamW",
      aliases: [
        "torch.optim.adamw.AdamW", "bitsandbytes.optim.PagedAdamW",
        "bitsandbytes.optim.adamw.PagedAdamW",
      ],
      "AdamW, its state in the dtype of the parameters; never paged",
      arguments: adam + fusion + [
        plainAdam,
        .fixed("maximize", at: [false], because: "A loss is minimized here."),
        .fixed("capturable", at: [false], because: "There are no CUDA graphs here."),
        .fixed(
          "differentiable", at: [false], because: "Steps are not differentiated here."),
      ]),
    ComponentDeclaration(
      .optimizer, "torch.optim.SGD", aliases: ["torch.optim.sgd.SGD"],
      "Stochastic gradient descent",
      arguments: [
        learningRate,
        .optional("momentum", .double(0...1), default: 0.0, "The share of the last step kept"),
        .optional("weight_decay", .double(0...1e6), default: 0.0, "L2 added to the gradient"),
        .optional("nesterov", .bool, default: false, "Look ahead along the momentum"),
        .fixed("dampening", at: [0.0], because: "Dampened momentum is not supported."),
        .fixed("maximize", at: [false], because: "A loss is minimized here."),
        .fixed(
          "differentiable", at: [false], because: "Steps are not differentiated here."),
      ] + fusion),
    ComponentDeclaration(
      .optimizer, "torchao.optim.AdamW8bit",
      aliases: [
        "torchao.prototype.low_bit_optim.AdamW8bit", "bitsandbytes.optim.AdamW8bit",
        "bitsandbytes.optim.adamw.AdamW8bit",
        "bitsandbytes.optim.PagedAdamW8bit", "bitsandbytes.optim.adamw.PagedAdamW8bit",
      ],
      "AdamW with its state in 8 bits, a scale a block; never paged",
      arguments: adam + [
        plainAdam,
        .optional(
          "block_size", .int(16...65_536), default: 256, "The values that share a scale"),
        .fixed(
          "bf16_stochastic_round", at: [false],
          because: "Use swift_tune.optim.AdamW with stochastic_rounding."),
      ]),
    ComponentDeclaration(
      .optimizer, "swift_tune.optim.AdamW",
      "AdamW with remedies for bf16 parameters that lose small updates",
      arguments: adam + [
        .optional(
          "stochastic_rounding", .bool, default: false, "Round parameters up or down by chance"),
        .optional(
          "master_weights", .bool, default: false, "Keep an fp32 copy of bf16 parameters"),
      ]),
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
      reason: "Of the low-bit optimizers there is torchao.optim.AdamW8bit."),
  ]

  static let schedules: [ComponentDeclaration] = [
    ComponentDeclaration(
      .learningRateSchedule, "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
      aliases: spellings(
        "get_cosine_schedule_with_warmup", in: ["torchtune.modules", "torchtune.training"]),
      "Linear warm-up, then a cosine down to zero",
      arguments: [
        .required("num_warmup_steps", .int(0...Int.max), "The steps of the warm-up"),
        .optional(
          "num_cycles", .double(0...1e6), default: 0.5, "The waves of the cosine; half of one"),
        .fixed("last_epoch", at: [-1], because: "A resumed run finds its step itself."),
      ])
  ]

  static let losses: [ComponentDeclaration] = [
    ComponentDeclaration(
      .loss, "torchtune.modules.loss.LinearCrossEntropyLoss",
      "The output head and cross entropy together, in chunks", arguments: lossArguments),
    ComponentDeclaration(
      .loss, "torchtune.modules.loss.CEWithChunkedOutputLoss", "Cross entropy in chunks",
      arguments: lossArguments),
    ComponentDeclaration(
      .loss, "torch.nn.CrossEntropyLoss", "Cross entropy, all tokens at once",
      arguments: [
        ignoredLabel,
        .fixed("weight", at: [.null], because: "All tokens count alike."),
        .fixed("reduction", at: ["mean"], because: "A step minimizes the mean over its tokens."),
        .fixed("label_smoothing", at: [0.0], because: "Labels are not smoothed."),
      ], preset: [("num_output_chunks", 1)]),
  ]

  private static let lossArguments: [KeyDeclaration] = [
    .optional(
      "num_output_chunks", .int(1...65_536), default: 8,
      "The chunks of the sequence; fewer where one would have less than 512 tokens"),
    ignoredLabel,
  ]

  private static let ignoredLabel = KeyDeclaration.fixed(
    "ignore_index", at: [-100], because: "Datasets mask with -100.")

  private static let learningRate = KeyDeclaration.optional(
    "lr", .double(0...1e6), default: 1e-3, "The learning rate")

  private static let adam: [KeyDeclaration] = [
    learningRate,
    .optional(
      "betas", .list(.double(0...0.999_999_999), count: 2), default: [0.9, 0.999],
      "How much of the running means is kept a step"),
    .optional("eps", .double(0...1), default: 1e-8, "Added to the denominator"),
    .optional("weight_decay", .double(0...1e6), default: 0.01, "Decoupled weight decay"),
  ]

  private static let plainAdam = KeyDeclaration.fixed(
    "amsgrad", at: [false], because: "The AMSGrad variant is not supported.")

  private static let fusion: [KeyDeclaration] = [
    .nullable("fused", .bool, "Round as torch's fused kernel does"),
    .nullable("foreach", .bool, "Round as torch's multi-tensor kernels do"),
  ]
}
