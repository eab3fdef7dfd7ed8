// What a run leaves besides weights that are right: its log, its folders, its configuration; and the
// keys that only show there: validation, packing, steps an epoch.
import Catalog
import Checkpoints
import Configuration
import Foundation
import Recipes
import Tensors
import TestSupport
import Testing

private let dataset = fixturePath("TrainingTests/Fixtures/alpaca.json")

@Suite struct LogTests {
  @Test func metricsHaveTheReferencesNames() throws {
    try TrainingFolder.with { folder in
      try folder.train(["max_steps_per_epoch=3", "clip_grad_norm=1.0"])
      let log = try folder.log()
      #expect(log.map(\.step) == [1, 2, 3])
      for line in log {
        #expect(
          line.names
            == ["loss", "lr", "tokens_per_second_per_gpu", "peak_memory_active", "grad_norm"])
        #expect(line["lr"] == 1e-3)
        #expect(line.metrics.allSatisfy { $0.value.isFinite && $0.value > 0 })
        // GiB: this process is neither as small as a MiB nor as large as a TiB.
        let peak = try #require(line["peak_memory_active"])
        #expect(peak > 1e-3 && peak < 1024)
      }
    }
  }

  @Test func everyNthStepIsLoggedAndTheLast() throws {
    try TrainingFolder.with { folder in
      try folder.train([
        "max_steps_per_epoch=7", "log_every_n_steps=3", "log_peak_memory_stats=False",
      ])
      let log = try folder.log()
      #expect(log.map(\.step) == [3, 6, 7])
      #expect(log[0].names == ["loss", "lr", "tokens_per_second_per_gpu"])
    }
  }

  @Test func savedFoldersAreComplete() throws {
    try TrainingFolder.with { folder in
      try folder.train(["epochs=2", "max_steps_per_epoch=4", "save_every_n_steps=3"])
      for name in ["step_3", "epoch_0", "step_6", "epoch_1"] {
        let saved = try ModelFolder(path: folder.path + "/out/" + name)
        try saved.check(against: saved.configuration.decoder)
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/out")
      #expect(
        Set(names) == [
          "step_3", "epoch_0", "step_6", "epoch_1", "logs", "recipe_state",
          "torchtune_config.yaml",
        ])
      #expect(try folder.read("out/torchtune_config.yaml").contains("max_steps_per_epoch: 4"))
      #expect(try folder.losses().keys.sorted() == Array(1...8))
    }
  }

  @Test func validationIsTheMeanOverTheHeldOutRecords() throws {
    try TrainingFolder.with { folder in
      let run = [
        "max_steps_per_epoch=4", "run_val_every_n_steps=2", "batch_size_val=4",
        "dataset_val._component_=torchtune.datasets.alpaca_dataset", "dataset_val.source=json",
        "dataset_val.data_files=\(dataset)",
      ]
      try folder.train(run)
      let validations = try folder.log().filter { $0["val_loss"] != nil }
      #expect(validations.map(\.step) == [2, 4])
      let losses = validations.compactMap { $0["val_loss"] }
      #expect(losses[0] > losses[1] && losses[1] > 1)
      #expect(validations[0].names == ["val_loss"])
      // Validation changes nothing.
      let with = try folder.losses()
      try folder.remove("out")
      try folder.train(["max_steps_per_epoch=4"])
      #expect(try folder.losses() == with)
      // Other batches and ranks see the same records: fp32 sums in another order, and under QAT
      // values that fall on the other side of a rounding step.
      try folder.remove("out")
      try folder.train(run + ["batch_size=1", "batch_size_val=1"], ranks: 2)
      let other = try folder.log().compactMap { $0["val_loss"] }
      #expect(largestDifference(losses, other) < 5e-3)
    }
  }

  @Test func packsTrain() throws {
    try TrainingFolder.with { folder in
      try folder.train(["dataset.packed=True", "tokenizer.max_seq_len=256", "epochs=3"])
      let losses = try folder.log().compactMap { $0["loss"] }
      #expect(losses.count >= 6)
      let (first, last) = (try #require(losses.first), try #require(losses.last))
      #expect(abs(first - 6.98) < 0.1 && last < first - 0.5, "\(losses)")
    }
  }

  @Test func aPlainRecipeIsQATWithoutItsQuantizer() throws {
    try TrainingFolder.with { folder in
      let run = ["max_steps_per_epoch=3", "~quantizer"]
      try folder.train(run, recipe: .fullFinetuneSingleDevice)
      let plain = try folder.losses()
      let golden = try #require(try Golden.runs()["plain"]).losses
      for step in 1...3 { #expect(abs((plain[step] ?? 0) - golden[step - 1]) < 2e-5) }
      try folder.remove("out")
      try folder.train(["max_steps_per_epoch=3", "fake_quant_after_n_steps=3"])
      #expect(try folder.losses() == plain)
    }
  }

  /// Null is the reference's word for "from the start".
  @Test func aDelayOfZeroIsNone() throws {
    try TrainingFolder.with { folder in
      try folder.train(["max_steps_per_epoch=3", "fake_quant_after_n_steps=0"])
      let zero = try folder.losses()
      let model = try folder.model("out/epoch_0")
      try folder.remove("out")
      try folder.train(["max_steps_per_epoch=3", "fake_quant_after_n_steps=null"])
      #expect(try folder.losses() == zero)
      for (name, tensor) in try folder.model("out/epoch_0") {
        #expect(try tensor.isEqual(to: #require(model[name])))
      }
      let golden = try #require(try Golden.runs()["qat_step0"]).losses
      #expect(abs((zero[1] ?? 0) - golden[0]) < 5e-5)
    }
  }
}
