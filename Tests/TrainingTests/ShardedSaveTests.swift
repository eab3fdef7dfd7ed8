// Saves in the background: each rank writes its own file, and a run resumes from them as from a model folder
// and its state, bit for bit, also with another number of processes.
import Checkpoints
import Essentials
import Foundation
import Sharding
import Tensors
import Testing

private let asynchronous = "enable_async_checkpointing=True"

@Suite struct ShardedSaveTests {
  /// Two epochs of five steps, saved after step 7 within the second.
  private static let run = [
    "epochs=2", "max_steps_per_epoch=5", "save_every_n_steps=7", "shuffle=True",
  ]
  private static let optimizers = [
    "AdamW": [], "AdamW8bit": ["optimizer=torchao.optim.AdamW8bit", "~optimizer.fused"],
    "frozen": ["trainable=[\"*down_proj*\"]"],
  ]

  @Test(arguments: ["AdamW", "AdamW8bit", "frozen"], [1, 2])
  func resumedEqualsUninterrupted(_ name: String, ranks: Int) throws {
    try TrainingFolder.with { folder in
      let run = Self.run + [asynchronous] + (try #require(Self.optimizers[name]))
      try folder.train(run, ranks: ranks)
      for rank in 1...ranks {
        #expect(folder.exists("out/step_7/shard-0000\(rank)-of-0000\(ranks).safetensors"))
      }
      #expect(
        folder.exists("out/epoch_0/manifest.json") && !folder.exists("out/step_7/config.json"))
      try folder.expectResumedEquals(run, ranks: ranks, last: "epoch_1", steps: 8...10)
    }
  }

  /// What resumes is what a save of whole tensors would have held.
  @Test(arguments: ["AdamW", "AdamW8bit"], [(1, 2), (2, 1), (2, 4)])
  func anotherNumberOfProcessesResumesAlike(_ name: String, ranks: (Int, Int)) throws {
    try TrainingFolder.with { folder in
      let run = Self.run + (try #require(Self.optimizers[name]))
      for (place, more) in [("out", [asynchronous]), ("whole", [])] {
        let output = ["output_dir=\(folder.path)/\(place)"] + more
        try folder.train(run + output, ranks: ranks.0)
        try folder.remove("\(place)/epoch_1")
        try folder.train(run + output + ["resume_from_checkpoint=True"], ranks: ranks.1)
      }
      let (mine, other) = (try folder.model("out/epoch_1"), try folder.model("whole/epoch_1"))
      for (name, tensor) in mine {
        #expect(try tensor.isEqual(to: #require(other[name])), "\(name)")
      }
    }
  }

  /// A bit that was changed, a file of another save, a manifest that lies: the save before is taken.
  @Test(arguments: ["bit", "file", "manifest", "cut"])
  func aDamagedSaveIsPassedOver(_ damage: String) throws {
    try TrainingFolder.with { folder in
      let run = ["epochs=1", "max_steps_per_epoch=5", "save_every_n_steps=2", asynchronous]
      try folder.train(run)
      let shard = "out/step_4/shard-00001-of-00001.safetensors"
      switch damage {
      case "bit": try folder.flip(shard)
      case "file":
        try folder.remove(shard)
        try folder.copy("out/step_2/shard-00001-of-00001.safetensors", to: shard)
      case "manifest":
        let text = try folder.read("out/step_4/manifest.json")
        try folder.write(
          text.replacing("128", with: "4611686018427387904"), to: "out/step_4/manifest.json")
      default:
        let size = try #require(
          FileManager.default.attributesOfItem(atPath: folder.path + "/" + shard)[.size] as? Int)
        #expect(truncate(folder.path + "/" + shard, size - 1) == 0)
      }
      try folder.expectResumedEquals(run, last: "epoch_0", steps: 3...5)
    }
  }

  @Test func onlyTheLastSavesStay() throws {
    try TrainingFolder.with { folder in
      try folder.train([
        "epochs=1", "max_steps_per_epoch=7", "save_every_n_steps=2", asynchronous,
        "checkpointer.keep_last_n_checkpoints=2",
      ])
      #expect(!folder.exists("out/step_2") && !folder.exists("out/step_4"))
      #expect(folder.exists("out/step_6/manifest.json") && folder.exists("out/epoch_0/config.json"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out")
      #expect(!left.contains { $0.contains("partial") }, "\(left)")
    }
  }
}

extension TrainingFolder {
  fileprivate func flip(_ name: String) throws {
    let handle = try #require(FileHandle(forUpdatingAtPath: path + "/" + name))
    let end = try handle.seekToEnd()
    try handle.seek(toOffset: end - 3000)
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: end - 3000)
    try handle.write(contentsOf: Data([byte ^ 4]))
    try handle.close()
  }
}
