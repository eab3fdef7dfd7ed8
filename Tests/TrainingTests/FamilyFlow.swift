// The recipes on one family's tiny model in one folder: training, quantization, evaluation,
// generation, configured as a user would.
import Builtins
import Catalog
import Configuration
import Essentials
import EvaluationTasks
import Foundation
import Inference
import Launching
import Layers
import Recipes
import Tensors
import TestSupport
import Testing
import Training

@testable import Checkpoints

/// The recipes on one family's model in one folder.
struct FamilyFlow {
  let family: TinyFamily
  let folder: TrainingFolder

  private var tokenizer: String {
    let files = family.tokenizerFiles.map { "  \($0.key): \(folder.path)/model/\($0.name)\n" }
    return """
      tokenizer:
        _component_: torchtune.models.\(family.tokenizer)
      \(files.joined())
      """
  }

  private func text(
    _ form: CheckpointForm, from: String, _ files: [String], to output: String,
    _ particulars: String
  ) -> String {
    let decoder = family.decoder
    return """
      model:
        _component_: torchtune.models.\(family.builder)
        vocab_size: \(decoder.vocabularySize)
        num_layers: \(decoder.layerCount)
        num_heads: \(decoder.headCount)
        num_kv_heads: \(decoder.keyValueHeadCount)
        embed_dim: \(decoder.width)
        intermediate_dim: \(decoder.hiddenWidth)
        max_seq_len: \(decoder.maximumSequenceLength)
        rope_base: \(decoder.rotary.base)
        \(family.headWidth.map { "head_dim: \($0)" } ?? "")
      checkpointer:
        _component_: torchtune.training.FullModel\(form.checkpointer)Checkpointer
        checkpoint_dir: \(folder.path)/\(from)
        checkpoint_files: [\(files.joined(separator: ", "))]
        output_dir: ${output_dir}
        model_type: \(family.modelType)
        \(form.isSafe ? "" : "safe_serialization: False")
      output_dir: \(folder.path)/\(output)
      device: cpu
      dtype: \(family.dtype == .bfloat16 ? "bf16" : "fp32")
      seed: 3
      log_level: CRITICAL
      \(particulars)

      """
  }

  static let qat = """
    quantizer:
      _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
      groupsize: 32

    """
  static let quantizer = qat.replacing("QATQuantizer", with: "Quantizer")
  static let weightOnlyQAT = qat.replacing(
    "torchtune.training.quantization.Int8DynActInt4Weight",
    with: "swift_tune.quantization.IntxWeightOnly")
  static let weightOnly = weightOnlyQAT.replacing("QATQuantizer", with: "Quantizer")

  /// A batch of the alpaca records, three times.
  static let threeSteps = """
      max_seq_len: 64
    dataset:
      _component_: torchtune.datasets.alpaca_dataset
      source: json
      data_files: \(fixturePath("TrainingTests/Fixtures/alpaca.json"))
    epochs: 3
    max_steps_per_epoch: 1

    """

  static let conversations = [
    ("the rain", "in spain stays mainly on the plain"), ("what is it?", "it is what the user says"),
  ]
  static let text = "the rain in spain is plain and the user says it"
  /// Two conversations and a text until they are known by heart. Without max_seq_len: as in
  /// torchtune, Qwen's tokenizer with it masks the end of a conversation, which is never learned.
  func byHeart() throws -> String {
    let lines = Self.conversations.map { question, answer in
      #"{"messages": [{"role": "user", "content": "\#(question)"}, "#
        + #"{"role": "assistant", "content": "\#(answer)"}]}"#
    }
    let all = [[String]](repeating: lines, count: 40).flatMap { $0 }
    try folder.write(all.joined(separator: "\n"), to: "chats.jsonl")
    try folder.write(
      [String](repeating: Self.text, count: 40).joined(separator: "\n"), to: "text.txt")
    try folder.write(Self.text, to: "held.txt")
    return """
      dataset:
      - _component_: torchtune.datasets.chat_dataset
        source: json
        data_files: \(folder.path)/chats.jsonl
        conversation_column: messages
        conversation_style: openai
        weight: 2
      - _component_: torchtune.datasets.text_completion_dataset
        source: text
        data_files: \(folder.path)/text.txt
        weight: 1
      epochs: 1

      """
  }

  func train(_ form: CheckpointForm, on data: String, _ quantizer: String = qat) throws {
    let training = """
      shuffle: False
      batch_size: 3
      optimizer:
        _component_: torch.optim.AdamW
        lr: 1e-2
      loss:
        _component_: torchtune.modules.loss.LinearCrossEntropyLoss
      metric_logger:
        _component_: torchtune.training.metric_logging.DiskLogger
        log_dir: ${output_dir}/logs
        filename: log.txt

      """
    try folder.write(
      text(
        form, from: "model", [form.file], to: "out", tokenizer + data + training + quantizer),
      to: "train.yaml")
    try folder.train(recipe: .qatSingleDevice)
  }

  func configuration(
    _ recipe: RecipeName, _ form: CheckpointForm, from: String, _ files: [String],
    to output: String = "none", _ particulars: String
  ) throws -> ValidatedConfiguration {
    let name = recipe.rawValue + ".yaml"
    let particulars = recipe == .quantize ? particulars : tokenizer + particulars
    try folder.write(text(form, from: from, files, to: output, particulars), to: name)
    return try ValidatedConfiguration.load(
      recipe: recipe, config: folder.path + "/" + name, environment: [:])
  }

  /// What the last epoch left.
  func trained(_ form: CheckpointForm) throws -> ModelFolder {
    try ModelFolder(
      path: folder.path + "/out/epoch_2",
      files: form.naming == .huggingFace ? nil : form.written, naming: form.naming)
  }

  /// A checkpoint that recipes read.
  struct Place {
    var form: CheckpointForm
    var path: String
    var file: String
  }
  private func load(_ recipe: RecipeName, _ place: Place, _ particulars: String) throws
    -> ValidatedConfiguration
  {
    try configuration(recipe, place.form, from: place.path, [place.file], particulars)
  }

  /// By token, of the text that is known by heart.
  func perplexity(_ place: Place, _ quantizer: String = "") throws -> Double {
    let evaluation = """
      tasks: [wikitext]
      text_files: [\(folder.path)/held.txt]
      max_seq_length: 32

      """
    return try measureLikelihood(load(.eleutherEval, place, evaluation + quantizer), .single)
      .tokenPerplexity
  }

  /// What is said to a user, up to the model's own end.
  func answer(to question: String, _ place: Place, _ quantizer: String = "") throws -> String {
    let generation = "prompt:\n  user: \(question)\nmax_new_tokens: 40\ntemperature: 0\n"
    var (text, said): (TokenText?, String) = (nil, "")
    let (result, _) = try generate(load(.generate, place, generation + quantizer), .single) {
      tokenizer, token in
      var decoder = text ?? TokenText(tokenizer)
      said += decoder.add(token)
      text = decoder
    }
    #expect(result.end == .stopToken)
    return said + (text?.finish() ?? "")
  }
}
