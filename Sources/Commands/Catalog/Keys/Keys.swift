// The keys of recipes, each declared once. Those of components stand with the components, in a namespace of
// their role.
import Configuration
import Essentials
import EvaluationTasks

package enum Keys {
  // What all recipes have.
  package static let outputFolder = Key.required(
    "output_dir", .path, "Output folder")
  package static let model = Key.required("model", .component(.model), "The model architecture")
  package static let checkpointer = Key.required(
    "checkpointer", .component(.checkpointer), "Reads and writes the weights")
  package static let device = Key.required(
    "device", .string, "cpu or cuda; cuda:N selects a GPU in single-process recipes")
  package static let dtype = Key.required(
    "dtype", .string, "fp32 or bf16, for weights, gradients and optimizer state")
  package static let seed = Key.nullable(
    "seed", .int(0...Int.max),
    "Random seed of sampling and of stochastic rounding; null picks one. It does not reorder data")
  package static let logLevel = Key.optional(
    "log_level",
    .choice(
      ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
      synonyms: ["WARN": "WARNING", "FATAL": "CRITICAL"]), default: "INFO",
    "Minimum level of the messages to print")

  // What several have.
  package static let tokenizer = Key.required(
    "tokenizer", .component(.tokenizer), "The tokenizer")
  package static let quantizer = Key.nullable(
    "quantizer", .component(.quantizer),
    "Quantize a float checkpoint on loading with this scheme; null loads it as stored")
  package static let usesCache = Key.optional(
    "enable_kv_cache", .bool, default: true, "Keep keys and values of earlier tokens")
}

// Quantization.
extension Keys {
  package static let exports = Key.optional(
    "export", .list(.choice(ExportFormatName.allCases.map(\.rawValue))), default: [],
    "Also write the quantized model for other runtimes, into output_dir/exports")
}

// Training: data.
extension Keys {
  package static let dataset = Key.required(
    "dataset", .components(.dataset), "Training data")
  package static let validationDataset = Key.nullable(
    "dataset_val", .components(.dataset), "Validation data")
  package static let validationInterval = Key.nullable(
    "run_val_every_n_steps", .count, "Steps between validations; null disables validation")
  package static let validationBatchSize = Key.nullable(
    "batch_size_val", .count, "Samples per process and validation step; null means batch_size")
  package static let shuffle = Key.optional(
    "shuffle", .bool, default: true, "Reshuffle the data every epoch")
  package static let batchSize = Key.required(
    "batch_size", .count, "Samples per process and micro-batch")
}

// Training: the loop.
extension Keys {
  package static let epochs = Key.required("epochs", .count, "Passes over the dataset")
  package static let maximumStepsPerEpoch = Key.nullable(
    "max_steps_per_epoch", .count, "End an epoch after this many steps; null means after all data")
  package static let accumulation = Key.optional(
    "gradient_accumulation_steps", .count, default: 1, "Micro-batches per step")
  package static let optimizer = Key.required(
    "optimizer", .component(.optimizer), "The optimizer")
  package static let schedule = Key.nullable(
    "lr_scheduler", .component(.learningRateSchedule),
    "The learning rate schedule; null keeps the rate constant")
  package static let loss = Key.required("loss", .component(.loss), "The loss function")
  package static let clipNorm = Key.nullable(
    "clip_grad_norm", .double(0...Double.infinity),
    "Maximum gradient norm; inf only logs the norm, null does neither")
  package static let skippableSteps = Key.nullable(
    "skip_nonfinite_steps", .count,
    "Pass over so many steps in a row whose loss or gradient norm is not finite; null ends the run at "
      + "the first")
  package static let stepsInBackward = Key.optional(
    "optimizer_in_bwd", .bool, default: false,
    "Run the optimizer step of each weight in the backward pass and free its gradient")
  package static let trainable = Key.nullable(
    "trainable", .list(.string),
    "Train only the parameters whose names match one of these patterns (`*` and `?` as in a shell, "
      + "Hugging Face's names or the checkpoint's) and freeze the others; null trains all")
  package static let resumes = Key.optional(
    "resume_from_checkpoint", .bool, default: false, "Resume from the last saved state")
  package static let saveInterval = Key.nullable(
    "save_every_n_steps", .count,
    "Steps between saves within an epoch; null saves at the end of epochs only")
  package static let savesOnInterrupt = Key.optional(
    "save_on_interrupt", .bool, default: false,
    "On Ctrl-C or SIGTERM, finish the step, save and end; a second signal ends at once")
  package static let savesAsynchronously = Key.optional(
    "enable_async_checkpointing", .bool, default: false,
    "Write every save but the last one in the background, a file for each process; the model of the "
      + "last epoch is written as a model folder")
  package static let fakeQuantizationDelay = Key.nullable(
    "fake_quant_after_n_steps", .countOrNone,
    "Number of steps to train without fake quantization; null and 0 fake-quantize from the start")
  package static let savesAdaptersOnly = Key.optional(
    "save_adapter_weights_only", .bool, default: false,
    "Write only the adapters, without a merged model")
}

// Training: memory and reports.
extension Keys {
  package static let checkpointsActivations = Key.optional(
    "enable_activation_checkpointing", .bool, default: false,
    "Keep only block inputs and recompute the rest in the backward pass")
  package static let offloadsActivations = Key.optional(
    "enable_activation_offloading", .bool, default: false,
    "Offload block inputs to host memory between the forward and the backward pass")
  package static let offloadsShards = Key.optional(
    "fsdp_cpu_offload", .bool, default: false,
    "Keep weights, gradients and optimizer state in host memory, and step there; the device holds "
      + "the units that are being computed")
  package static let metricLogger = Key.required(
    "metric_logger", .component(.metricLogger), "The metric logger")
  package static let logInterval = Key.optional(
    "log_every_n_steps", .count, default: 1, "Steps between logged metrics")
  package static let logsPeakMemory = Key.optional(
    "log_peak_memory_stats", .bool, default: false, "Also log peak memory")
  package static let profiler = Key.nullable(
    "profiler", .component(.profiler), "Traces training steps; set profiler.enabled to True")
}

// Evaluation and generation.
extension Keys {
  package static let tasks = Key.required(
    "tasks", .list(.string),
    "Tasks of lm-evaluation-harness: "
      + EvaluationTask.names.joined(separator: ", "))
  package static let limit = Key.nullable(
    "limit", .count, "Maximum number of documents or questions per task; null means all")
  package static let windowLength = Key.optional(
    "max_seq_length", .int(2...Int(Int32.max)), default: 4096, "Maximum tokens per window")
  package static let textFiles = Key.optional(
    "text_files", .list(.path), default: [],
    "Local text files for wikitext, instead of its dataset")
  package static let textFile = Key.nullable(
    "text_file", .path, "Another file for text_files")
  package static let taskData = Key.nullable(
    "task_data", .mapOf(.path),
    "By the name of a task, where its dataset is: a local folder or file, or another dataset of "
      + "the Hub")
  package static let prompt = Key.required(
    "prompt",
    .map {
      Prompt.system
      Prompt.user
    }, "The messages to answer")
  package enum Prompt {
    package static let system = Key.nullable("system", .string, "The system prompt")
    package static let user = Key.required("user", .string, "The user message")
  }
  package static let maximumNewTokens = Key.optional(
    "max_new_tokens", .count, default: 300, "Maximum number of tokens to generate")
  package static let temperature = Key.optional(
    "temperature", .double(0...1e6), default: 0.6, "0 always takes the likeliest token")
  package static let topK = Key.nullable(
    "top_k", .count, "Sample from the k most likely tokens; null means all of them")
}
