// The keys of recipes, each declared once. Those of components stand with the components, in a namespace of
// their role.
import EvaluationTasks

package enum Keys {
  // What all recipes have.
  package static let outputFolder = Key.required(
    "output_dir", .string, "The folder that results go to")
  package static let model = Key.required("model", .component(.model), "The architecture")
  package static let checkpointer = Key.required(
    "checkpointer", .component(.checkpointer), "Where weights are read and written")
  package static let device = Key.required(
    "device", .string, "cpu or cuda; cuda:N picks one where a recipe runs in one process")
  package static let dtype = Key.required(
    "dtype", .string, "fp32 or bf16, of weights, gradients and optimizer state")
  package static let seed = Key.nullable(
    "seed", .int(0...Int.max),
    "Random seed of sampling and of stochastic rounding; null picks one. It does not reorder data")
  package static let logLevel = Key.optional(
    "log_level",
    .choice(
      ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
      synonyms: ["WARN": "WARNING", "FATAL": "CRITICAL"]), default: "INFO",
    "The least severe message that is printed")

  // What several have.
  package static let tokenizer = Key.required(
    "tokenizer", .component(.tokenizer), "Text to token ids")
  package static let quantizer = Key.nullable(
    "quantizer", .component(.quantizer), "The scheme of a quantized checkpoint; null for float")
  package static let usesCache = Key.optional(
    "enable_kv_cache", .bool, default: true, "Keep keys and values of earlier tokens")
}

// Training: data.
extension Keys {
  package static let dataset = Key.required(
    "dataset", .components(.dataset), "What is trained on")
  package static let validationDataset = Key.nullable(
    "dataset_val", .components(.dataset), "What is validated on")
  package static let validationInterval = Key.nullable(
    "run_val_every_n_steps", .count, "How often to validate; null never does")
  package static let validationBatchSize = Key.nullable(
    "batch_size_val", .count, "Samples a process and validation step; null is batch_size")
  package static let shuffle = Key.optional(
    "shuffle", .bool, default: true, "Whether each epoch has another order")
  package static let batchSize = Key.required(
    "batch_size", .count, "Samples a process and micro-batch")
}

// Training: the loop.
extension Keys {
  package static let epochs = Key.required("epochs", .count, "Passes over the dataset")
  package static let maximumStepsPerEpoch = Key.nullable(
    "max_steps_per_epoch", .count, "End an epoch after this many steps")
  package static let accumulation = Key.optional(
    "gradient_accumulation_steps", .count, default: 1, "Micro-batches a step")
  package static let optimizer = Key.required(
    "optimizer", .component(.optimizer), "How gradients change weights")
  package static let schedule = Key.nullable(
    "lr_scheduler", .component(.learningRateSchedule), "How the learning rate changes")
  package static let loss = Key.required("loss", .component(.loss), "What is minimized")
  package static let clipNorm = Key.nullable(
    "clip_grad_norm", .double(0...Double.infinity),
    "Scale gradients down to this norm; inf only reports it")
  package static let stepsInBackward = Key.optional(
    "optimizer_in_bwd", .bool, default: false,
    "Step each weight as soon as its gradient is known, and free the gradient")
  package static let trainable = Key.nullable(
    "trainable", .list(.string),
    "Train only the parameters whose names match one of these patterns (`*` and `?` as in a shell, "
      + "Hugging Face's names or the checkpoint's) and freeze the others; null trains all")
  package static let resumes = Key.optional(
    "resume_from_checkpoint", .bool, default: false, "Go on where a saved run stopped")
  package static let saveInterval = Key.nullable(
    "save_every_n_steps", .count, "Save within an epoch too; null saves at its end only")
  package static let fakeQuantizationDelay = Key.nullable(
    "fake_quant_after_n_steps", .int(0...Int.max),
    "Train exactly for this many steps first; null and 0 fake-quantize from the start")
  package static let savesAdaptersOnly = Key.optional(
    "save_adapter_weights_only", .bool, default: false,
    "Write the adapters alone, without a merged model")
}

// Training: memory and reports.
extension Keys {
  package static let checkpointsActivations = Key.optional(
    "enable_activation_checkpointing", .bool, default: false,
    "Keep only the inputs of blocks and recompute the rest in the backward pass")
  package static let offloadsActivations = Key.optional(
    "enable_activation_offloading", .bool, default: false,
    "Move the inputs of blocks to host memory between forward and backward pass")
  package static let offloadsShards = Key.optional(
    "fsdp_cpu_offload", .bool, default: false,
    "Keep weights, gradients and optimizer state in host memory, and step there; the device holds "
      + "the units that are being computed")
  package static let metricLogger = Key.required(
    "metric_logger", .component(.metricLogger), "Where metrics go")
  package static let logInterval = Key.optional(
    "log_every_n_steps", .count, default: 1, "How often metrics are logged")
  package static let logsPeakMemory = Key.optional(
    "log_peak_memory_stats", .bool, default: false, "Log the peak memory too")
  package static let profiler = Key.nullable(
    "profiler", .component(.profiler), "Traces of steps, off unless enabled")
}

// Evaluation and generation.
extension Keys {
  package static let tasks = Key.required(
    "tasks", .list(.string),
    "What to measure, by lm-evaluation-harness's names: "
      + EvaluationTask.names.joined(separator: ", "))
  package static let limit = Key.nullable(
    "limit", .count, "Use this many documents or questions of a task only")
  package static let windowLength = Key.optional(
    "max_seq_length", .int(2...Int.max), default: 4096, "The longest window of tokens")
  package static let textFiles = Key.optional(
    "text_files", .list(.string), default: [],
    "Local text for wikitext, in place of its dataset")
  package static let textFile = Key.nullable(
    "text_file", .string, "One more file for text_files")
  package static let taskData = Key.nullable(
    "task_data", .mapOf(.string),
    "By the name of a task, where its dataset is: a local folder or file, or another dataset of "
      + "the Hub")
  package static let prompt = Key.required(
    "prompt",
    .map {
      Prompt.system
      Prompt.user
    }, "What to answer")
  package enum Prompt {
    package static let system = Key.nullable("system", .string, "The system prompt")
    package static let user = Key.required("user", .string, "What the user says")
  }
  package static let maximumNewTokens = Key.optional(
    "max_new_tokens", .count, default: 300, "Stop after this many tokens")
  package static let temperature = Key.optional(
    "temperature", .double(0...1e6), default: 0.6, "0 always takes the likeliest token")
  package static let topK = Key.nullable(
    "top_k", .count, "Draw from this many likeliest tokens; null from all")
}
