// Checkpointers, metric loggers and the profiler: where a run reads from and writes to.
import Essentials

extension Components {
  static let checkpointers: [ComponentDeclaration] = [
    checkpointer(
      .huggingFace, "The layout of Hugging Face, safetensors or torch files, read and written",
      [
        .optional(
          "safe_serialization", .bool, default: true,
          "Whether weights are written as safetensors; as torch files otherwise")
      ]),
    checkpointer(
      .meta, "Meta's consolidated.00.pth, in one file or several, read; a torch file written"),
    checkpointer(.torchtune, "A torch file under torchtune's own names, read and written"),
  ]

  private static func checkpointer(
    _ naming: CheckpointNaming, _ summary: String, _ others: [KeyDeclaration] = []
  ) -> ComponentDeclaration {
    let name = "FullModel\(checkpointerWord(naming))Checkpointer"
    return ComponentDeclaration(
      .checkpointer, "torchtune.training." + name,
      aliases: spellings(name, in: ["torchtune.utils", "torchtune.training.checkpointing"]),
      summary, arguments: checkpointerKeys + others)
  }

  /// In the names of torchtune's checkpointers.
  private static func checkpointerWord(_ naming: CheckpointNaming) -> String {
    switch naming {
    case .huggingFace: "HF"
    case .meta: "Meta"
    case .torchtune: "TorchTune"
    }
  }

  /// How the checkpoints of a checkpointer's component name their tensors.
  static func naming(ofCheckpointer path: String?) -> CheckpointNaming {
    [CheckpointNaming.meta, .torchtune].first {
      path?.hasSuffix("FullModel\(checkpointerWord($0))Checkpointer") == true
    } ?? .huggingFace
  }

  private static let checkpointerKeys: [KeyDeclaration] = [
    .required("checkpoint_dir", .string, "The folder to read from"),
    .required(
      "checkpoint_files", .either([.list(.string), .map(fileNames)]),
      "The files of the weights: a list, or filename_format and max_filename"),
    .required(
      "model_type", .choice(["LLAMA2", "LLAMA3", "LLAMA3_2", "QWEN2", "QWEN3"]),
      "The family of the weights"),
    .required("output_dir", .string, "The folder to write to"),
    .nullable(
      "recipe_checkpoint", .string,
      "The recipe state to resume from, also below output_dir; null finds the last"),
    .fixed(
      "resume_from_checkpoint", at: [false],
      because: "Set resume_from_checkpoint of the recipe, not of its checkpointer."),
    .fixed(
      "should_load_recipe_state", at: [false],
      because: "Set resume_from_checkpoint of the recipe, not of its checkpointer."),
    .fixed(
      "adapter_checkpoint", at: [.null], because: "Adapters are not trained by this version."),
  ]

  static let refusedCheckpointers = [
    RefusedComponent(
      role: .checkpointer,
      paths: spellings(
        "DistributedCheckpointer",
        in: ["torchtune.training", "torchtune.training.checkpointing"]),
      reason: "Its checkpoints are of the processes that wrote them. Runs here save whole models "
        + "whatever their number: use torchtune.training.FullModelHFCheckpointer.")
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

  /// What is not given is not asked for; where the reference turns a setting on by itself, it is null
  /// here, so that only a written True is refused.
  static let profilers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .profiler, "torchtune.training.setup_torch_profiler",
      aliases: ["torchtune.utils.setup_torch_profiler"],
      "A Chrome trace a rank of what a step consists of: data, blocks, collectives, optimizer",
      arguments: [
        .optional("enabled", .bool, default: .bool(false), "Whether steps are traced"),
        .nullable("output_dir", .string, "Where traces go; null is profiler_output"),
        .nullable("wait_steps", .int(0...Int.max), "Steps before a cycle; null is 5"),
        .nullable("warmup_steps", .int(0...Int.max), "Further steps before it; null is 5"),
        .nullable("active_steps", .int(1...Int.max), "Steps traced in a cycle; null is 2"),
        .nullable(
          "num_cycles", .int(0...Int.max), "Cycles; 0 is to the end of the run, null is 1"),
        .optional("cpu", .bool, default: .bool(true), "Spans of this process, always traced"),
        .optional("profile_memory", .bool, default: .bool(false), "Refused when traced"),
        .optional("with_stack", .bool, default: .bool(false), "Refused when traced"),
        .optional("with_flops", .bool, default: .bool(false), "Refused when traced"),
        .nullable(
          "cuda", .bool,
          "Nothing to trace without such a device; refused at True when traced on one"),
        .nullable("xpu", .bool, "Refused at True when traced"),
        .nullable(
          "record_shapes", .bool,
          "Whether spans of embedding, blocks and head hold the shape of their input; null is True"),
      ])
  ]
}
