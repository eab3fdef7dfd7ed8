// Every error that a configuration can cause, as the user reads it (Fixtures/problems.txt). With
// RECORD_SNAPSHOTS set, the test writes what it got beside the sources and fails.
import Builtins
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Catalog
@testable import Configuration

struct ProblemTests {
  /// A configuration, overrides and the recipe; the file when the text is not a built-in one's.
  struct Case {
    var recipe = RecipeName.qatDistributed
    var config = "llama3/8B_qat_full"
    var yaml: String?
    var overrides: [String] = []
  }

  private static func changed(_ overrides: String...) -> Case { Case(overrides: overrides) }
  private static func file(_ yaml: String) -> Case { Case(yaml: yaml) }

  static let cases: [Case] = yaml + keys + components + exclusions + other

  private static let yaml: [Case] = [
    file(""), file("- a"), file("text"), file("a: 1\nb: 2\na: 3"), file("a:\n\tb: 1"),
    file("a: [1, 2\nb: 3"), file("a: 1\n b: 2"), file("a: *b"), file("[1]: 2"), file("a: !x 1"),
    file("<<: 3"), file("a: 1\n---\nb: 2"), file("a: 'x"), file("a: ${b"), file("a: ${b}"),
    file("output_dir: x\na: ${output_dirs}"), file("a: ${b}\nb: ${c}\nc: ${a}"),
    file("a: {b: '${a}'}"), file("a: ${...b}"), file("a: ${oc.env:NOT_SET}"),
    file("a: ${now:%Y}"), file("a: {b: 1}\nc: x${a}"),
  ]

  private static let keys: [Case] = [
    changed("batch_sise=2"), changed("zzzzzzzzzzzzzz=2"), changed("optimizer.lrr=1"),
    changed("dataset.packd=True"), changed("batch_size=two"), changed("batch_size=1.5"),
    changed("batch_size=0"), changed("batch_size=null"), changed("shuffle=1"),
    changed("output_dir=5"), changed("optimizer.lr=fast"), changed("optimizer.lr=-1"),
    changed("optimizer.betas=[0.9]"), changed("optimizer.betas=[0.9, 1.5]"),
    changed("optimizer=5"), changed("model.vocab_size=5"), changed("log_level=LOUD"),
    changed("~batch_size"), changed("~model", "~dataset"), changed("~sead"),
    changed("dataset=[a, b]"), changed("dataset.column_map={input: 3}"),
    changed("checkpointer.checkpoint_files=3"), changed("checkpointer.model_type=LLAMA2"),
    changed("dtype=fp16"), changed("dtype=fp64"), changed("device=tpu"),
    changed("device=cuda:0"), changed("lr_scheduler=fast"), changed("quantizer=None"),
    changed("dataset={split: train}", "~dataset._component_"),
  ]

