// What a user does with a model of each family, from its own files to text: quantization-aware
// training, quantization, evaluation, generation. And the format is nothing to training: the same
// weights give the same losses, bit for bit, whichever files they came in.
import Essentials
import Foundation
import Layers
import Quantization
import Recipes
import RunConfiguration
import Tensors
import TestSupport
import Testing
import Text
import Training

@testable import Checkpoints

/// The recipes on one family's model in one folder.
private struct Flow {
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
        rope_base: \(decoder.rotaryBase)
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

  private static let qat = """
    quantizer:
      _component_: torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer
      groupsize: 32

    """
  static let quantizer = qat.replacing("QATQuantizer", with: "Quantizer")

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

  func train(_ form: CheckpointForm, on data: String) throws {
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
        form, from: "model", [form.file], to: "out", tokenizer + data + training + Self.qat),
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
}

@Suite struct WholeFlowTests {
  @Test(arguments: TinyFamily.all) func everyFormatTrainsAlike(_ family: TinyFamily) throws {
    try TrainingFolder.with { folder in
      let flow = Flow(family: family, folder: folder)
      let parameters = family.decoder.specification.all
      var expected: (losses: [Int: Double], weights: [Tensor])?
      for form in family.forms {
        try family.write(form, to: folder.path + "/model")
        try flow.train(form, on: Flow.threeSteps)
        let losses = try folder.losses()
        let weights = try parameters.map { try flow.trained(form).whole($0).clone() }
        if let expected {
          #expect(losses == expected.losses, "\(form.file)")
          for (parameter, pair) in zip(parameters, zip(weights, expected.weights)) {
            #expect(pair.0.isEqual(to: pair.1), "\(form.file): \(parameter.name)")
          }
        }
        expected = expected ?? (losses, weights)
        let names = try FileManager.default
          .contentsOfDirectory(atPath: folder.path + "/out/epoch_2")
        let kept = family.tokenizerFiles.map(\.name)
        #expect(Set(names) == Set(form.written + kept + ["config.json"]), "\(form.file)")
        for name in ["model", "out"] { try folder.remove(name) }
      }
      let losses = try #require(expected?.losses)
      let first = try #require(losses[1])
      let (second, third) = try (#require(losses[2]), #require(losses[3]))
      #expect(losses.count == 3 && first.isFinite && third < second && second < first)
    }
  }

  @Test(arguments: TinyFamily.all) func fromItsOwnFilesToText(_ family: TinyFamily) throws {
    try TrainingFolder.with { folder in
      let flow = Flow(family: family, folder: folder)
      let form = family.forms[0]
      try family.write(form, to: folder.path + "/model")
      try flow.train(form, on: flow.byHeart())
      let weights = form.written[0]

      try runQuantize(
        flow.configuration(
          .quantize, form, from: "out/epoch_0", [weights], to: "quantized", Flow.quantizer),
        .single)
      let quantized = try ModelFolder(path: folder.path + "/quantized")
      #expect(quantized.quantizationScheme == QuantizationScheme(groupSize: 32))
      #expect(quantized.configuration.decoder == family.decoder)

      let evaluation = """
        tasks: [wikitext]
        text_files: [\(folder.path)/held.txt]
        max_seq_length: 32

        """
      func perplexity(_ form: CheckpointForm, _ path: String, _ file: String, _ more: String = "")
        throws -> Double
      {
        try measureLikelihood(
          flow.configuration(.eleutherEval, form, from: path, [file], evaluation + more), .single
        ).tokenPerplexity
      }
      let float = try perplexity(form, "out/epoch_0", weights)
      let onLoading = try perplexity(form, "out/epoch_0", weights, Flow.quantizer)
      let coded = try perplexity(.safetensors, "quantized", "model.safetensors")
      #expect(coded == onLoading && coded != float)
      // What is known by heart is known in 4 bits too. Qwen's texts have no BOS in training, from
      // which the first token could be known: it alone is a surprise.
      let bound = family.modelType.hasPrefix("QWEN") ? 2 : 1.02
      #expect(coded < bound && float < bound, "\(coded), \(float)")

      for (question, expected) in Flow.conversations {
        func answer(_ form: CheckpointForm, _ path: String, _ file: String, _ more: String = "")
          throws -> String
        {
          let generation =
            "prompt:\n  user: \(question)\nmax_new_tokens: 40\ntemperature: 0\n"
          var text: TokenText?
          var said = ""
          let (result, _) = try generate(
            flow.configuration(.generate, form, from: path, [file], generation + more), .single
          ) { tokenizer, token in
            var decoder = text ?? TokenText(tokenizer)
            said += decoder.add(token)
            text = decoder
          }
          #expect(result.end == .stopToken)
          return said + (text?.finish() ?? "")
        }
        let said = try answer(.safetensors, "quantized", "model.safetensors")
        #expect(said == expected)
        #expect(try said == answer(form, "out/epoch_0", weights, Flow.quantizer))
        #expect(try said == answer(form, "out/epoch_0", weights))
      }
    }
  }
}
