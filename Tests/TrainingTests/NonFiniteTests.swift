// Nothing that is not finite is stepped or saved, and a checkpoint that has such values is named.
import Checkpoints
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing
import WeightFiles

@Suite struct NonFiniteTests {
  @Test(arguments: [
    [], ["clip_grad_norm=null"], ["clip_grad_norm=null", "optimizer_in_bwd=True"],
    ["clip_grad_norm=null", "gradient_accumulation_steps=2", "batch_size=1"],
  ])
  func anInfiniteGradientEndsTheRun(_ overrides: [String]) throws {
    try TrainingFolder.with { folder in
      let own = try folder.modelWithInfiniteGradients()
      let error = try #require(throws: TuneError.self) {
        try folder.train([own, "fake_quant_after_n_steps=100"] + overrides)
      }
      #expect(error.code == .nonFinite && error.message.contains("gradient"), "\(error)")
      #expect(!folder.exists("out/epoch_0"))
    }
  }

  @Test(arguments: [1, 2]) func suchStepsArePassedOverWhenAsked(ranks: Int) throws {
    try TrainingFolder.with { folder in
      let own = try folder.modelWithInfiniteGradients()
      let run = [
        own, "fake_quant_after_n_steps=100", "max_steps_per_epoch=3", "epochs=1",
        "batch_size=\(2 / ranks)",
      ]
      try folder.train(run + ["skip_nonfinite_steps=3", "clip_grad_norm=null"], ranks: ranks)
      let (before, after) = (try folder.model("model"), try folder.model("out/epoch_0"))
      for (name, tensor) in before {
        #expect(try tensor.isEqual(to: #require(after[name])), "\(name)")
      }
      let error = #expect(throws: TuneError.self) {
        try folder.train(run + ["skip_nonfinite_steps=2"], ranks: ranks)
      }
      #expect(error?.message.hasSuffix("a gradient of step 3 is not finite") == true)
    }
  }

  @Test(arguments: [DType.float32, .bfloat16, .float16])
  func theLargestMagnitudeIsTold(_ dtype: DType) throws {
    var random = MersenneTwister(seed: 3)
    // Longer than a piece that a thread takes, and not a multiple of it.
    let values = (0..<70_001).map { _ in Float(random.next32() % 2001) / 100 - 10 }
    let tensor = Tensor(values, [70_001]).to(dtype)
    #expect(tensor.largestMagnitude == tensor.to(.float64).abs().amax(along: 0).item)
    for (place, value) in [(70_000, -1e4), (65_536, 60_000), (0, -Double.infinity)] {
      tensor.narrow(0, from: place, count: 1).fill(value)
      #expect(tensor.largestMagnitude == tensor.to(.float64).abs().amax(along: 0).item)
    }
    tensor.narrow(0, from: 12_345, count: 1).fill(.nan)
    #expect(tensor.largestMagnitude.isNaN)
    #expect(Tensor.zeros([0], dtype).largestMagnitude == 0)
  }

  @Test(arguments: [Double.nan, .infinity])
  func aCheckpointWithSuchValuesIsNamed(_ value: Double) throws {
    try TrainingFolder.with { folder in
      let own = try folder.changedModel { $0["model.norm.weight"]?.fill(value) }
      let error = try #require(throws: TuneError.self) { try folder.train([own]) }
      #expect(error.code == .nonFinite && error.message.contains("'model.norm.weight'"))
      #expect(error.location.file == folder.path + "/model")
    }
  }

  @Test func suchWeightsAreNotWritten() throws {
    try TrainingFolder.with { folder in
      let source = try ModelFolder(path: fixturePath("CheckpointsTests/Fixtures/nano"))
      let writer = try ModelFolderWriter(to: folder.path + "/new", like: source, dtype: .float16)
      let embedding = source.configuration.decoder.specification.embedding
      // Beyond what the dtype can hold.
      let error = #expect(throws: TuneError.self) {
        try writer.write(Tensor.zeros(embedding.shape) + 1e6, for: embedding)
      }
      #expect(error?.code == .nonFinite)
    }
  }
}

extension TrainingFolder {
  /// The loss is finite: what one factor makes huge, another makes small again.
  fileprivate func modelWithInfiniteGradients() throws -> String {
    try changedModel { weights in
      func scale(_ name: String, _ factor: Double) {
        weights[name] = weights[name].map { $0 * factor }
      }
      scale("model.layers.0.mlp.up_proj.weight", 1e36)
      scale("model.layers.0.mlp.down_proj.weight", 1e-36)
      scale("model.norm.weight", 1e4)
    }
  }

  /// A copy of the model with other weights, and the override that names it.
  func changedModel(_ change: (inout [String: Tensor]) throws -> Void) throws -> String {
    try FileManager.default.copyItem(
      atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: path + "/model")
    var weights = try model("model").mapValues { $0.clone() }
    try change(&weights)
    let writer = try SafetensorsWriter(
      to: path + "/model/model.safetensors", weights.map { .init($0, $1.dtype, $1.shape) },
      metadata: ["format": "pt"])
    for (name, tensor) in weights { try writer.write(tensor, to: name) }
    try writer.finish()
    return "checkpointer.checkpoint_dir=\(path)/model"
  }
}
