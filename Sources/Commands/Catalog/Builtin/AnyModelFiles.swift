// Configurations for any supported model: what the model is, its tokenizer, chat template and stop tokens come from
// the checkpoint's folder.

extension BuiltinConfiguration {
  static let anyModel: [BuiltinConfiguration] = [
    training("any/full", .fullFinetuneDistributed),
    training("any/qat", .qatDistributed),
    training("any/full_single_device", .fullFinetuneSingleDevice),
    training("any/qat_single_device", .qatSingleDevice),
    using(
      "any/quantization", .quantize, example: "checkpointer.checkpoint_dir=out/epoch_0",
      output: "out/quantized",
      """
      # The scheme to convert to: that of the training
      quantizer:
        _component_: swift_tune.quantization.Quantizer
        scheme: 8da4w
        groupsize: null
      """),
    using(
      "any/evaluation", .eleutherEval,
      example: "checkpointer.checkpoint_dir=out/quantized text_files=[held-out.txt]", output: "./",
      """
      \(tokenizer)
      # Perplexity; without text_files, of the Hub's wikitext
      tasks: ["wikitext"]
      text_files: []
      limit: null
      max_seq_length: 2048
      batch_size: 8

      \(quantizerOfTheFolder)
      """),
    using(
      "any/generation", .generate,
      example: "checkpointer.checkpoint_dir=out/quantized prompt.user='Why is the sky blue?'",
      output: "./",
      """
      \(tokenizer)
      # The question, in the model's own chat format
      prompt:
        system: null
        user: "Tell me a joke."
      max_new_tokens: 300
      temperature: 0.6
      top_k: 300

      \(quantizerOfTheFolder)
      """),
  ]

  private static let tokenizer = """
    # The folder's tokenizer, chat template and stop tokens; max_seq_len cuts longer samples
    tokenizer:
      _component_: \(TokenizerChoice.checkpoint.rawValue)
      max_seq_len: null

    """

  private static let model = """
    # What config.json of the folder says
    model:
      _component_: \(CheckpointModel.path)

    """

  private static let quantizerOfTheFolder = """
    # Quantized folders say how they are quantized. For a float folder, a quantizer rounds on loading.
    quantizer: null
    """

  private static func checkpointer(resumes: Bool) -> String {
    """
    # Pass checkpointer.checkpoint_dir=FOLDER: a folder in Hugging Face layout
    checkpointer:
      _component_: \(CheckpointerChoice.huggingFace.rawValue)
      checkpoint_files: null  # null finds the weights
    \(resumes ? "  recipe_checkpoint: null  # null finds the last one\n" : "")\
      output_dir: ${output_dir}

    """
  }

  private static func training(_ name: String, _ recipe: RecipeName) -> BuiltinConfiguration {
    let launch = recipe.isDistributed ? "--nproc_per_node 2 " : ""
    return BuiltinConfiguration(
      name: name, recipe: recipe,
      text: """
        # \(RecipeSchema.declaration(of: recipe).summary), of any supported model
        #
        #   tune download OWNER/MODEL --output-dir FOLDER
        #   tune run \(launch)\(recipe.rawValue) --config \(name) \\
        #     checkpointer.checkpoint_dir=FOLDER dataset.source=train.jsonl

        # Everything that a run writes goes here
        output_dir: out

        \(tokenizer)
        # Chats, prompts and completions, instructions or text, told by their columns. Pass
        # dataset.source=FILE, a local file or a dataset of the Hub. packed: True fills sequences of
        # max_seq_len tokens and is faster.
        dataset:
          _component_: \(DatasetChoice.auto.rawValue)
          packed: False
        seed: null
        shuffle: True

        \(model)
        \(checkpointer(resumes: true))
        # The loop; a step sees batch_size x gradient_accumulation_steps samples a process
        resume_from_checkpoint: False
        batch_size: 2
        epochs: 1
        max_steps_per_epoch: null
        gradient_accumulation_steps: 1

        \(recipe.isQAT ? quantizer : "")\
        # What is minimized, and how
        optimizer:
          _component_: torch.optim.AdamW
          lr: 2e-5
          fused: True
        loss:
          _component_: torchtune.modules.loss.LinearCrossEntropyLoss
        clip_grad_norm: 1.0

        # Where, in which precision, and memory against time. bf16 halves memory.
        device: cpu
        dtype: fp32
        enable_activation_checkpointing: True

        # What is reported
        metric_logger:
          _component_: torchtune.training.metric_logging.DiskLogger
          log_dir: ${output_dir}/logs
        log_every_n_steps: 1
        log_peak_memory_stats: True

        """)
  }

  private static let quantizer = """
    # The scheme that is trained for, of the runtime that the model is for: gguf-q4_0, mlx-4bit, w4a16,
    # 8da4w-xnnpack and others. 8da4w, torchtune's, has int8 activations and int4 weights in groups of 32.
    quantizer:
      _component_: swift_tune.quantization.QATQuantizer
      scheme: 8da4w
      groupsize: null

    """

  private static func using(
    _ name: String, _ recipe: RecipeName, example: String, output: String, _ particulars: String
  ) -> BuiltinConfiguration {
    BuiltinConfiguration(
      name: name, recipe: recipe,
      text: """
        # \(RecipeSchema.declaration(of: recipe).summary): any supported model
        #
        #   tune run \(recipe.rawValue) --config \(name) \\
        #     \(example)

        output_dir: \(output)

        \(model)
        \(checkpointer(resumes: false))
        device: cpu
        dtype: fp32
        seed: 1234

        \(particulars)

        """)
  }
}