  private static let components: [Case] = [
    changed("optimizer=torch.optim.NoSuchOpt"), changed("optimizer=torch.optim.Adam"),
    changed("optimizer=torchao.optim.CPUOffloadOptimizer"),
    changed("model=torch.optim.AdamW"), changed("model=torchtune.models.llama2.llama2_7b"),
    changed("model=torchtune.models.mistral.mistral_7b"),
    changed("model=torchtune.models.qwen3.qwen3_moe_30b_a3b_instruct"),
    changed("loss=torch.nn.CrossEntropyLoss", "loss.reduction=sum"),
    changed("enable_fp8_training=True"), changed("fp8_recipe_name=tensorwise"),
    changed("activation_offloading_use_streams=True"), changed("tokenizer.truncation_type=left"),
    changed("model=torchtune.models.llama3.lora_llama3_8b"),
    changed("model=torchtune.models.llama3.llama3"),
    changed("model=torchtune.models.lama3.llama3_8b"),
    changed("checkpointer=torchtune.training.DistributedCheckpointer"),
    changed("metric_logger=torchtune.training.metric_logging.WandBLogger"),
    changed("quantizer=swift_tune.quantization.QATQuantizer"),
    changed("quantizer=swift_tune.quantization.QATQuantizer", "quantizer.scheme=gguf-q4"),
    changed(
      "quantizer=swift_tune.quantization.QATQuantizer", "quantizer.scheme=gguf-q8_0",
      "quantizer.groupsize=64"),
    changed(
      "quantizer=swift_tune.quantization.QATQuantizer", "quantizer.scheme=w4a16",
      "quantizer.groupsize=48"),
    changed("quantizer=swift_tune.quantization.Quantizer", "quantizer.scheme=int8"),
    changed(
      "quantizer=torchtune.training.quantization.Int4WeightOnlyQATQuantizer",
      "quantizer.groupsize=48"),
    changed("quantizer=torchtune.training.quantization.Int8DynActInt4WeightQuantizer"),
    changed("quantizer.group_size=32"), changed("quantizer.padding_allowed=True"),
    changed("dataset=torchtune.datasets.preference_dataset"),
    changed("dataset=[]"), changed("dataset=[{split: train}, 3]"),
    changed("dataset.data_files={train: 3}"), changed("dataset.filter_fn=f"),
    changed("tokenizer.prompt_template={user: [a]}"),
    changed("tokenizer.prompt_template={usr: [a, b]}"),
    changed("tokenizer.prompt_template=torchtune.data.ChatMLTemplat"),
    changed("tokenizer=torchtune.models.qwen2_5.qwen2_5_tokenizer", "tokenizer.merges_fil=m"),
    changed("dataset=torchtune.datasets.chat_dataset", "dataset.conversation_style=irc"),
    changed("profiler.enabled=True", "profiler.cuda=True"),
    changed("tokenizer.prompt_template=a.B"),
    changed("tokenizer=swift_tune.tokenizer.tokenizer_json"),
    changed("optimizer._component_=[1]"),
    changed("checkpointer.resume_from_checkpoint=True"),
  ]

  private static let exclusions: [Case] = [
    changed("optimizer_in_bwd=True", "clip_grad_norm=1.0"),
    changed("optimizer_in_bwd=True", "gradient_accumulation_steps=2"),
    changed("trainable=[]"),
    changed("device=cpu", "enable_activation_offloading=True"),
    changed("enable_activation_checkpointing=False", "enable_activation_offloading=True"),
    changed("run_val_every_n_steps=5", "~dataset_val"), changed("dataset.packed=True"),
    changed("dataset_val.packed=True"),
    changed("dataset.packed=True", "dataset.streaming=True", "tokenizer.max_seq_len=64"),
    changed("dataset.shuffle_buffer_size=5"), changed("dataset.weight=2"),
    changed("dataset.sep=;", "dataset.delimiter=;"),
    changed(
      "dataset=[{_component_: torchtune.datasets.alpaca_dataset, weight: 1}, "
        + "{_component_: torchtune.datasets.alpaca_dataset}]"),
    Case(recipe: .loraFinetuneDistributed, config: "llama3/8B_full"),
    Case(
      recipe: .loraFinetuneDistributed, config: "llama3_2/1B_lora",
      overrides: ["model.apply_lora_to_output=True"]),
    Case(
      recipe: .loraFinetuneDistributed, config: "llama3_2/1B_lora",
      overrides: ["model.lora_attn_modules=[q_prj]", "model.lora_ranc=4"]),
    changed("tokenizer.max_seq_len=8193"),
    changed("optimizer=torch.optim.SGD", "optimizer.nesterov=True"),
    changed(
      "optimizer=swift_tune.optim.AdamW", "~optimizer.fused",
      "optimizer.stochastic_rounding=True", "optimizer.master_weights=True"),
    changed("quantizer.groupsize=96"), changed("checkpointer.checkpoint_files=[]"),
    changed("checkpointer.checkpoint_files={filename_format: a, max_filename: '2'}"),
    changed("checkpointer.checkpoint_files={filename_format: 'a{}b{}', max_filename: x}"),
    changed("checkpointer.checkpoint_files={filename_format: 'a{}b{}', max_filename: 00004}"),
    changed(
      "model=torchtune.models.llama3.llama3", "model.vocab_size=8", "model.num_layers=1",
      "model.num_heads=3", "model.num_kv_heads=2", "model.embed_dim=64",
      "model.max_seq_len=8"),
    changed(
      "model=torchtune.models.llama3.llama3", "model.vocab_size=8", "model.num_layers=1",
      "model.num_heads=4", "model.num_kv_heads=3", "model.embed_dim=64",
      "model.max_seq_len=8", "model.attn_dropout=0.1"),
  ]

