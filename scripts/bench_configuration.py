"""The configuration of a run of scripts/bench_steps.py: one text that both programs read."""

TEXT = """\
output_dir: {folder}/out
tokenizer:
  _component_: torchtune.models.llama3.llama3_tokenizer
  path: {peer}/small/tokenizer.model
  special_tokens_path: {peer}/small/tokenizer.json
  max_seq_len: {sequence}
dataset:
  _component_: torchtune.datasets.alpaca_dataset
  source: json
  data_files: {peer}/texts.json
  train_on_input: True
  packed: False
seed: 1234
shuffle: False
model:
  _component_: torchtune.models.llama3.llama3
  vocab_size: 8192
  num_layers: 8
  num_heads: 8
  num_kv_heads: 4
  embed_dim: 512
  max_seq_len: 2048
  intermediate_dim: 1536
  attn_dropout: 0.0
  norm_eps: 1e-5
  rope_base: 500000
checkpointer:
  _component_: torchtune.training.FullModelHFCheckpointer
  checkpoint_dir: {peer}/small
  checkpoint_files: [model.safetensors]
  recipe_checkpoint: null
  output_dir: ${{output_dir}}
  model_type: LLAMA3
resume_from_checkpoint: False
batch_size: {batch}
epochs: 1
{quantizer}optimizer:
  _component_: torch.optim.AdamW
  lr: 3e-4
  fused: True
loss:
  _component_: torchtune.modules.loss.CEWithChunkedOutputLoss
max_steps_per_epoch: null
gradient_accumulation_steps: 1
clip_grad_norm: null
compile: False
optimizer_in_bwd: False
device: cpu
enable_activation_checkpointing: {checkpointing}
enable_activation_offloading: False
custom_sharded_layers: ['tok_embeddings', 'output']
dtype: {dtype}
metric_logger:
  _component_: torchtune.training.metric_logging.DiskLogger
  log_dir: ${{output_dir}}/logs
log_every_n_steps: 1
log_peak_memory_stats: False
log_level: INFO
profiler:
  _component_: torchtune.training.setup_torch_profiler
  enabled: False
"""
QUANTIZER = """\
quantizer:
  _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
  groupsize: 256
"""


def configuration(qat, **values):
    return TEXT.format(quantizer=QUANTIZER if qat else "", **values)
