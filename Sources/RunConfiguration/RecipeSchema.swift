// The keys of every recipe. The training recipes share all keys but those of QAT and of adapters.
import EvaluationTasks

package enum RecipeSchema {
  package static func declaration(of recipe: RecipeName) -> RecipeDeclaration {
    let keys =
      switch recipe {
      case .qatDistributed, .qatSingleDevice: [qatQuantizer, fakeQuantDelay] + training
      case .qatLoraFinetuneDistributed:
        [qatQuantizer, TorchtuneOnly.noDelay] + training + adapters
      case .fullFinetuneDistributed, .fullFinetuneSingleDevice: training
      case .loraFinetuneDistributed, .loraFinetuneSingleDevice: training + adapters
      case .quantize: quantize
      case .eleutherEval: evaluation
      case .generate: generation
      }
    return RecipeDeclaration(
      name: recipe, summary: summary(of: recipe), keys: common + keys,
      exclusions: Exclusions.all(for: recipe))
  }

  private static func summary(of recipe: RecipeName) -> String {
    switch recipe {
    case .fullFinetuneSingleDevice: "Fine-tune all weights in one process"
    case .fullFinetuneDistributed: "Fine-tune all weights, sharded over processes"
    case .qatSingleDevice: "Quantization-aware fine-tuning in one process"
    case .qatDistributed: "Quantization-aware fine-tuning, sharded over processes"
    case .loraFinetuneSingleDevice: "Fine-tune adapters in one process"
    case .loraFinetuneDistributed: "Fine-tune adapters, sharded over processes"
    case .qatLoraFinetuneDistributed:
      "Quantization-aware fine-tuning of adapters, sharded over processes"
    case .quantize: "Quantize a checkpoint and write it packed"
    case .eleutherEval: "Measure a model on tasks of lm-evaluation-harness"
    case .generate: "Generate text from a prompt"
    }
  }

  private static let steps = ValueType.int(1...Int.max)

  /// What all recipes have.
  private static let common: [KeyDeclaration] = [
    .required("output_dir", .string, "The folder that results go to"),
    .required("model", .component(.model), "The architecture"),
    .required("checkpointer", .component(.checkpointer), "Where weights are read and written"),
    .required(
      "device", .string, "cpu or cuda; cuda:N picks one where a recipe runs in one process"),
    .required("dtype", .string, "fp32 or bf16, of weights, gradients and optimizer state"),
    .nullable(
      "seed", .int(0...Int.max),
      "Random seed of sampling and of stochastic rounding; null picks one. It does not reorder data"
    ),
    .optional(
      "log_level",
      .choice(
        ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        synonyms: ["WARN": "WARNING", "FATAL": "CRITICAL"]), default: "INFO",
      "The least severe message that is printed"),
    .fixed(
      "cudnn_deterministic_mode", at: [.null],
      because: "It sets switches of a library that is not used here."),
  ]

  private static let qatQuantizer = KeyDeclaration.required(
    "quantizer", .component(.quantizer), "The numerics to train for")
  private static let fakeQuantDelay = KeyDeclaration.nullable(
    "fake_quant_after_n_steps", .int(0...Int.max),
    "Train exactly for this many steps first; null and 0 fake-quantize from the start")

  static let training: [KeyDeclaration] =
    data + loop + memory + reporting + TorchtuneOnly.training

  private static let data: [KeyDeclaration] = [
    .required("tokenizer", .component(.tokenizer), "Text to token ids"),
    .required("dataset", .components(.dataset), "What is trained on"),
    .nullable("dataset_val", .components(.dataset), "What is validated on"),
    .nullable(
      "run_val_every_n_steps", steps, "How often to validate; null never does"),
    .nullable(
      "batch_size_val", steps, "Samples a process and validation step; null is batch_size"),
    .optional("shuffle", .bool, default: true, "Whether each epoch has another order"),
    .required("batch_size", steps, "Samples a process and micro-batch"),
  ]

  private static let loop: [KeyDeclaration] = [
    .required("epochs", steps, "Passes over the dataset"),
    .nullable("max_steps_per_epoch", steps, "End an epoch after this many steps"),
    .optional(
      "gradient_accumulation_steps", steps, default: 1, "Micro-batches a step"),
    .required("optimizer", .component(.optimizer), "How gradients change weights"),
    .nullable(
      "lr_scheduler", .component(.learningRateSchedule), "How the learning rate changes"),
    .required("loss", .component(.loss), "What is minimized"),
    .nullable(
      "clip_grad_norm", .double(0...Double.infinity),
      "Scale gradients down to this norm; inf only reports it"),
    .optional(
      "optimizer_in_bwd", .bool, default: false,
      "Step each weight as soon as its gradient is known, and free the gradient"),
    .optional(
      "resume_from_checkpoint", .bool, default: false, "Go on where a saved run stopped"),
    .nullable(
      "save_every_n_steps", steps, "Save within an epoch too; null saves at its end only"),
  ]

  private static let adapters: [KeyDeclaration] = [
    .optional(
      "save_adapter_weights_only", .bool, default: false,
      "Write the adapters alone, without a merged model"),
    .fixed(
      "low_cpu_ram", at: [false], because: "Weights are read a tensor at a time in any case."),
  ]

  private static let memory: [KeyDeclaration] = [
    .optional(
      "enable_activation_checkpointing", .bool, default: false,
      "Keep only the inputs of blocks and recompute the rest in the backward pass"),
    .optional(
      "enable_activation_offloading", .bool, default: false,
      "Move the inputs of blocks to host memory between forward and backward pass"),
    .optional(
      "fsdp_cpu_offload", .bool, default: false,
      "Keep weights, gradients and optimizer state in host memory, and step there; the device holds "
        + "the units that are being computed"),
  ]

  private static let reporting: [KeyDeclaration] = [
    .required("metric_logger", .component(.metricLogger), "Where metrics go"),
    .optional("log_every_n_steps", steps, default: 1, "How often metrics are logged"),
    .optional(
      "log_peak_memory_stats", .bool, default: false, "Log the peak memory too"),
    .nullable("profiler", .component(.profiler), "Traces of steps, off unless enabled"),
  ]

  private static let postTrainingQuantizer = KeyDeclaration.nullable(
    "quantizer", .component(.quantizer), "The scheme of a quantized checkpoint; null for float")

  private static let quantize: [KeyDeclaration] = [
    .required(
      "quantizer", .component(.quantizer), "The scheme to convert to; a QAT one converts as well")
  ]

  private static let evaluation: [KeyDeclaration] = [
    .required("tokenizer", .component(.tokenizer), "Text to token ids"),
    postTrainingQuantizer,
    .required(
      "tasks", .list(.string),
      "What to measure, by lm-evaluation-harness's names: "
        + EvaluationTask.names.joined(separator: ", ")),
    .nullable("limit", steps, "Use this many documents or questions of a task only"),
    .optional(
      "max_seq_length", .int(2...Int.max), default: 4096, "The longest window of tokens"),
    .optional("batch_size", steps, default: 8, "Windows computed together"),
    .optional(
      "enable_kv_cache", .bool, default: true,
      "Keep keys and values while generating; none of the tasks generates"),
    .optional(
      "text_files", .list(.string), default: [],
      "Local text for wikitext, in place of its dataset"),
    .nullable("text_file", .string, "One more file for text_files"),
    .nullable(
      "task_data", .mapOf(.string),
      "By the name of a task, where its dataset is: a local folder or file, or another dataset of "
        + "the Hub"),
    .fixed(
      "include_path", at: [.null], because: "Task definitions are not read from files."),
    .fixed(
      "resume_from_checkpoint", at: [false], because: "There is nothing to resume."),
  ]

  private static let generation: [KeyDeclaration] = [
    .required("tokenizer", .component(.tokenizer), "Text to token ids"),
    postTrainingQuantizer,
    .required(
      "prompt",
      .map([
        .nullable("system", .string, "The system prompt"),
        .required("user", .string, "What the user says"),
      ]), "What to answer"),
    .optional("max_new_tokens", steps, default: 300, "Stop after this many tokens"),
    .optional(
      "temperature", .double(0...1e6), default: 0.6, "0 always takes the likeliest token"),
    .nullable("top_k", steps, "Draw from this many likeliest tokens; null from all"),
    .optional(
      "enable_kv_cache", .bool, default: true, "Keep keys and values of earlier tokens"),
  ]
}
