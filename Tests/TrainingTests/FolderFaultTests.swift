// The output folder as a run finds it: another run in it, leftovers, something in the place of a result; and
// a saved state whose numbers no run reaches.
import Checkpoints
import Essentials
import Foundation
import TestSupport
import Testing
import Training
import WeightFiles

@testable import Recipes

@Suite struct FolderFaultTests {
  @Test func twoRunsInOneFolderAreRefused() throws {
    try TrainingFolder.with { folder in
      try FileManager.default.createDirectory(
        atPath: folder.path + "/out", withIntermediateDirectories: true)
      let lock = try #require(FolderLock.take(folder.path + "/out"))
      let error = try tuneError { try folder.train(["epochs=1", "max_steps_per_epoch=2"]) }
      #expect(error.message.contains("another run is writing to the folder"))
      #expect(error.location.key == "output_dir" && !folder.exists("out/logs"))
      close(lock)
      try folder.train(["epochs=1", "max_steps_per_epoch=2"])
      // And it is unlocked when a run ends.
      close(try #require(FolderLock.take(folder.path + "/out")))
    }
  }

  @Test func leftoversOfAnyRunAreRemoved() throws {
    try TrainingFolder.with { folder in
      for name in ["step_1.partial-\(getpid())", "recipe_state", "kept.partial-x"] {
        try FileManager.default.createDirectory(
          atPath: folder.path + "/out/" + name, withIntermediateDirectories: true)
      }
      let files = ["torchtune_config.yaml.partial-1", "recipe_state/a.safetensors.partial-1"]
      for name in files { try folder.write("x", to: "out/" + name) }
      try folder.train(["epochs=1", "max_steps_per_epoch=2"])
      for name in files + ["step_1.partial-\(getpid())"] { #expect(!folder.exists("out/" + name)) }
      #expect(folder.exists("out/kept.partial-x") && folder.exists("out/epoch_0"))
    }
  }

  @Test(arguments: ["epoch_0", "step_3", "recipe_state"], [true, false])
  func whatStandsInTheWayIsFoundBeforeTheFirstStep(_ name: String, isLink: Bool) throws {
    try TrainingFolder.with { folder in
      let path = folder.path + "/out/" + name
      try FileManager.default.createDirectory(
        atPath: folder.path + "/out", withIntermediateDirectories: true)
      if isLink {
        try FileManager.default.createSymbolicLink(
          atPath: path, withDestinationPath: folder.path + "/nowhere")
      } else {
        try folder.write("mine", to: "out/" + name)
      }
      let error = try tuneError { try folder.train(["epochs=1", "max_steps_per_epoch=2"]) }
      #expect(error.message.contains(name) && error.code == .disk, "\(error)")
      #expect(try folder.log().isEmpty)
    }
  }

  @Test(arguments: ["step", "epoch", "step_in_epoch", "consumed_samples"])
  func numbersThatNoRunReachesAreRefused(_ key: String) throws {
    try TrainingFolder.with { folder in
      func state(_ value: Int) throws -> RunState {
        var metadata = ["step": "1", "epoch": "1", "step_in_epoch": "1", "consumed_samples": "1"]
        metadata["seed"] = "\(UInt64.max)"
        metadata["weights"] = "epoch_0"
        metadata[key] = "\(value)"
        let writer = try RecipeStateFile.writer(in: folder.path, [], metadata: metadata)
        try writer.finish()
        return try RunState(RecipeStateFile.open(path: RecipeStateFile.path(in: folder.path)))
      }
      _ = try state(RunState.largestCount)
      for wrong in [RunState.largestCount + 1, .max, -1] {
        let error = try tuneError { _ = try state(wrong) }
        #expect(error.message.contains("'\(key)'"))
      }
    }
  }
}
