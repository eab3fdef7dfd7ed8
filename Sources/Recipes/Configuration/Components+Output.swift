// Checkpointers, metric loggers and the profiler: where a run reads from and writes to.

extension Components {
  static let checkpointers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .checkpointer, "torchtune.training.FullModelHFCheckpointer",
      aliases: spellings(
        "FullModelHFCheckpointer",
        in: ["torchtune.utils", "torchtune.training.checkpointing"]),
      "Safetensors in Hugging Face layout, read and written",
      arguments: [
        .required("checkpoint_dir", .string, "The folder to read from"),
        .required(
          "checkpoint_files", .either([.list(.string), .map(fileNames)]),
          "The files of the weights: a list, or filename_format and max_filename"),
        .required(
          "model_type", .choice(["LLAMA3", "LLAMA3_2"]), "The family of the weights"),
        .required("output_dir", .string, "The folder to write to"),
        .nullable(
          "recipe_checkpoint", .string, "The recipe state to resume from; null finds the last"),
        .fixed(
          "resume_from_checkpoint", at: [false],
          because: "Set resume_from_checkpoint of the recipe, not of its checkpointer."),
        .fixed(
          "should_load_recipe_state", at: [false],
          because: "Set resume_from_checkpoint of the recipe, not of its checkpointer."),
        .fixed(
          "adapter_checkpoint", at: [.null], because: "There are no adapters here."),
        .fixed(
          "safe_serialization", at: [true], because: "Weights are written as safetensors only."),
      ])
  ]

  static let refusedCheckpointers = [
    RefusedComponent(
      role: .checkpointer,
      paths: ["FullModelMetaCheckpointer", "FullModelTorchTuneCheckpointer"].flatMap {
        spellings(
          $0,
          in: ["torchtune.training", "torchtune.utils", "torchtune.training.checkpointing"])
      },
      reason: "It reads pickled weights. Point torchtune.training.FullModelHFCheckpointer at the "
        + "model's safetensors files."),
    RefusedComponent(
      role: .checkpointer,
      paths: spellings(
        "DistributedCheckpointer",
        in: ["torchtune.training", "torchtune.training.checkpointing"]),
      reason: "Use torchtune.training.FullModelHFCheckpointer."),
  ]

  /// `model-{}-of-{}.safetensors` and `00004`.
  private static let fileNames: [KeyDeclaration] = [
    .required("filename_format", .string, "The name with two {}: the number and the count"),
    .required("max_filename", .string, "The count, with the leading zeros that the names have"),
  ]

  static let metricLoggers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .metricLogger, "torchtune.training.metric_logging.DiskLogger",
      aliases: spellings(
        "DiskLogger", in: ["torchtune.utils.metric_logging", "torchtune.training"]),
      "A line a step in a text file",
      arguments: [
        .required("log_dir", .string, "The folder of the log"),
        .nullable("filename", .string, "The name of the log; null makes one from the time"),
      ]),
    ComponentDeclaration(
      .metricLogger, "torchtune.training.metric_logging.StdoutLogger",
      aliases: spellings(
        "StdoutLogger", in: ["torchtune.utils.metric_logging", "torchtune.training"]),
      "A line a step on standard output"),
  ]

  static let refusedMetricLoggers = [
    RefusedComponent(
      role: .metricLogger,
      paths: ["WandBLogger", "TensorBoardLogger", "CometLogger", "MLFlowLogger"].flatMap {
        spellings(
          $0,
          in: [
            "torchtune.training.metric_logging", "torchtune.utils.metric_logging",
            "torchtune.training",
          ])
      },
      reason: "Metrics go to torchtune.training.metric_logging.DiskLogger or StdoutLogger.")
  ]

  static let profilers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .profiler, "torchtune.training.setup_torch_profiler",
      aliases: ["torchtune.utils.setup_torch_profiler"],
      "torch's profiler, which must stay off; its settings are checked and kept",
      arguments: [
        .fixed(
          "enabled", at: [false], because: "There is no torch profiler in this program."),
        .nullable("output_dir", .string, "Where traces would go"),
        .nullable("wait_steps", .int(0...Int.max), "Steps before a cycle"),
        .nullable("warmup_steps", .int(0...Int.max), "Steps traced and thrown away"),
        .nullable("active_steps", .int(0...Int.max), "Steps traced"),
        .nullable("num_cycles", .int(0...Int.max), "Cycles"),
      ]
        + [
          ("cpu", true), ("cuda", true), ("xpu", true), ("profile_memory", false),
          ("with_stack", false), ("record_shapes", true), ("with_flops", false),
        ].map { name, value in
          .optional(name, .bool, default: .bool(value), "What a trace would hold")
        })
  ]
}
