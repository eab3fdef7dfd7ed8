// Training from and into every form of checkpoint, and of every family: the same losses whatever the
// files' format, files under torchtune's names, and runs that go on from them.
import Catalog
import Configuration
import Essentials
import Foundation
import Inference
import Layers
import Quantization
import Recipes
import Tensors
import TestSupport
import Testing
import Training

@testable import Checkpoints

@Suite struct CheckpointFormatTests {
  private static let run = ["epochs=1", "max_steps_per_epoch=3", "save_every_n_steps=2"]

  /// Torch files of Hugging Face become either; the others stay what they are.
  static let forms: [CheckpointForm] = [
    .bin, .binToSafetensors, .meta, .torchtune,
  ]

  @Test(arguments: forms.indices) func trainsAndGoesOn(which: Int) throws {
    let form = Self.forms[which]
    try TrainingFolder.with { folder in
      try folder.train(Self.run)
      let expected = try folder.losses()
      try folder.remove("out")
      let nano = try ModelFolder(path: fixturePath("CheckpointsTests/Fixtures/nano"))
      try writeModel(nano, to: folder.path + "/model", form)
      let run =
        Self.run + (form.isSafe ? [] : ["checkpointer.safe_serialization=False"]) + [
          "checkpointer._component_=torchtune.training.FullModel\(form.checkpointer)Checkpointer",
          "checkpointer.checkpoint_dir=\(folder.path)/model",
          "checkpointer.checkpoint_files=[\(form.file)]",
        ]
      try folder.train(run)
      #expect(try folder.losses() == expected)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out/epoch_0")
      #expect(Set(names) == Set(form.written + ["config.json"]))

      let saved = try weights(folder, form)
      try folder.remove("out/epoch_0")
      try folder.remove("out/logs")
      let state = "checkpointer.recipe_checkpoint=recipe_state/recipe_state.safetensors"
      try folder.train(run + ["resume_from_checkpoint=True", state])
      #expect(try folder.losses() == [3: #require(expected[3])])
      let again = try weights(folder, form)
      #expect(zip(saved, again).allSatisfy { $0.isEqual(to: $1) })
    }
  }

  private func weights(_ folder: TrainingFolder, _ form: CheckpointForm) throws -> [Tensor] {
    let files = form.naming == .huggingFace ? nil : form.written
    let saved = try ModelFolder(
      path: folder.path + "/out/epoch_0", files: files, naming: form.naming)
    return try saved.configuration.decoder.specification.all.map { try saved.whole($0).clone() }
  }

  @Test(arguments: ["llama2.llama2", "qwen2.qwen2", "qwen3.qwen3"])
  func everyFamilyTrainsAndIsQuantized(builder: String) throws {
    let configuration = DecoderConfiguration(
      builder == "qwen2.qwen2" ? .qwen2 : builder == "qwen3.qwen3" ? .qwen3 : .llama,
      vocabularySize: 1056, layerCount: 2, headCount: 4, keyValueHeadCount: 2, width: 128,
      headWidth: builder == "qwen3.qwen3" ? 64 : nil, hiddenWidth: 256,
      maximumSequenceLength: 512, normEpsilon: 1e-5, rotaryBase: 500_000,
      tiesEmbeddings: builder == "qwen3.qwen3")
    var overrides = [
      "model._component_=torchtune.models.\(builder)",
      "checkpointer.model_type=\(builder.prefix { $0 != "." }.uppercased())",
    ]
    if builder == "qwen3.qwen3" {
      overrides += ["model.head_dim=64", "model.tie_word_embeddings=True"]
    }
    try TrainingFolder.with { folder in
      try initializeModelFolder(folder.path + "/model", configuration, dtype: .float32, seed: 5)
      let run = Self.run + overrides + ["checkpointer.checkpoint_dir=\(folder.path)/model"]
      try folder.train(run)
      let losses = try folder.losses()
      #expect(try #require(losses[3]) < #require(losses[1]))
      try folder.remove("out/epoch_0")
      try folder.remove("out/logs")
      try folder.train(run + ["resume_from_checkpoint=True"])
      #expect(try folder.losses()[3] == losses[3])

      let saved = try ModelFolder(path: folder.path + "/out/epoch_0")
      let scheme = QuantizationScheme(groupSize: 32)
      _ = try FolderQuantization(saved, configuration, scheme: scheme, dtype: .float32)
        .write(to: folder.path + "/quantized")
      let quantized = try ModelFolder(path: folder.path + "/quantized")
      #expect(quantized.configuration.decoder == configuration)
      // Quantized in the file or when it is read: the same codes, so the same text.
      let models = try [
        InferenceModel(loading: quantized, configuration, dtype: .float32, on: .cpu),
        InferenceModel(loading: saved, configuration, dtype: .float32, on: .cpu, scheme: scheme),
      ]
      let logits = models.map { $0.logits(Tensor([5, 9, 200, 1000] as [Int64], [1, 4])) }
      #expect(logits[0].isEqual(to: logits[1]) && logits[0].isFinite().allTrue())
    }
  }
}
