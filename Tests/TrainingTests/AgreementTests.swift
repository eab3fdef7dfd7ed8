// Ranks that were started differently end together, with an error that says what differs.
import Builtins
import Catalog
import Checkpoints
import Essentials
import Foundation
import Launching
import Recipes
import Sharding
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct AgreementTests {
  @Test(arguments: [
    ("optimizer.lr=0.5", "optimizer.lr"), ("batch_size=1", "batch_size"), ("seed=77", "seed"),
    ("clip_grad_norm=null", "clip_grad_norm"),
    ("dataset.data_files=DIR/other.json", "dataset(content)"),
    ("checkpointer.checkpoint_dir=DIR/model", "checkpointer.checkpoint_dir"),
  ]) func everyRankNamesWhatDiffers(_ override: String, key: String) throws {
    try TrainingFolder.with { folder in
      let records = try folder.json(fixturePath("TrainingTests/Fixtures/alpaca.json"))
      try folder.write(
        JSON.array(records.dropLast() + [records[0]]).text(), to: "other.json")
      _ = try folder.changedModel { weights in
        weights["model.norm.weight"] = weights["model.norm.weight"].map { $0 * 1.5 }
      }
      let errors = try folder.errors(ofTwoRanks: override.replacing("DIR", with: folder.path))
      #expect(errors.count == 2)
      for error in errors {
        #expect(error.description.contains("of rank 1 is not that of rank 0: \(key) differs"))
      }
    }
  }

  @Test func placesMayDiffer() throws {
    try TrainingFolder.with { folder in
      try FileManager.default.copyItem(
        atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: folder.path + "/model")
      let errors = try folder.errors(
        ofTwoRanks: "checkpointer.checkpoint_dir=\(folder.path)/model", "log_level=ERROR")
      #expect(errors.isEmpty)
    }
  }
}

extension TrainingFolder {
  fileprivate func json(_ path: String) throws -> [JSON] {
    try #require(try JSON.load(path: path).array)
  }

  /// Runs two ranks, the second with these changes, too.
  fileprivate func errors(ofTwoRanks overrides: String...) throws -> [TuneError] {
    let port = try freePort()
    let errors = Mutex([TuneError]())
    try runThreads(2) { rank in
      do {
        let configuration = try ValidatedConfiguration.load(
          recipe: .qatDistributed, config: path + "/train.yaml",
          overrides: ["log_level=CRITICAL", "max_steps_per_epoch=1"] + (rank == 1 ? overrides : []))
        try runTraining(
          configuration,
          WorkerEnvironment(
            rank: rank, localRank: rank, worldSize: 2, localWorldSize: 2,
            masterAddress: "127.0.0.1", masterPort: port, nodeRank: 0))
      } catch let error as TuneError {
        errors.withLock { $0.append(error) }
      }
    }
    return errors.withLock(\.self)
  }
}
