// Keys of torchtune's training recipes that choose between mechanisms which are one here, or turn
// on what is not here. Each is accepted at the values that change nothing and refused at others.

enum TorchtuneOnly {
  static let noDelay = KeyDeclaration.fixed(
    Keys.fakeQuantizationDelay.name, at: [.null],
    because: "torchtune's recipe for adapters has no delay.")

  static let deterministicMode = KeyDeclaration.fixed(
    "cudnn_deterministic_mode", at: [.null],
    because: "It sets switches of a library that is not used here.")
  static let lowMemoryReading = KeyDeclaration.fixed(
    "low_cpu_ram", at: [false], because: "Weights are read a tensor at a time in any case.")

  static let evaluation: [KeyDeclaration] = [
    .fixed("include_path", at: [.null], because: "Task definitions are not read from files."),
    .fixed(
      Keys.resumes.name, at: [false], because: "There is nothing to resume."),
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
      because: "There is no compiler here: the kernels are fused already."),
    .fixed(
      "enable_fp8_training", at: [false], because: "Weights and gradients are of the run's dtype."),
    .fixed("fp8_recipe_name", at: [.null], because: "There is no fp8 training."),
    .fixed(
      "activation_offloading_use_streams", at: [false],
      because: "Activations move in the stream that computes."),
    .fixed(
      "custom_sharded_layers",
      at: [
        .null, ["tok_embeddings", "output"], ["output", "tok_embeddings"], ["tok_embeddings"],
        ["output"], [],
      ],
      because: "Embedding and output head are always sharding units of their own; other layers "
        + "belong to their block."),
    .fixed(
      "fsdp_reshard_after_forward", at: [true],
      because: "A weight is whole only while its block is computed."),
    .fixed(
      "tensor_parallel_dim", at: [1], because: "There is no tensor parallelism."),
    .fixed(
      "tensor_parallel_plan",
      at: [.null, component("torchtune.models.llama3.base_llama_tp_plan")],
      because: "There is no tensor parallelism."),
    .fixed("fsdp", at: [false], because: "Shards stay on the device they train on."),
    .fixed(
      "context_parallel_dim", at: [1], because: "There is no context parallelism."),
    .fixed(
      "data_parallel_shard_dim", at: [-1],
      because: "Weights are sharded over all processes."),
    .fixed(
      "data_parallel_replicate_dim", at: [1],
      because: "Weights are sharded over all processes, never replicated."),
    .fixed(
      "ac_mode", at: [.null],
      because: "Activation checkpointing is of whole blocks: enable_activation_checkpointing."),
    .fixed(
      "ac_option", at: [.null],
      because: "Activation checkpointing is of whole blocks: enable_activation_checkpointing."),
    .fixed(
      "collate_fn", at: ["torchtune.data.padded_collate_sft", .null],
      because: "A collator is a Python function; batches are padded on the right."),
    .fixed(
      "resize_token_embeddings", at: [false], because: "The vocabulary cannot grow."),
    .fixed(
      "enable_async_checkpointing", at: [false],
      because: "Checkpoints are written before training goes on."),
    .fixed(
      "profile_memory", at: [false], because: "There is no torch profiler in this program."),
  ]
}
