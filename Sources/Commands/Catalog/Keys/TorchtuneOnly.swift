// Keys of torchtune's training recipes that choose between mechanisms which are one here, or turn
// on what is not here. Each is accepted at the values that change nothing and refused at others.
import Configuration

enum TorchtuneOnly {
  static let noDelay = KeyDeclaration.fixed(
    Keys.fakeQuantizationDelay.name, at: [.null],
    because: "torchtune's LoRA recipe does not support a delay.")

  static let deterministicMode = KeyDeclaration.fixed(
    "cudnn_deterministic_mode", at: [.null],
    because: "cuDNN is not used.")
  static let lowMemoryReading = KeyDeclaration.fixed(
    "low_cpu_ram", at: [false], because: "Weights are always read one tensor at a time.")

  static let evaluation: [KeyDeclaration] = [
    .fixed("include_path", at: [.null], because: "Custom task definitions are not supported."),
    .fixed(
      Keys.resumes.name, at: [false], because: "Evaluation cannot be resumed."),
  ]

  /// A component without arguments.
  private static func component(_ path: String) -> ConfigurationValue {
    var map = ConfigurationMap()
    map.set("_component_", ConfigurationNode(.string(path), .schema))
    return .map(map)
  }

  static let training: [KeyDeclaration] = [
    .fixed(
      "compile", at: [false, .null], orNeedless: [true],
      because: "The kernels are always compiled and fused."),
    .fixed(
      "enable_fp8_training", at: [false], because: "fp8 training is not supported."),
    .fixed("fp8_recipe_name", at: [.null], because: "fp8 training is not supported."),
    .fixed(
      "activation_offloading_use_streams", at: [false],
      because: "Offloading uses the compute stream."),
    .fixed(
      "custom_sharded_layers",
      at: [
        .null, ["tok_embeddings", "output"], ["output", "tok_embeddings"], ["tok_embeddings"],
        ["output"], [],
      ],
      because: "The embedding and the output head are always sharded separately, every other "
        + "layer with its block."),
    .fixed(
      "fsdp_reshard_after_forward", at: [true],
      because: "A weight is always resharded after its block."),
    .fixed(
      "tensor_parallel_dim", at: [1], because: "Tensor parallelism is not supported."),
    .fixed(
      "tensor_parallel_plan",
      at: [.null, component("torchtune.models.llama3.base_llama_tp_plan")],
      because: "Tensor parallelism is not supported."),
    .fixed("fsdp", at: [false], because: "Use fsdp_cpu_offload to offload shards."),
    .fixed(
      "context_parallel_dim", at: [1], because: "Context parallelism is not supported."),
    .fixed(
      "data_parallel_shard_dim", at: [-1],
      because: "Weights are sharded over all processes."),
    .fixed(
      "data_parallel_replicate_dim", at: [1],
      because: "Weights are sharded over all processes; replication is not supported."),
    .fixed(
      "ac_mode", at: [.null],
      because: "Activation checkpointing is of whole blocks: enable_activation_checkpointing."),
    .fixed(
      "ac_option", at: [.null],
      because: "Activation checkpointing is of whole blocks: enable_activation_checkpointing."),
    .fixed(
      "collate_fn", at: ["torchtune.data.padded_collate_sft", .null],
      because: "Python functions are not supported. Batches are padded on the right."),
    .fixed(
      "resize_token_embeddings", at: [false], because: "Resizing the vocabulary is not supported."),
    .fixed(
      "profile_memory", at: [false], because: "The torch profiler is not available."),
  ]
}
