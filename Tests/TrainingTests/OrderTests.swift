// What can refuse a run comes before what costs: each refusal here is made before one byte of a weight,
// or of a saved optimizer state, is read.
import Checkpoints
import Essentials
import Foundation
import TestSupport
import Testing
import WeightFiles

private struct Refusal: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var overrides: [String]
  /// The run whose saved state is resumed.
  var saved: [String]?
  var says: String

  init(_ name: String, _ overrides: [String], after saved: [String]? = nil, says: String) {
    testDescription = name
    self.overrides =
      (saved == nil ? [] : ["resume_from_checkpoint=True", "epochs=3"]) + overrides
    self.saved = saved.map { ["epochs=2", "max_steps_per_epoch=1"] + $0 }
    self.says = says
  }
}

private let refusals = [
  Refusal("the tokenizer", ["tokenizer.path=DIR/none"], says: "no such tokenizer file"),
  Refusal("the data", ["dataset.data_files=DIR/none.json"], says: "no such data file"),
  Refusal(
    "the steps of an epoch", ["gradient_accumulation_steps=21"], says: "fewer than one step"),
  Refusal("the output folder", ["output_dir=DIR/train.yaml"], says: "cannot write"),
  Refusal(
    "the output folder alone",
    ["output_dir=DIR/train.yaml", "metric_logger.log_dir=DIR/logs"],
    says: "key 'output_dir': cannot write to the folder 'DIR/train.yaml'"),
  Refusal(
    "the checkpointer's folder", ["checkpointer.output_dir=DIR/train.yaml/x"],
    says: "key 'checkpointer.output_dir': cannot write to the folder"),
  Refusal(
    "the log folder", ["metric_logger.log_dir=DIR/train.yaml"], says: "cannot write the log file"),
  Refusal(
    "the profiler's folder",
    [
      "profiler._component_=torchtune.training.setup_torch_profiler", "profiler.enabled=True",
      "profiler.output_dir=DIR/train.yaml",
    ], says: "key 'profiler.output_dir': cannot write to the folder"),
  Refusal(
    "another optimizer", ["optimizer=torch.optim.SGD"], after: [],
    says: "the saved run, which used torch.optim.AdamW"),
  Refusal(
    "fewer states of the same optimizer",
    ["optimizer=torch.optim.SGD", "optimizer.momentum=0"],
    after: ["optimizer=torch.optim.SGD", "optimizer.momentum=0.9"],
    says: "holds 'momentum_buffer', but the optimizer keeps no state"),
  Refusal(
    "another dtype",
    ["optimizer=swift_tune.optim.AdamW", "~optimizer.fused", "optimizer.master_weights=True"],
    after: [
      "optimizer=swift_tune.optim.AdamW", "~optimizer.fused", "optimizer.master_weights=True",
      "dtype=bf16",
    ], says: "holds 'exp_avg', 'exp_avg_sq', 'master'"),
  Refusal("epochs that are done", ["epochs=1"], after: [], says: "has done 1 epochs already"),
  Refusal(
    "a place within a batch", ["batch_size=3"],
    after: ["epochs=1", "max_steps_per_epoch=2", "save_every_n_steps=1"],
    says: "not a multiple of this run's"),
]

@Suite struct OrderTests {
  @Test(arguments: refusals, [1, 2])
  fileprivate func refusesBeforeReadingWeights(_ refusal: Refusal, ranks: Int) throws {
    try TrainingFolder.with { folder in
      func located(_ text: String) -> String { text.replacing("DIR", with: folder.path) }
      // A copy, whose reads no other test counts.
      try FileManager.default.copyItem(
        atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: folder.path + "/model")
      let own = ["checkpointer.checkpoint_dir=\(folder.path)/model", "batch_size=1"]
      if let saved = refusal.saved { try folder.train(own + saved) }
      let before = TensorReads.bytes(below: folder.path)
      // A run that is not refused reads all of them.
      #expect((before > 2_000_000) == (refusal.saved != nil))
      let error = #expect(throws: TuneError.self) {
        try folder.train(own + refusal.overrides.map(located), ranks: ranks)
      }
      #expect(TensorReads.bytes(below: folder.path) == before)
      let text = error?.description ?? ""
      #expect(text.contains(located(refusal.says)), "\(text)")
    }
  }
}
