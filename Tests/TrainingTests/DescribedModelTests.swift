import Catalog
// Models that config.json describes in ways that no built-in model has: their losses are those of
// transformers, or the run is refused with the key that differs.
import Checkpoints
import Configuration
import Essentials
import Foundation
import TestSupport
import Testing
import WeightFiles

@Suite struct DescribedModelTests {
  private struct Case {
    let config: JSON
    let losses: [Double]
  }
  private let texts: [String]
  private let cases: [String: Case]

  init() throws {
    let file = try JSON.load(path: fixturePath("TrainingTests/Fixtures/described/described.json"))
    texts = try #require(file["texts"]?.array).compactMap(\.string)
    var cases: [String: Case] = [:]
    for (name, value) in try #require(file["cases"]?.object) {
      cases[name] = Case(
        config: try #require(value["config"]),
        losses: try #require(value["losses"]?.array).compactMap(\.double))
    }
    self.cases = cases
  }

  /// A folder with the golden model's weights under the case's config.json, and the texts.
  private func with(
    _ name: String, _ body: (TrainingFolder, _ expected: [Double], _ run: [String]) throws -> Void
  ) throws {
    let described = try #require(cases[name])
    try TrainingFolder.with { folder in
      try FileManager.default.createDirectory(
        atPath: folder.path + "/model", withIntermediateDirectories: false)
      try folder.write(described.config.text(indented: true), to: "model/config.json")
      try copyWeights(
        to: folder.path + "/model/model.safetensors",
        tied: described.config["tie_word_embeddings"]?.bool ?? false)
      let lines = texts.map { JSON.object(["text": .string($0)]).text() }
      try folder.write(lines.joined(separator: "\n"), to: "d.jsonl")
      let run = [
        "checkpointer.checkpoint_dir=\(folder.path)/model", "optimizer.lr=0.0", "batch_size=1",
        "dataset._component_=swift_tune.datasets.auto_dataset",
        "dataset.data_files=\(folder.path)/d.jsonl", "tokenizer.max_seq_len=null", "~quantizer",
      ]
      try body(folder, described.losses, run)
    }
  }

  private func copyWeights(to path: String, tied: Bool) throws {
    let file = try SafetensorsFile(
      path: fixturePath("CheckpointsTests/Fixtures/nano/model.safetensors"))
    let names = file.names.filter { !(tied && $0 == "lm_head.weight") }
    let writer = try SafetensorsWriter(
      to: path,
      try names.map {
        .init($0, try #require(file.dtype(of: $0)), try #require(file.shape(of: $0)))
      })
    for name in names { try writer.write(try file.tensor(named: name), to: name) }
    try writer.finish()
  }

  /// The checkpoint's own model, in the place of the configuration's.
  private let ownModel =
    ["model._component_=swift_tune.models.checkpoint"]
    + [
      "vocab_size", "num_layers", "num_heads", "num_kv_heads", "embed_dim", "intermediate_dim",
      "attn_dropout", "norm_eps", "rope_base",
    ].map { "~model.\($0)" }

  /// fp32 sums in another order. The frequencies of two original lengths are 2e-4 apart.
  private func expect(_ folder: TrainingFolder, _ expected: [Double]) throws {
    let losses = try folder.log().compactMap { $0["loss"] }
    #expect(losses.count == expected.count)
    for (loss, right) in zip(losses, expected) {
      #expect(abs(loss - right) < 2e-5, "\(losses), not \(expected)")
    }
  }

  @Test(arguments: [
    "norm_eps_from_gguf", "rope_llama3_original_length", "rope_llama3_usual_length",
    "tied_without_rope_scaling",
  ])
  func theCheckpointsOwnModelHasTransformersLosses(_ name: String) throws {
    try with(name) { folder, expected, run in
      try folder.train(run + ownModel, recipe: .fullFinetuneSingleDevice)
      try expect(folder, expected)
    }
  }

  /// What the rules of configurations check of a builder.
  @Test(arguments: [
    ("checkpointer.model_type=QWEN2", "does not match config.json, whose model_type is llama"),
    ("tokenizer.max_seq_len=100000", "is 100000, but the model supports at most"),
  ])
  func theCheckpointsOwnModelHasTheRulesOfBuilders(_ override: String, _ said: String) throws {
    try with("norm_eps_from_gguf") { folder, _, run in
      do {
        try folder.train(run + ownModel + [override], recipe: .fullFinetuneSingleDevice)
        Issue.record("trained with \(override)")
      } catch let error as TuneError {
        #expect("\(error)".contains(said), "\(error)")
      }
    }
  }

  /// Every answer is behind the cut.
  @Test func anEpochWithoutLabelsIsRefused() throws {
    try TrainingFolder.with { folder in
      do {
        try folder.train(["tokenizer.max_seq_len=8", "dataset.train_on_input=False"])
        Issue.record("trained on nothing")
      } catch let error as TuneError {
        #expect("\(error)".contains("nothing to learn from"), "\(error)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/out/epoch_0"))
    }
  }

  /// 1e-5 that went through a float32 is the same number to a float32 model.
  @Test func aRoundedEpsilonIsTheModelsOwn() throws {
    try with("norm_eps_from_gguf") { folder, expected, run in
      try folder.train(run, recipe: .fullFinetuneSingleDevice)
      try expect(folder, expected)
    }
  }

  @Test func anotherOriginalLengthIsRefusedByName() throws {
    try with("rope_llama3_original_length") { folder, _, run in
      do {
        try folder.train(
          run + ["model._component_=torchtune.models.llama3_1.llama3_1"],
          recipe: .fullFinetuneSingleDevice)
        Issue.record("trained with the frequencies of another length")
      } catch let error as TuneError {
        #expect("\(error)".contains("original_max_position_embeddings"), "\(error)")
      }
    }
  }

  /// llama3_2 with a scale factor of 1 is a tied model with plain frequencies.
  @Test func aTiedModelNeedsNoScaledFrequencies() throws {
    try with("tied_without_rope_scaling") { folder, expected, run in
      try folder.train(
        run + [
          "model._component_=torchtune.models.llama3_2.llama3_2", "model.scale_factor=1",
          "model.rope_base=100000", "~model.attn_dropout", "checkpointer.model_type=LLAMA3_2",
        ], recipe: .fullFinetuneSingleDevice)
      try expect(folder, expected)
    }
  }

  /// auto_dataset in a run: alpaca's records as the builder that is told their format makes them.
  @Test func recognizedRecordsTrainAsToldOnes() throws {
    try TrainingFolder.with { folder in
      let steps = ["max_steps_per_epoch=3"]
      try folder.train(steps)
      let told = try folder.losses()
      try folder.remove("out")
      try folder.train(
        steps + [
          "dataset._component_=swift_tune.datasets.auto_dataset", "dataset.train_on_input=True",
        ])
      #expect(try folder.losses() == told)
    }
  }
}
