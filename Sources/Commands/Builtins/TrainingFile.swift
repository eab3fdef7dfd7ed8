// A configuration of a training recipe: the shared text, and the values in which the files differ.
import Catalog

struct TrainingFile {
  enum Optimizer {
    case adamW(rate: String)
    case decayingAdamW(rate: String)
    case pagedAdamW(rate: String)
    case pagedAdamW8bit(rate: String)
  }

  let model: BuiltinModel
  let recipe: RecipeName
  /// Whether part of the data is held out to validate on.
  let validates: Bool
  /// `qat_full` in `llama3/8B_qat_full`.
  let variant: String
  /// The last folder of `output_dir`.
  var outputFolder: String
  var optimizer = Optimizer.adamW(rate: "2e-5")
  /// `optimizer_in_bwd`; nil leaves the key out, as torchtune's older files for adapters do.
  var stepsInBackward: Bool? = false
  /// Without one the learning rate is constant.
  var warmupSteps: Int?
  var batchSize: Int
  var accumulationSteps = 1
  var validationBatchSize = "${batch_size}"
  var checkpointsActivations = true
  var offloadsActivations = false
  /// Whether embedding and head are named as sharding units, as torchtune's 8B files do.
  var shardsEnds = false

  /// The file of a model and a recipe with the recipe's own habits, and `change`.
  init(
    _ model: BuiltinModel, _ recipe: RecipeName, variant: String? = nil,
    changing change: (inout TrainingFile) -> Void = { _ in }
  ) {
    self.model = model
    self.recipe = recipe
    self.variant = variant ?? recipe.variant
    outputFolder = self.variant
    validates = recipe == .qatDistributed && model.family.hasPrefix("llama3")
    batchSize = model.family == "llama3_2" ? 4 : 2
    if recipe.trainsAdapters {
      optimizer = Self.optimizerOfAdapters(of: model, recipe)
      stepsInBackward = model.family == "qwen3" ? false : nil
      warmupSteps = 100
      accumulationSteps = 8
      checkpointsActivations =
        recipe == .loraFinetuneSingleDevice
        && Self.recomputingAdapters.contains(model.shortName)
    } else if !recipe.isDistributed {
      optimizer = recipe.isQAT ? .pagedAdamW(rate: "5e-6") : .pagedAdamW8bit(rate: "2e-5")
      stepsInBackward = true
    }
    change(&self)
  }

  var configuration: BuiltinConfiguration {
    let parts = [
      header, model.tokenizerText, data, validates ? validation : nil,
      model.modelText(withAdapters: recipe.trainsAdapters),
      model.checkpointerText(resumes: true, namesAdapter: recipe.trainsAdapters),
      loop, recipe.isQAT ? Self.quantizer : nil, optimizerText, memory, logging, profiler,
    ]
    return BuiltinConfiguration(
      name: fullName, recipe: recipe, text: parts.compactMap { $0 }.joined(separator: "\n"))
  }

  private var fullName: String { model.family + "/" + model.size + "_" + variant }
  /// Whether torchtune wrote the file after its release 0.6.1, which has another loss.
  private var isRecent: Bool {
    validates || model.family == "qwen3" || recipe == .qatSingleDevice
  }

  private var header: String {
    let launch = recipe.isDistributed ? "--nproc_per_node 4 " : ""
    return """
      # \(RecipeSchema.declaration(of: recipe).summary): \(fullName)
      #
      # The weights and the tokenizer:
      \(model.downloadLine)
      # The run; any key can be changed behind it, as in batch_size=4 optimizer.lr=1e-5:
      #   tune run \(launch)\(recipe.rawValue) --config \(fullName)

      # Everything that a run leaves goes here. The system may empty /tmp: choose another place.
      output_dir: /tmp/torchtune/\(model.shortName)/\(outputFolder)

      """
  }

  private var data: String {
    let isCleaned = isRecent || recipe.trainsAdapters || model.isQwen
    return """
      # What is trained on; packed: True fills sequences and is faster
      dataset:
        _component_: torchtune.datasets.alpaca_\(isCleaned ? "cleaned_" : "")dataset
        packed: False
      \(validates ? "  split: train[:95%]\n" : "")\
      seed: null
      shuffle: True

      """
  }

  private var validation: String {
    """
    # What is validated on, every so many steps; null never does
    run_val_every_n_steps: null
    dataset_val:
      _component_: torchtune.datasets.alpaca_cleaned_dataset
      split: train[95%:]
    batch_size_val: \(validationBatchSize)

    """
  }

  private var loop: String {
    """
    # The loop; a step sees batch_size x gradient_accumulation_steps samples a process
    resume_from_checkpoint: False
    \(recipe.trainsAdapters && !model.isQwen ? "save_adapter_weights_only: False\n" : "")\
    batch_size: \(batchSize)
    epochs: 1
    max_steps_per_epoch: null
    gradient_accumulation_steps: \(accumulationSteps)

    """
  }

