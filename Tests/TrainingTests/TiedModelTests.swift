// A model whose embedding is also its head, from the recipe's point of view: one parameter that is
// sharded, trained, saved and resumed once.
import Checkpoints
import Layers
import Quantization
import Tensors
import Testing

@Suite struct TiedModelTests {
  private static let configuration = DecoderConfiguration(
    vocabularySize: 1056, layerCount: 2, headCount: 4, keyValueHeadCount: 2, width: 64,
    hiddenWidth: 96, maximumSequenceLength: 512, normEpsilon: 1e-5, rotaryBase: 500_000,
    rotaryScaling: .llama3(.init(factor: 32)), tiesEmbeddings: true)

  private let run = [
    "model._component_=torchtune.models.llama3_2.llama3_2", "checkpointer.model_type=LLAMA3_2",
    "model.embed_dim=64",
    "model.intermediate_dim=96", "epochs=2", "max_steps_per_epoch=3", "save_every_n_steps=4",
    "clip_grad_norm=1.0",
  ]

  @Test func trainsSavesAndResumes() throws {
    try TrainingFolder.with { folder in
      try initializeModelFolder(
        folder.path + "/model", Self.configuration, dtype: .float32, seed: 5)
      let run = run + ["checkpointer.checkpoint_dir=\(folder.path)/model"]
      try folder.train(run)
      let losses = try folder.losses()
      let saved = try ModelFolder(path: folder.path + "/out/epoch_1")
      try saved.check(against: Self.configuration)
      #expect(saved.configuration.decoder.tiesEmbeddings)
      let whole = try folder.model("out/epoch_1")
      #expect(whole["lm_head.weight"] == nil && whole.count == 20)

      try folder.remove("out/epoch_1")
      try folder.remove("out/logs")
      try folder.train(run + ["resume_from_checkpoint=True"])
      for (step, loss) in try folder.losses() { #expect(loss == losses[step]) }
      for (name, tensor) in try folder.model("out/epoch_1") {
        #expect(try tensor.isEqual(to: #require(whole[name])), "\(name)")
      }

      // Two ranks sum in another order; see EquivalenceTests.
      try folder.remove("out")
      try folder.train(run + ["batch_size=1"], ranks: 2)
      for (step, loss) in try folder.losses() {
        #expect(abs(loss - (losses[step] ?? 0)) < 1e-2)
      }
    }
  }
}