  private static let other: [Case] = [
    changed("compile=max-autotune"), changed("compile={model: 1}"),
    changed("tensor_parallel_dim=2"),
    changed("context_parallel_dim=2"), changed("data_parallel_replicate_dim=2"),
    changed("data_parallel_shard_dim=2"), changed("fsdp_cpu_offload=True", "device=cpu"),
    changed("fsdp_reshard_after_forward=False"), changed("ac_mode=selective"),
    changed("custom_sharded_layers=[layers.0]"), changed("collate_fn=my.function"),
    changed("resize_token_embeddings=True"),
    changed("batch_size=x", "epochs=y", "quantizer.groupsize=z"),
    Case(config: "llama3/8B_qat_ful"), Case(config: "/nonexistent/x.yaml"),
    Case(
      recipe: .eleutherEval, config: "eleuther_evaluation", overrides: ["tasks=[helaswag]"]),
    Case(recipe: .eleutherEval, config: "eleuther_evaluation", overrides: ["tasks=[mmlu]"]),
    Case(recipe: .eleutherEval, config: "eleuther_evaluation", overrides: ["tasks=[]"]),
    Case(recipe: .eleutherEval, config: "eleuther_evaluation", overrides: ["text_files=[a.txt]"]),
    Case(
      recipe: .eleutherEval, config: "eleuther_evaluation", overrides: ["task_data={hellaswag: a}"]),
    Case(
      recipe: .eleutherEval, config: "eleuther_evaluation",
      overrides: ["tasks=[wikitext]", "task_data={wikitext: a}", "text_file=b"]),
    Case(
      recipe: .generate, config: "generation",
      overrides: [
        "quantizer._component_=swift_tune.quantization.Int8DynActIntxWeightQATQuantizer"
      ]),
    Case(recipe: .generate, config: "generation", overrides: ["prompt.usr=x", "~prompt.user"]),
    Case(recipe: .generate, config: "generation", overrides: ["temperature=-1"]),
    Case(recipe: .fullFinetuneDistributed, overrides: []),
    Case(recipe: .quantize, config: "quantization", overrides: ["quantizer.groupsize=7"]),
  ]

  @Test func problemsReadAsRecorded() throws {
    var text = ""
    for testCase in Self.cases {
      let input = [testCase.yaml?.debugDescription ?? testCase.config] + testCase.overrides
      text += "# \(testCase.recipe.rawValue) \(input.joined(separator: " "))\n"
      do {
        let map = try testCase.yaml.map { try YAMLReader.map(in: $0, file: "my.yaml") }
        _ = try ValidatedConfiguration(
          recipe: testCase.recipe,
          ComposedConfiguration(
            map ?? ConfigurationFile.read(testCase.config), overrides: testCase.overrides,
            environment: [:]))
        text += "NO PROBLEM\n\n"
      } catch let error as TuneError {
        text += "\(error.code.rawValue): \(error)\n\n"
      }
    }
    #expect(!text.contains("NO PROBLEM"))
    #expect(text == (try snapshot("ConfigurationTests/Fixtures/problems.txt", recording: text)))
  }
}
