// `tune run` on one model's weights in every format, in files that torch and torchtune wrote
// (CheckpointsTests/Fixtures/torch): the losses are the same, and what comes out of Meta's files goes
// on to codes, a perplexity and text.
import Foundation
import TestSupport
import Testing

struct CheckpointRunTests {
  private static let torch = fixturePath("CheckpointsTests/Fixtures/torch")
  private static let letters = fixturePath("TuneTests/Fixtures/letters.model")

  /// A checkpointer, the folder and the files that it reads, and what it writes.
  private struct Form {
    var checkpointer: String
    var folder: String
    var files: String
    var written: Set<String>
  }
  private static let forms = [
    Form(
      checkpointer: "HF", folder: "truth", files: "model.safetensors",
      written: ["model.safetensors"]),
    Form(
      checkpointer: "HF", folder: "bin",
      files: "pytorch_model-00001-of-00002.bin,pytorch_model-00002-of-00002.bin",
      written: [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
      ]),
    Form(
      checkpointer: "Meta", folder: "meta1", files: "consolidated.00.pth",
      written: ["model-00001-of-00001.bin"]),
    Form(
      checkpointer: "Meta", folder: "meta", files: "consolidated.00.pth,consolidated.01.pth",
      written: ["model-00001-of-00001.bin"]),
    Form(
      checkpointer: "TorchTune", folder: "tune", files: "model.pt",
      written: ["model-00001-of-00001.bin"]),
  ]

  /// What the fixtures' model and its 22 letters change in the usual configuration.
  private static func overrides(_ folder: String) -> [String] {
    [
      "tokenizer=torchtune.models.llama2.llama2_tokenizer", "tokenizer.path=\(letters)",
      "~tokenizer.special_tokens_path", "tokenizer.max_seq_len=32",
      "dataset=torchtune.datasets.text_completion_dataset", "dataset.source=text",
      "dataset.data_files=\(folder)/lines.txt", "model.vocab_size=22", "model.embed_dim=16",
      "model.intermediate_dim=24", "model.max_seq_len=64", "quantizer.groupsize=8", "dtype=bf16",
      "max_steps_per_epoch=2",
    ]
  }

  @Test func everyFormatTrainsAlike() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      try Self.writeLines(folder)
      var losses: [[Double]] = []
      for form in Self.forms {
        let result = try Processes.run(
          ["run"]
            + run.recipe(
              Self.overrides(folder) + [
                "checkpointer._component_=torchtune.training.FullModel\(form.checkpointer)"
                  + "Checkpointer",
                "checkpointer.checkpoint_dir=\(Self.torch)/\(form.folder)",
                "checkpointer.checkpoint_files=[\(form.files)]",
              ], recipe: "qat_single_device", output: form.folder), in: folder)
        #expect(result.exitCode == 0, "\(result.stderr)")
        losses.append(try run.losses(form.folder))
        let names = try FileManager.default
          .contentsOfDirectory(atPath: "\(folder)/\(form.folder)/epoch_0")
        #expect(Set(names) == form.written.union(["config.json"]), "\(form.folder)")
      }
      #expect(losses[0].count == 2 && losses.allSatisfy { $0 == losses[0] }, "\(losses)")
      try goesOn(folder)
    }
  }

  private static func writeLines(_ folder: String) throws {
    let lines = [
      "the rain in spain stays on the plain", "soft gulls chased them on the rainy plain",
      "the soft rain", "them gulls",
    ]
    try lines.joined(separator: "\n").write(
      toFile: folder + "/lines.txt", atomically: true, encoding: .utf8)
  }

  /// The other recipes on what came out of Meta's files, each a program of its own.
  private func goesOn(_ folder: String) throws {
    func run(
      _ recipe: String, _ checkpointer: String, _ path: String, _ file: String, _ more: String
    ) throws -> String {
      let text = """
        output_dir: \(folder)/quantized
        model:
          _component_: torchtune.models.llama3.llama3
          vocab_size: 22
          num_layers: 2
          num_heads: 4
          num_kv_heads: 2
          embed_dim: 16
          intermediate_dim: 24
          max_seq_len: 64
        checkpointer:
          _component_: torchtune.training.FullModel\(checkpointer)Checkpointer
          checkpoint_dir: \(folder)/\(path)
          checkpoint_files: [\(file)]
          output_dir: ${output_dir}
          model_type: LLAMA3
        device: cpu
        dtype: bf16
        seed: 5
        \(more)

        """
      let config = "\(folder)/\(recipe).yaml"
      try text.write(toFile: config, atomically: true, encoding: .utf8)
      let result = try Processes.run(["run", recipe, "--config", config], in: folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
      return result.stdout
    }
    let quantizer = """
      quantizer:
        _component_: torchtune.training.quantization.Int8DynActInt4WeightQuantizer
        groupsize: 8
      """
    let tokenizer = """
      tokenizer:
        _component_: torchtune.models.llama2.llama2_tokenizer
        path: \(Self.letters)
        prompt_template: null

      """
    let trained = ("Meta", "meta/epoch_0", "model-00001-of-00001.bin")
    let report = try run("quantize", trained.0, trained.1, trained.2, quantizer)
    #expect(report.hasPrefix("Quantized 15 linear layers to 4-bit weights in groups of 8"))
    let evaluation =
      tokenizer + "tasks: [wikitext]\ntext_files: [\(folder)/lines.txt]\nmax_seq_length: 32\n"
    let onLoading = try run(
      "eleuther_eval", trained.0, trained.1, trained.2, evaluation + quantizer)
    let coded = try run("eleuther_eval", "HF", "quantized", "model.safetensors", evaluation)
    #expect(coded.contains("word_perplexity") && coded == onLoading)
    let answer = try run(
      "generate", "HF", "quantized", "model.safetensors",
      tokenizer + "prompt:\n  user: the rain in\nmax_new_tokens: 8\ntemperature: 0")
    #expect(answer.count > 1, "\(answer)")
  }
}
