// What the demonstration trains: sizes chosen so that all of it takes a few minutes on two cores.
import Layers

struct DemonstrationSettings {
  var seed: UInt64 = 0
  var textBytes = 6_000_000
  var heldOutBytes = 100_000
  var vocabularySize = 512
  var specialTokens = 32
  var sequenceLength = 256
  /// Sequences a process and step.
  var batchSize = 2
  var baseSteps = 450
  var baseRate = 3e-3
  var tuningSteps = 100
  var tuningRate = 1e-3
  var groupSize = 32

  var model: DecoderConfiguration {
    DecoderConfiguration(
      vocabularySize: vocabularySize, layerCount: 4, headCount: 4, keyValueHeadCount: 2, width: 256,
      hiddenWidth: 768, maximumSequenceLength: 512)
  }

  private var modelSection: String {
    """
    model:
      _component_: torchtune.models.llama3.llama3
      vocab_size: \(model.vocabularySize)
      num_layers: \(model.layerCount)
      num_heads: \(model.headCount)
      num_kv_heads: \(model.keyValueHeadCount)
      embed_dim: \(model.width)
      max_seq_len: \(model.maximumSequenceLength)
      intermediate_dim: \(model.hiddenWidth)
    """
  }

  private func tokenizerSection(_ folder: String) -> String {
    """
    tokenizer:
      _component_: swift_tune.tokenizers.tokenizer_json
      path: \(folder)/tokenizer/tokenizer.json
      max_seq_len: \(sequenceLength)
    """
  }

  /// The keys of llama3/8B_qat_full; base model, plain and QAT runs override a few of them.
  func configuration(folder: String) -> String {
    """
    # One configuration for all trainings of the demonstration; each overrides a few keys.
    output_dir: \(folder)/plain
    \(tokenizerSection(folder))
    dataset:
      _component_: torchtune.datasets.text_completion_dataset
      source: json
      data_files: \(folder)/tuning.jsonl
      column: text
      packed: True
    seed: \(seed)
    shuffle: True
    \(modelSection)
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: \(folder)/base/epoch_0
      checkpoint_files: [model.safetensors]
      output_dir: ${output_dir}
      model_type: LLAMA3
    resume_from_checkpoint: False
    batch_size: \(batchSize)
    epochs: 1
    max_steps_per_epoch: \(tuningSteps)
    optimizer:
      _component_: torch.optim.AdamW
      lr: \(tuningRate)
      betas: [0.9, 0.95]
      weight_decay: 0.1
      fused: True
    lr_scheduler:
      _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
      num_warmup_steps: 10
    loss:
      _component_: torchtune.modules.loss.LinearCrossEntropyLoss
    gradient_accumulation_steps: 1
    clip_grad_norm: 1.0
    device: cpu
    dtype: fp32
    enable_activation_checkpointing: False
    metric_logger:
      _component_: torchtune.training.metric_logging.DiskLogger
      log_dir: ${output_dir}/logs
      filename: log.txt
    log_every_n_steps: 1
    log_peak_memory_stats: True
    log_level: INFO

    """
  }

  /// What quantization and evaluation share.
  func inferenceConfiguration(checkpoint: String, folder: String) -> String {
    """
    output_dir: \(folder)/inference
    \(tokenizerSection(folder))
    \(modelSection)
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: \(checkpoint)
      checkpoint_files: [model.safetensors]
      output_dir: ${output_dir}
      model_type: LLAMA3
    device: cpu
    dtype: fp32
    seed: \(seed)

    """
  }
}
