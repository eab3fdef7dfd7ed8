// Checkpointers, metric loggers and the profiler: where a run reads from and writes to.
import Configuration
import Essentials

package enum CheckpointerChoice: String, ComponentChoice {
  case huggingFace = "torchtune.training.FullModelHFCheckpointer"
  case meta = "torchtune.training.FullModelMetaCheckpointer"
  case torchtune = "torchtune.training.FullModelTorchTuneCheckpointer"
  package static let role = ComponentRole.checkpointer

  /// How its files name tensors.
  package var naming: CheckpointNaming {
    switch self {
    case .huggingFace: .huggingFace
    case .meta: .meta
    case .torchtune: .torchtune
    }
  }
}

package enum MetricLoggerChoice: String, ComponentChoice {
  case disk = "torchtune.training.metric_logging.DiskLogger"
  case stdout = "torchtune.training.metric_logging.StdoutLogger"
  package static let role = ComponentRole.metricLogger
}

extension Components {
  static let checkpointers: [ComponentDeclaration] = [
    checkpointer(
      .huggingFace, "Reads and writes the Hugging Face layout, as safetensors or torch files",
      [Keys.Checkpointer.writesSafetensors.declaration]),
    checkpointer(
      .meta, "Reads Meta's consolidated.*.pth and writes a torch file"),
    checkpointer(.torchtune, "Reads and writes a torch file with torchtune's tensor names"),
  ]

  private static func checkpointer(
    _ choice: CheckpointerChoice, _ summary: String, _ others: [KeyDeclaration] = []
  ) -> ComponentDeclaration {
    let name = String(choice.rawValue.split(separator: ".").last ?? "")
    return ComponentDeclaration(
      choice,
      aliases: spellings(name, in: ["torchtune.utils", "torchtune.training.checkpointing"]),
      summary
    ) {
      Keys.Checkpointer.folder
      choice == .huggingFace
        ? Keys.Checkpointer.files.declaration
        : Keys.Checkpointer.files.required(
          "The files of the weights: a list, or filename_format and max_filename")
      Keys.Checkpointer.modelType
      Keys.Checkpointer.outputFolder
      Keys.Checkpointer.savedRun
      Keys.Checkpointer.keptCount
      KeyDeclaration.fixed(
        Keys.resumes.name, at: [false],
        because: "Set resume_from_checkpoint of the recipe, not of its checkpointer.")
      KeyDeclaration.fixed(
        "should_load_recipe_state", at: [false],
        because: "Set resume_from_checkpoint of the recipe, not of its checkpointer.")
      KeyDeclaration.fixed(
        "adapter_checkpoint", at: [.null], because: "Training LoRA adapters is not supported yet.")
      others
    }
  }

  static let refusedCheckpointers = [
    RefusedComponent(
      role: .checkpointer,
      paths: spellings(
        "DistributedCheckpointer",
        in: ["torchtune.training", "torchtune.training.checkpointing"]),
      reason: "Its checkpoints are of the processes that wrote them. Runs here save whole models "
        + "whatever their number: use torchtune.training.FullModelHFCheckpointer.")
  ]

  static let metricLoggers: [ComponentDeclaration] = [
    ComponentDeclaration(
      MetricLoggerChoice.disk,
      aliases: spellings(
        "DiskLogger", in: ["torchtune.utils.metric_logging", "torchtune.training"]),
      "Writes one line per step to a text file"
    ) {
      Keys.DiskLogger.folder
      Keys.DiskLogger.filename
    },
    ComponentDeclaration(
      MetricLoggerChoice.stdout,
      aliases: spellings(
        "StdoutLogger", in: ["torchtune.utils.metric_logging", "torchtune.training"]),
      "Writes one line per step to standard output"
    ) {},
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
      "Writes a Chrome trace per rank: data, blocks, collectives, optimizer",
      arguments: profilerKeys)
  ]

  @KeyList private static var profilerKeys: [KeyDeclaration] {
    Keys.Profiler.isEnabled
    Keys.Profiler.folder
    Keys.Profiler.waitSteps
    Keys.Profiler.warmupSteps
    Keys.Profiler.activeSteps
    Keys.Profiler.cycles
    Keys.Profiler.cpu
    Keys.Profiler.profilesMemory
    Keys.Profiler.withStack
    Keys.Profiler.withFLOPs
    Keys.Profiler.cuda
    Keys.Profiler.xpu
    Keys.Profiler.recordsShapes
  }
}
