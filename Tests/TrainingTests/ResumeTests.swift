// A run that goes on from its saved state equals one that never stopped: bit for bit, and within
// rounding when the number of processes changes. The stopped run is the uninterrupted one's folder
// with everything after its last saved state taken away, which is what a crash leaves.
import Catalog
import Checkpoints
import Configuration
import Foundation
import Tensors
import Testing

private let optimizers: [String: [String]] = [
  "AdamW": [],
  "SGD": ["optimizer=torch.optim.SGD", "optimizer.momentum=0.9", "optimizer.lr=0.1"],
  "AdamW8bit": ["optimizer=torchao.optim.AdamW8bit", "~optimizer.fused", "dtype=bf16"],
  "stochastic": [
    "optimizer=swift_tune.optim.AdamW", "~optimizer.fused", "optimizer.stochastic_rounding=True",
    "dtype=bf16",
  ],
  "master": [
    "optimizer=swift_tune.optim.AdamW", "~optimizer.fused", "optimizer.master_weights=True",
    "dtype=bf16",
  ],
]

private let schedule = [
  "lr_scheduler._component_=torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
  "lr_scheduler.num_warmup_steps=2",
]

@Suite struct ResumeTests {
  /// Two epochs of five steps, saved after step 7 within the second, fake quantization from step 9.
  private static let run =
    schedule + [
      "epochs=2", "max_steps_per_epoch=5", "save_every_n_steps=7", "fake_quant_after_n_steps=8",
      "shuffle=True",
    ]

  @Test(arguments: optimizers.keys.sorted()) func resumedEqualsUninterrupted(_ name: String) throws
  {
    try TrainingFolder.with { folder in
      let run = Self.run + (try #require(optimizers[name]))
      try folder.train(run)
      let whole = try folder.losses()
      #expect(whole.keys.sorted() == Array(1...10))
      try folder.expectResumedEquals(run, last: "epoch_1", steps: 8...10)
    }
  }

  @Test func resumedAtAnEpochsEndEquals() throws {
    try TrainingFolder.with { folder in
      let run = schedule + ["epochs=3", "max_steps_per_epoch=3", "shuffle=True"]
      try folder.train(run)
      try folder.expectResumedEquals(run, last: "epoch_2", steps: 7...9)
    }
  }

  @Test func accumulationAndClippingResumeToo() throws {
    try TrainingFolder.with { folder in
      let run =
        schedule + [
          "epochs=1", "gradient_accumulation_steps=2", "clip_grad_norm=0.5", "save_every_n_steps=3",
        ]
      try folder.train(run)
      try folder.expectResumedEquals(run, last: "epoch_0", steps: 4...5)
    }
  }

  /// The same samples a step, summed in another order (see EquivalenceTests).
  @Test(arguments: ["AdamW", "AdamW8bit"], [1, 2])
  func anotherNumberOfProcessesGoesOn(_ name: String, ranks: Int) throws {
    try TrainingFolder.with { folder in
      let run = Self.run + (try #require(optimizers[name]))
      let batchSizes = [1: "batch_size=2", 2: "batch_size=1"]
      let (first, second) = (try #require(batchSizes[ranks]), try #require(batchSizes[3 - ranks]))
      try folder.train(run + [first], ranks: ranks)
      let whole = try folder.losses()
      try folder.copy("out", to: "whole")
      try folder.remove("out/epoch_1")
      try folder.remove("out/logs")
      try folder.train(run + ["resume_from_checkpoint=True", second], ranks: 3 - ranks)
      let resumed = try folder.losses()
      #expect(resumed.keys.sorted() == [8, 9, 10])
      for (step, loss) in resumed {
        #expect(abs(loss - (whole[step] ?? 0)) < (name == "AdamW" ? 3e-3 : 2e-2))
      }
      // Step 8 comes before any sum of the resumed run, and still computes exactly.
      let bound = name == "AdamW" ? 1e-6 : 1e-3
      #expect(abs((resumed[8] ?? 0) - (whole[8] ?? 1)) < bound)
      let (mine, other) = (try folder.model("out/epoch_1"), try folder.model("whole/epoch_1"))
      for (name, tensor) in mine {
        let difference = try (tensor.to(.float32) - #require(other[name]).to(.float32)).abs()
        #expect(difference.sum().item / Double(tensor.count) < 1e-4, "\(name)")
      }
    }
  }

  /// Twice the samples a step: half as many steps are left of the epoch.
  @Test func anotherGlobalBatchGoesOnAfterTheSameSamples() throws {
    try TrainingFolder.with { folder in
      try folder.train(["epochs=1", "save_every_n_steps=6"])
      try folder.remove("out/epoch_0")
      try folder.remove("out/logs")
      try folder.train(["epochs=1", "resume_from_checkpoint=True"], ranks: 2)
      #expect(try folder.log().map(\.step) == [7, 8])
    }
  }
}

extension TrainingFolder {
  /// Takes away the last epoch's folder, resumes and compares.
  func expectResumedEquals(
    _ run: [String], recipe: RecipeName = .qatDistributed, ranks: Int = 1, last: String,
    steps: ClosedRange<Int>
  ) throws {
    try copy("out", to: "whole")
    try remove("out/\(last)")
    try remove("out/logs")
    try train(run + ["resume_from_checkpoint=True"], recipe: recipe, ranks: ranks)
    let (whole, resumed) = (try log("whole"), try log())
    #expect(resumed.map(\.step) == Array(steps))
    for line in resumed {
      let other = try #require(whole.first { $0.step == line.step })
      for metric in ["loss", "lr", "grad_norm"] { #expect(line[metric] == other[metric]) }
    }
    let (mine, other) = (try model("out/\(last)"), try model("whole/\(last)"))
    #expect(mine.count == 21 && mine.keys == other.keys)
    for (name, tensor) in mine {
      #expect(try tensor.isEqual(to: #require(other[name])), "\(name)")
    }
  }
}
