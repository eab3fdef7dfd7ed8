// A recipe state is resumed only as it was written, with the weights that it was written with; where several
// saves are kept, the newest whole one is.
import Checkpoints
import Essentials
import Foundation
import Tensors
import Testing
import WeightFiles

private let state = "out/recipe_state/recipe_state.safetensors"
private let parameter = "model.layers.0.mlp.up_proj.weight"

/// What is done to the folder of a run of six steps, the state of step 4 last, before it is resumed.
private struct Damage: Sendable, CustomTestStringConvertible {
  var testDescription: String
  /// What the refusal says.
  var message: String
  var damage: @Sendable (TrainingFolder) throws -> Void
}

private let damages = [
  Damage(testDescription: "one bit of the weights", message: "its content has another digest") {
    try $0.flipBit(of: "out/step_4/model.safetensors", fromEnd: 5000)
  },
  Damage(testDescription: "the weights of another step", message: "has another digest") {
    try $0.remove("out/step_4/model.safetensors")
    try $0.copy("out/step_2/model.safetensors", to: "out/step_4/model.safetensors")
  },
  Damage(testDescription: "another config.json", message: "step_4/config.json: not the file") {
    let text = try $0.read("out/step_4/config.json")
    try $0.write(text + "\n", to: "out/step_4/config.json")
  },
  Damage(testDescription: "one bit of the state", message: "the recipe state is damaged") {
    try $0.flipBit(of: state, fromEnd: 5000)
  },
  Damage(testDescription: "another place in the data", message: "the recipe state is damaged") {
    try $0.rewriteState { metadata, _ in metadata["consumed_samples"] = "4" }
  },
  Damage(testDescription: "weights outside of the run's folder", message: "which is no save") {
    try $0.rewriteState { metadata, _ in metadata["weights"] = "../out/step_4" }
  },
  Damage(testDescription: "a step that no run has", message: "no number 'step'") {
    try $0.rewriteState { metadata, _ in metadata["step"] = "\(Int.max)" }
  },
  Damage(testDescription: "integers", message: "'exp_avg' of '\(parameter)' is no list of numbers")
  {
    try $0.rewriteState(isSealed: true) {
      $1[parameter + "|exp_avg"] = $1[parameter + "|exp_avg"]?.to(.int32)
    }
  },
  Damage(testDescription: "half of a tensor", message: "'exp_avg' has ") {
    try $0.rewriteState(isSealed: true) {
      guard let whole = $1[parameter + "|exp_avg"] else { return }
      $1[parameter + "|exp_avg"] = whole.narrow(0, from: 0, count: whole.count / 2).clone()
    }
  },
  Damage(testDescription: "a missing tensor", message: "holds 'exp_avg_sq', but the optimizer") {
    try $0.rewriteState(isSealed: true) { $1[parameter + "|exp_avg"] = nil }
  },
  Damage(testDescription: "nothing", message: "holds no state, but the optimizer keeps") {
    try $0.rewriteState(isSealed: true) { $1 = [:] }
  },
  Damage(testDescription: "a tensor too many", message: "is also of 'x', which this run") {
    try $0.rewriteState(isSealed: true) { $1["x|exp_avg"] = .zeros([1], .float32) }
  },
]

@Suite struct SavedStateTests {
  private static let run = ["epochs=1", "max_steps_per_epoch=6", "save_every_n_steps=2"]

  @Test(arguments: damages) fileprivate func damagedSavesAreRefused(_ damage: Damage) throws {
    try TrainingFolder.with { folder in
      try folder.train(Self.run)
      try damage.damage(folder)
      let error = try #require(throws: TuneError.self) {
        try folder.train(Self.run + ["resume_from_checkpoint=True"])
      }
      #expect(error.description.contains(damage.message), "\(error)")
      #expect(error.location.file?.hasPrefix(folder.path + "/out/") == true, "\(error)")
    }
  }

  @Test func theNewestWholeSaveIsResumed() throws {
    try TrainingFolder.with { folder in
      let run = Self.run + ["checkpointer.keep_last_n_checkpoints=3"]
      try folder.train(run)
      #expect(folder.exists("out/recipe_state/step_2.safetensors"))
      // Of the two whole saves before the end, the newer one is damaged.
      try folder.flipBit(of: "out/step_4/model.safetensors", fromEnd: 100)
      try folder.expectResumedEquals(run, last: "epoch_0", steps: 3...6)
    }
  }

  @Test func aNamedSaveIsResumed() throws {
    try TrainingFolder.with { folder in
      let run = Self.run + ["checkpointer.keep_last_n_checkpoints=3"]
      let named = "checkpointer.recipe_checkpoint=recipe_state/step_2.safetensors"
      try folder.train(run)
      try folder.expectResumedEquals(run + [named], last: "epoch_0", steps: 3...6)
      // And no other one in its stead.
      try folder.flipBit(of: "out/recipe_state/step_2.safetensors", fromEnd: 100)
      #expect(throws: TuneError.self) {
        try folder.train(run + [named, "resume_from_checkpoint=True"])
      }
    }
  }

  @Test func olderSavesAreRemoved() throws {
    try TrainingFolder.with { folder in
      func names(_ name: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/" + name))
      }
      // Not of this run, so it stays.
      try folder.train(["max_steps_per_epoch=1", "epochs=1"])
      try folder.copy("out/epoch_0", to: "out/step_1")
      let run = [
        "epochs=2", "max_steps_per_epoch=4", "save_every_n_steps=3",
        "checkpointer.keep_last_n_checkpoints=2",
      ]
      try folder.train(run)
      #expect(
        try names("out") == [
          "step_1", "step_6", "epoch_1", "recipe_state", "logs", "torchtune_config.yaml",
        ])
      #expect(try names("out/recipe_state") == ["recipe_state.safetensors", "finished.json"])
      try folder.expectResumedEquals(run, last: "epoch_1", steps: 7...8)
      #expect(!folder.exists("out/epoch_0"))
    }
  }
}

extension TrainingFolder {
  fileprivate func flipBit(of name: String, fromEnd distance: Int) throws {
    let url = URL(fileURLWithPath: path + "/" + name)
    var data = try Data(contentsOf: url)
    data[data.count - distance] ^= 1
    try data.write(to: url)
  }

  /// Changes the state, and leaves its digest as it was unless a new one is asked for.
  fileprivate func rewriteState(
    isSealed: Bool = false,
    _ change: (inout [String: String], inout [String: Tensor]) throws -> Void
  ) throws {
    let file = try SafetensorsFile(path: path + "/" + state)
    var metadata = file.metadata
    var tensors = try Dictionary(
      uniqueKeysWithValues: file.names.map { ($0, try file.tensor(named: $0).clone()) })
    try change(&metadata, &tensors)
    let writer = try SafetensorsWriter(
      to: path + "/" + state, tensors.map { .init($0, $1.dtype, $1.shape) }, metadata: metadata,
      isSealed: isSealed)
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
  }
}
