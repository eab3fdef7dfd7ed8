// The tiny golden model of CheckpointsTests/Fixtures, its tokenizer and 20 records, as a configuration
// of the training recipes that tests run in their own process and as programs.
import Foundation

package let testsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().path

/// A file or folder of any tests' fixtures, by its path below Tests.
package func fixturePath(_ name: String) -> String { testsFolder + "/" + name }

/// - Parameter folder: where the run writes, into `out`.
package func nanoConfiguration(in folder: String) -> String {
  """
  output_dir: \(folder)/out
  tokenizer:
    _component_: torchtune.models.llama3.llama3_tokenizer
    path: \(fixturePath("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.model"))
    special_tokens_path: \(fixturePath("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.json"))
    max_seq_len: 96
  dataset:
    _component_: torchtune.datasets.alpaca_dataset
    source: json
    data_files: \(fixturePath("TrainingTests/Fixtures/alpaca.json"))
    packed: False
  seed: 1234
  shuffle: False
  model:
    _component_: torchtune.models.llama3.llama3
    vocab_size: 1056
    num_layers: 2
    num_heads: 4
    num_kv_heads: 2
    embed_dim: 128
    max_seq_len: 512
    intermediate_dim: 256
    attn_dropout: 0.0
    norm_eps: 1e-5
    rope_base: 500000
  checkpointer:
    _component_: torchtune.training.FullModelHFCheckpointer
    checkpoint_dir: \(fixturePath("CheckpointsTests/Fixtures/nano"))
    checkpoint_files: [model.safetensors]
    recipe_checkpoint: null
    output_dir: ${output_dir}
    model_type: LLAMA3
  resume_from_checkpoint: False
  batch_size: 2
  epochs: 1
  quantizer:
    _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
    groupsize: 32
  optimizer:
    _component_: torch.optim.AdamW
    lr: 1e-3
    fused: True
  loss:
    _component_: torchtune.modules.loss.LinearCrossEntropyLoss
  max_steps_per_epoch: null
  gradient_accumulation_steps: 1
  device: cpu
  dtype: fp32
  enable_activation_checkpointing: True
  metric_logger:
    _component_: torchtune.training.metric_logging.DiskLogger
    log_dir: ${output_dir}/logs
    filename: log.txt
  log_every_n_steps: 1
  log_peak_memory_stats: True
  """
}
