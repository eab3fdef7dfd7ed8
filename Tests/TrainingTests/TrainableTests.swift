// `trainable`: what is frozen stays as it was to the bit, also in the saved checkpoint, and has no
// optimizer state; what is trained takes the steps that it takes in a full run.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing
import Training
import WeightFiles

private let values = "model.layers.?.self_attn.v_proj.weight"
private let trainable = "trainable=[\(values), '*mlp.down*', model.norm.weight]"

/// The names whose tensors differ between two models.
private func changed(
  _ a: [String: Tensor], _ b: [String: Tensor]
) throws -> Set<String> {
  #expect(a.count == 21 && Set(a.keys) == Set(b.keys))
  return Set(try a.filter { try !$0.value.isEqual(to: #require(b[$0.key])) }.keys)
}

@Suite struct TrainableTests {
  private static let trained: Set<String> = [
    "model.layers.0.self_attn.v_proj.weight", "model.layers.1.self_attn.v_proj.weight",
    "model.layers.0.mlp.down_proj.weight", "model.layers.1.mlp.down_proj.weight",
    "model.norm.weight",
  ]

  private func original(_ folder: TrainingFolder) throws -> [String: Tensor] {
    if !folder.exists("model") {
      try FileManager.default.copyItem(
        atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: folder.path + "/model")
    }
    return try folder.model("model")
  }

  /// The first step of AdamW is of each element by itself: with the same gradients, the same weights.
  @Test(arguments: [RecipeName.qatDistributed, .fullFinetuneDistributed], [1, 2])
  func theFirstStepIsThatOfTheFullRun(recipe: RecipeName, ranks: Int) throws {
    try TrainingFolder.with { folder in
      let before = try original(folder)
      for activation in ["True", "False"] {
        let run =
          ["max_steps_per_epoch=1", "enable_activation_checkpointing=\(activation)"]
          + (ranks == 2 ? ["batch_size=1"] : []) + (recipe.isQAT ? [] : ["~quantizer"])
        try folder.train(run, recipe: recipe, ranks: ranks)
        let full = try folder.model("out/epoch_0").mapValues { $0.clone() }
        let loss = try folder.losses()
        try folder.remove("out")
        try folder.train(run + [trainable], recipe: recipe, ranks: ranks)
        #expect(try folder.losses() == loss)
        let some = try folder.model("out/epoch_0")
        #expect(try changed(some, before) == Self.trained)
        #expect(try changed(some, full).isDisjoint(with: Self.trained))
        try folder.remove("out")
      }
    }
  }

  @Test(arguments: [RecipeName.qatDistributed, .fullFinetuneDistributed], [1, 2])
  func stateIsOfWhatIsTrainedAndResumes(recipe: RecipeName, ranks: Int) throws {
    try TrainingFolder.with { folder in
      let run =
        [trainable, "epochs=2", "max_steps_per_epoch=3", "save_every_n_steps=4", "shuffle=True"]
        + ["clip_grad_norm=0.5"] + (ranks == 2 ? ["batch_size=1"] : [])
        + (recipe.isQAT ? [] : ["~quantizer"])
      try folder.train(run, recipe: recipe, ranks: ranks)
      let state = try SafetensorsFile(
        path: folder.path + "/out/recipe_state/recipe_state.safetensors")
      #expect(
        Set(state.names)
          == Set(Self.trained.flatMap { ["\($0)|exp_avg", "\($0)|exp_avg_sq"] }))
      #expect(try changed(folder.model("out/epoch_1"), original(folder)) == Self.trained)
      let losses = try folder.losses()
      #expect(try #require(losses[6]) < #require(losses[1]))
      try folder.expectResumedEquals(
        run, recipe: recipe, ranks: ranks, last: "epoch_1", steps: 5...6)
    }
  }

  @Test func resumingWithOthersIsRefused() throws {
    try TrainingFolder.with { folder in
      let run = ["epochs=2", "max_steps_per_epoch=1"]
      func refusal(_ overrides: String...) throws -> TuneError {
        let error = #expect(throws: TuneError.self) {
          try folder.train(run + ["resume_from_checkpoint=True"] + overrides)
        }
        #expect(error?.location.key == "trainable" && error?.code == .configuration)
        return try #require(error)
      }
      try folder.train(run + [trainable])
      #expect(
        try refusal("trainable=[\(values)]").message
          == "the saved run trained only what matches '\(values)', '*mlp.down*', "
          + "'model.norm.weight'")
      #expect(
        try refusal().remedy?.contains("trainable=['\(values)', '*mlp.down*', 'model.norm.weight']")
          == true)
      // The same parameters by other patterns.
      try folder.remove("out/epoch_1")
      try folder.train(
        run + [
          "resume_from_checkpoint=True",
          "trainable=[model.norm.*, '*.v_proj.*', '*.down_proj.weight']",
        ])
      // And a state of a run that trained everything.
      try folder.remove("out")
      try folder.train(run)
      #expect(try refusal(trainable).message == "the saved run trained every parameter")
      try folder.remove("out/epoch_1")
      try folder.train(run + ["resume_from_checkpoint=True", "trainable=['*']"])
    }
  }

  /// Embedding and output head of a tied model are one parameter, under either name.
  @Test func aTiedHeadIsTheEmbedding() {
    var configuration = DecoderConfiguration(
      vocabularySize: 64, layerCount: 2, headCount: 2, keyValueHeadCount: 2, width: 32,
      hiddenWidth: 48, maximumSequenceLength: 16, tiesEmbeddings: true)
    func names(_ patterns: [String]?, _ naming: CheckpointNaming = .huggingFace) -> Set<String> {
      TrainableParameters(patterns, of: configuration, naming: naming).names
    }
    let embedding: Set<String> = ["model.embed_tokens.weight"]
    #expect(names(["lm_head.weight"]) == embedding)
    #expect(names(["output.weight"], .meta) == embedding)
    #expect(names(["model.embed*"]) == embedding)
    #expect(names(nil).count == 2 + 2 * 9)
    configuration.tiesEmbeddings = false
    #expect(names(["lm_head.weight"]) == ["lm_head.weight"])
  }

  @Test func checkpointsNamesAreNamesToo() {
    let configuration = DecoderConfiguration(
      vocabularySize: 64, layerCount: 2, headCount: 2, keyValueHeadCount: 2, width: 32,
      hiddenWidth: 48, maximumSequenceLength: 16)
    func chosen(_ patterns: [String], _ naming: CheckpointNaming) -> TrainableParameters {
      TrainableParameters(patterns, of: configuration, naming: naming)
    }
    let queries: Set = [
      "model.layers.0.self_attn.q_proj.weight", "model.layers.1.self_attn.q_proj.weight",
    ]
    #expect(chosen(["layers.*.attention.wq.weight"], .meta).names == queries)
    #expect(chosen(["*.attn.q_proj.*"], .torchtune).names == queries)
    #expect(chosen(["*.self_attn.q_proj.*"], .meta).names == queries)
    let mixed = chosen(["*wq*", "*.q_proj.*", "*bias"], .huggingFace)
    #expect(mixed.names == queries && mixed.unmatched == ["*wq*", "*bias"])
    #expect(mixed.count == 2 * 32 * 32 && !mixed.isEverything)
    #expect(chosen(["*"], .meta).isEverything)
  }

  @Test func aTiedModelTrainsItsHead() throws {
    let configuration = DecoderConfiguration(
      vocabularySize: 1056, layerCount: 2, headCount: 4, keyValueHeadCount: 2, width: 64,
      hiddenWidth: 96, maximumSequenceLength: 512, normEpsilon: 1e-5, rotaryBase: 500_000,
      rotaryScaling: .llama3(.init(factor: 32)), tiesEmbeddings: true)
    try TrainingFolder.with { folder in
      try initializeModelFolder(folder.path + "/model", configuration, dtype: .float32, seed: 5)
      let before = try folder.model("model")
      try folder.train([
        "model._component_=torchtune.models.llama3_2.llama3_2",
        "checkpointer.model_type=LLAMA3_2", "model.embed_dim=64", "model.intermediate_dim=96",
        "max_steps_per_epoch=2", "checkpointer.checkpoint_dir=\(folder.path)/model",
        "trainable=lm_head.weight",
      ])
      for (name, tensor) in try folder.model("out/epoch_0") {
        let isSame = try tensor.isEqual(to: #require(before[name]))
        #expect(isSame == (name != "model.embed_tokens.weight"), "\(name)")
      }
    }
  }
}
