// A configuration of a training recipe: the shared text, and the values in which the files differ.

struct TrainingFile {
  enum Optimizer {
    case adamW(rate: String)
    case adamW8bit(rate: String)
  }

  let model: BuiltinModel
  let name: String
  let recipe: RecipeName
  var optimizer = Optimizer.adamW(rate: "2e-5")
  /// Without one the learning rate is constant.
  var warmupSteps: Int?
  var batchSize = 2
  var accumulationSteps = 1
  var validationBatchSize = "${batch_size}"
  var stepsInBackward = false
  var checkpointsActivations = true
  /// Whether embedding and head are named as sharding units, as torchtune's 8B files do.
  var shardsEnds = false

  init(
    _ model: BuiltinModel, _ name: String, _ recipe: RecipeName,
    changing change: (inout TrainingFile) -> Void
  ) {
    self.model = model
    self.name = name
    self.recipe = recipe
    change(&self)
  }

  var configuration: BuiltinConfiguration {
    let parts = [
      header, model.tokenizerText, recipe.isQAT ? validatedData : data, model.modelText,
      model.checkpointerText(resumes: true), loop, recipe.isQAT ? Self.quantizer : nil,
      optimizerText, memory, logging, Self.profiler,
    ]
    return BuiltinConfiguration(
      name: fullName, recipe: recipe, text: parts.compactMap { $0 }.joined(separator: "\n"))
  }

  private var fullName: String { model.family + "/" + name }

  /// `qat_full` in `8B_qat_full`.
  private var variant: String { String(name.drop { $0 != "_" }.dropFirst()) }

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
      output_dir: /tmp/torchtune/\(model.shortName)/\(variant)

      """
  }

  private var data: String {
    """
    # What is trained on; packed: True fills sequences and is faster
    dataset:
      _component_: torchtune.datasets.alpaca_dataset
      packed: False
    seed: null
    shuffle: True

    """
  }

  private var validatedData: String {
    """
    # What is trained on; packed: True fills sequences and is faster
    dataset:
      _component_: torchtune.datasets.alpaca_cleaned_dataset
      packed: False
      split: train[:95%]
    seed: null
    shuffle: True

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
      case .adamW8bit(let rate): ["_component_: bitsandbytes.optim.AdamW8bit", "lr: \(rate)"]
      }
    let schedule = warmupSteps.map {
      """
      lr_scheduler:
        _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
        num_warmup_steps: \($0)

      """
    }
    let loss = recipe.isQAT ? "LinearCrossEntropyLoss" : "CEWithChunkedOutputLoss"
    return """
      # What is minimized, and how
      optimizer:
      \(fields.map { "  " + $0 }.joined(separator: "\n"))
      \(schedule ?? "")\
      loss:
        _component_: torchtune.modules.loss.\(loss)
      clip_grad_norm: null
      # True frees each gradient at once; it excludes accumulation and clipping
      optimizer_in_bwd: \(stepsInBackward ? "True" : "False")
      compile: False

      """
  }

  private var memory: String {
    let ends = shardsEnds ? "custom_sharded_layers: ['tok_embeddings', 'output']\n" : ""
    return """
      # Where, in which precision, and memory against time
      device: cuda
      dtype: bf16
      enable_activation_checkpointing: \(checkpointsActivations ? "True" : "False")
      enable_activation_offloading: False
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
    log_peak_memory_stats: True
    log_level: INFO

    """
  }

  private static let profiler = """
    # torch's profiler stays off
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
      warmup_steps: 3
      active_steps: 2
      num_cycles: 1

    """
}
