// Runs that are asked to end, runs that have ended, and runs whose workers are started again.
import Builtins
import Catalog
import Checkpoints
import Essentials
import Foundation
import Launching
import Sharding
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Recipes

@Suite struct InterruptedRunTests {
  private static let run = ["epochs=2", "max_steps_per_epoch=5", "shuffle=True"]

  /// One rank is asked; all save and end, and nothing is lost.
  @Test(arguments: [false, true]) func allRanksSaveAndEnd(isAsynchronous: Bool) throws {
    try TrainingFolder.with { folder in
      let run = Self.run + ["enable_async_checkpointing=\(isAsynchronous ? "True" : "False")"]
      try folder.train(run, ranks: 2)
      try folder.copy("out", to: "whole")
      try folder.remove("out")
      let steps = Mutex(0)
      #expect(throws: RunInterrupted.self) {
        try folder.train(run, ranks: 2) { rank, hooks in
          if rank == 0 { hooks.stepped = { step, _, _ in steps.withLock { $0 = step } } }
          // Of rank 1 only, during step 7 at the earliest.
          if rank == 1 { hooks.interruption = { steps.withLock { $0 } >= 6 ? SIGTERM : nil } }
        }
      }
      let last = steps.withLock(\.self)
      #expect((7...8).contains(last))
      #expect(folder.exists("out/step_\(last)/\(isAsynchronous ? "manifest" : "config").json"))
      try folder.train(run + ["resume_from_checkpoint=True"], ranks: 2)
      try folder.expectSameModel("out/epoch_1", "whole/epoch_1")
    }
  }

  @Test func whoIsInterruptedAtTheEndOfAnEpochSavesIt() throws {
    try TrainingFolder.with { folder in
      #expect(throws: RunInterrupted.self) {
        try folder.train(Self.run) { _, hooks in
          let steps = Mutex(0)
          hooks.stepped = { step, _, _ in steps.withLock { $0 = step } }
          hooks.interruption = { steps.withLock { $0 } >= 4 ? SIGINT : nil }
        }
      }
      #expect(folder.exists("out/epoch_0/config.json") && !folder.exists("out/step_5"))
      #expect(!folder.exists("out/epoch_1"))
    }
  }

  @Test(arguments: [[], ["save_every_n_steps=2"]]) func aFinishedRunHasNothingLeft(_ more: [String])
    throws
  {
    try TrainingFolder.with { folder in
      let run = Self.run + more
      try folder.train(run)
      let log = try folder.read("out/logs/log.txt")
      try folder.train(run + ["resume_from_checkpoint=True"])
      #expect(try folder.read("out/logs/log.txt") == log)
      // With more epochs it goes on as one that had them from the beginning.
      try folder.train(run + ["resume_from_checkpoint=True", "epochs=3"])
      try folder.train(run + ["epochs=3", "output_dir=\(folder.path)/whole"])
      try folder.expectSameModel("out/epoch_2", "whole/epoch_2")
    }
  }

  /// As a launcher starts workers again: from the newest save of this very run.
  @Test(arguments: [false, true]) func workersThatStartAgainResume(isAsynchronous: Bool) throws {
    try TrainingFolder.with { folder in
      let run =
        Self.run + [
          "save_every_n_steps=2", "enable_async_checkpointing=\(isAsynchronous ? "True" : "False")",
        ]
      try folder.train(run, ranks: 2)
      try folder.copy("out", to: "whole")
      // Of the run that was here before, to which nobody goes back.
      try folder.remove("out/epoch_1")
      struct Death: Error {}
      for (round, dies) in [(1, 1), (2, 7), (3, 100)] {
        do {
          try folder.train(run, ranks: 2) { rank, hooks in
            hooks.launched = LaunchedRun(id: "this", round: round, restarts: round - 1)
            hooks.stepped = { step, _, _ in if step == dies { throw Death() } }
          }
        } catch is Death {}
      }
      try folder.expectSameModel("out/epoch_1", "whole/epoch_1")
      let steps = try folder.log().map(\.step)
      // Anew after the first death, which came before any save; after the second from step 6, or from
      // step 5 where the save of step 6 was still being written.
      let resumed = [7...10] + (isAsynchronous ? [6...10] : [])
      #expect(
        resumed.contains { steps == Array(1...10) + [1] + Array(1...7) + Array($0) }, "\(steps)")
    }
  }

  /// With more workers the saved place may lie within a step: that step is trained whole.
  @Test func anotherNumberOfWorkersStartsAgain() throws {
    try TrainingFolder.with { folder in
      let run = ["epochs=1", "save_every_n_steps=2"]
      struct Death: Error {}
      for (round, ranks) in [(1, 2), (2, 3)] {
        do {
          try folder.train(run, ranks: ranks) { rank, hooks in
            hooks.launched = LaunchedRun(id: "this", round: round, restarts: round - 1)
            hooks.stepped = { step, _, _ in if ranks == 2, step == 4 { throw Death() } }
          }
        } catch is Death {}
      }
      // Of 20 samples 8 were trained on, four a step; now it is six a step, from the seventh sample on.
      #expect(try folder.log().map(\.step) == [1, 2, 3, 4, 3, 4])
    }
  }

  @Test func aModelFolderThatIsDeletedIsNotMissed() throws {
    try TrainingFolder.with { folder in
      let model = folder.path + "/model"
      try FileManager.default.copyItem(
        atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: model)
      try folder.write(#"{"eos_token_id": 2}"#, to: "model/generation_config.json")
      try folder.train(["checkpointer.checkpoint_dir=\(model)", "max_steps_per_epoch=2"]) {
        $1.stepped = { _, _, _ in try? FileManager.default.removeItem(atPath: model) }
      }
      #expect(try folder.read("out/epoch_0/generation_config.json") == #"{"eos_token_id": 2}"#)
    }
  }

  @Test func anotherVersionIsNamed() throws {
    try TrainingFolder.with { folder in
      let configuration = try ValidatedConfiguration.load(
        recipe: .qatDistributed, config: folder.path + "/train.yaml", overrides: [])
      let errors = Mutex([String]())
      try ProcessGroup.inProcess(worldSize: 2) { group in
        var versions = ownVersions
        if group.rank == 1 { versions["version(tune)"] = "9.9.9" }
        do {
          try requireSameConfiguration(configuration, group, versions: versions)
        } catch { errors.withLock { $0.append("\(error)") } }
      }
      let said = errors.withLock(\.self)
      #expect(said.count == 2)
      #expect(
        said.allSatisfy {
          $0.contains("the program of rank 1 is not that of rank 0: version(tune) differs")
        }, "\(said)")
    }
  }
}

extension TrainingFolder {
  fileprivate func expectSameModel(
    _ name: String, _ other: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let (mine, other) = (try model(name), try model(other))
    #expect(mine.keys == other.keys, sourceLocation: location)
    for (name, tensor) in mine {
      #expect(try tensor.isEqual(to: #require(other[name])), "\(name)", sourceLocation: location)
    }
  }
}