  private static let quantizer = """
    # The numerics that are trained for: int8 activations, int4 weights in groups
    quantizer:
      _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
      groupsize: 256

    """

  private var optimizerText: String {
    let fields =
      switch optimizer {
      case .adamW(let rate): ["_component_: torch.optim.AdamW", "lr: \(rate)", "fused: True"]
      case .decayingAdamW(let rate):
        ["_component_: torch.optim.AdamW", "fused: True", "weight_decay: 0.01", "lr: \(rate)"]
      case .pagedAdamW(let rate): ["_component_: bitsandbytes.optim.PagedAdamW", "lr: \(rate)"]
      case .pagedAdamW8bit(let rate):
        ["_component_: bitsandbytes.optim.PagedAdamW8bit", "lr: \(rate)"]
      }
    let schedule = warmupSteps.map {
      """
      lr_scheduler:
        _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
        num_warmup_steps: \($0)

      """
    }
    let loss = isRecent ? "LinearCrossEntropyLoss" : "CEWithChunkedOutputLoss"
    return """
      # What is minimized, and how
      optimizer:
      \(fields.map { "  " + $0 }.joined(separator: "\n"))
      \(schedule ?? "")\
      loss:
        _component_: torchtune.modules.loss.\(loss)
      clip_grad_norm: null
      \(stepsInBackward.map(Self.stepping) ?? "")\
      compile: False

      """
  }

  private static func stepping(inBackward: Bool) -> String {
    """
    # True frees each gradient at once; it excludes accumulation and clipping
    optimizer_in_bwd: \(inBackward ? "True" : "False")

    """
  }

  private var memory: String {
    let ends = shardsEnds ? "custom_sharded_layers: ['tok_embeddings', 'output']\n" : ""
    return """
      # Where, in which precision, and memory against time
      device: cuda
      dtype: bf16
      enable_activation_checkpointing: \(checkpointsActivations ? "True" : "False")
      enable_activation_offloading: \(offloadsActivations ? "True" : "False")
      \(ends)
      """
  }

  private var logging: String {
    """
    # What is reported
    metric_logger:
      _component_: torchtune.training.metric_logging.DiskLogger
      log_dir: ${output_dir}/logs
    log_every_n_steps: 1
    log_peak_memory_stats: \(logsPeakMemory ? "True" : "False")
    log_level: INFO

    """
  }

  private var logsPeakMemory: Bool {
    model.shortName != "qwen2_5_3B" && recipe != .qatSingleDevice
  }

  /// Some of torchtune's files for adapters wait a little longer.
  private var profilerWarmup: Int {
    recipe.trainsAdapters && Self.waitingAdapters.contains(model.shortName) ? 5 : 3
  }

  private var profiler: String {
    """
    # Where the time of some steps goes, as a trace for a browser
    profiler:
      _component_: torchtune.training.setup_torch_profiler
      enabled: False
      output_dir: ${output_dir}/profiling_outputs
      cpu: True
      cuda: True
      profile_memory: False
      with_stack: False
      record_shapes: True
      with_flops: False
      wait_steps: 5
      warmup_steps: \(profilerWarmup)
      active_steps: 2
      num_cycles: 1

    """
  }
}

extension TrainingFile {
  /// Where torchtune's files for adapters recompute activations.
  fileprivate static let recomputingAdapters: Set<String> = [
    "llama2_7B", "llama3_8B", "llama3_1_8B", "llama3_2_3B", "qwen2_5_3B", "qwen3_4B", "qwen3_8B",
  ]
  fileprivate static let waitingAdapters: Set<String> = [
    "llama2_7B", "qwen2_5_3B", "qwen3_4B", "qwen3_8B", "qwen3_32B",
  ]

  fileprivate static func optimizerOfAdapters(of model: BuiltinModel, _ recipe: RecipeName)
    -> Optimizer
  {
    let isAlone = recipe == .loraFinetuneSingleDevice
    return switch model.shortName {
    case "qwen2_5_1_5B": .adamW(rate: isAlone ? "2e-3" : "2e-5")
    case "qwen3_0_6B": .decayingAdamW(rate: "1e-4")
    case "qwen3_1_7B": .adamW(rate: isAlone ? "1e-4" : "2e-5")
    default: .decayingAdamW(rate: "3e-4")
    }
  }
}

extension RecipeName {
  /// The end of the names of its configurations.
  fileprivate var variant: String {
    switch self {
    case .fullFinetuneSingleDevice: "full_single_device"
    case .fullFinetuneDistributed: "full"
    case .loraFinetuneSingleDevice: "lora_single_device"
    case .loraFinetuneDistributed: "lora"
    case .qatDistributed: "qat_full"
    case .qatSingleDevice: "qat_single_device"
    case .qatLoraFinetuneDistributed: "qat_lora"
    case .generate, .eleutherEval, .quantize: rawValue
    }
  }
}
