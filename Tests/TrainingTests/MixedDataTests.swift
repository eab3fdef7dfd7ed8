// Datasets mixed by weight in a real run. With a learning rate of 0 a step's loss says which sample it
// saw, so that the log shows what was drawn; and a run that stops within an epoch goes on exactly.
import Foundation
import TestSupport
import Testing

@Suite struct MixedDataTests {
  private static let counts = ["a": 6, "b": 10]
  /// Which of the two datasets are streamed.
  static let streaming = [[], ["a"], ["a", "b"]]

  /// Writes both datasets, and the configuration with them in the place of its own.
  private func write(
    _ folder: TrainingFolder, weights: [String: Double]?, streamed: [String] = []
  ) throws {
    var list = "dataset:\n"
    for (name, count) in Self.counts.sorted(by: { $0.key < $1.key }) {
      let lines = (0..<count).map { number in
        #"{"text": "\#(name) \#(String(repeating: "\(number) and ", count: 2 + number))so on"}"#
      }
      try folder.write(lines.joined(separator: "\n"), to: name + ".jsonl")
      list += """
          - _component_: torchtune.datasets.text_completion_dataset
            source: json
            data_files: \(folder.path)/\(name).jsonl
            column: text

        """
      if let weight = weights?[name] { list += "    weight: \(weight)\n" }
      if streamed.contains(name) {
        list += "    streaming: True\n    shuffle_buffer_size: 4\n"
      }
    }
    let text = try folder.read("train.yaml")
    let start = try #require(text.range(of: "dataset:\n"))
    let end = try #require(text.range(of: "seed: 1234"))
    try folder.write(
      text.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: list),
      to: "train.yaml")
  }

  private static let still = ["optimizer.lr=0.0", "batch_size=1"]

  /// The samples of a run by its log, as `a3`.
  private func samples(_ folder: TrainingFolder, _ names: [Double: String]) throws -> [String] {
    try folder.log().map { line in try #require(line["loss"].flatMap { names[$0] }) }
  }
  /// What each sample's loss is.
  private func names(_ folder: TrainingFolder) throws -> [Double: String] {
    try write(folder, weights: nil)
    try folder.train(Self.still)
    let order = Self.counts.sorted { $0.key < $1.key }
      .flatMap { name, count in (0..<count).map { "\(name)\($0)" } }
    let losses = try folder.log().map { try #require($0["loss"]) }
    try folder.remove("out")
    return try Dictionary(zip(losses, order)) { _, _ in throw SameLoss() }
  }
  private struct SameLoss: Error {}

  @Test(arguments: streaming) func sharesAreTheWeights(_ streamed: [String]) throws {
    try TrainingFolder.with { folder in
      let names = try names(folder)
      try folder.write(nanoConfiguration(in: folder.path), to: "train.yaml")
      try write(folder, weights: ["a": 3, "b": 1], streamed: streamed)
      for shuffle in ["True", "False"] {
        try folder.train(Self.still + ["epochs=2", "shuffle=\(shuffle)"])
        let drawn = try samples(folder, names)
        try folder.remove("out")
        // Three of four are of the smaller dataset, in each epoch.
        for epoch in [drawn.prefix(16), drawn.suffix(16)] {
          #expect(epoch.count { $0.hasPrefix("a") } == 12, "\(epoch)")
        }
        if shuffle == "False" {
          for end in 1...16 {
            let taken = drawn.prefix(end).count { $0.hasPrefix("a") }
            #expect(abs(Double(taken) - 0.75 * Double(end)) < 1, "\(drawn)")
          }
        }
        // The smaller is gone through four times, the larger not even once, and never twice.
        let counts = Dictionary(grouping: drawn) { $0 }.mapValues(\.count)
        for number in 0..<6 { #expect(counts["a\(number)"] == 4, "\(drawn)") }
        #expect(counts.filter { $0.key.hasPrefix("b") }.allSatisfy { $0.value == 1 })
      }
    }
  }

  @Test(arguments: streaming, [1, 2])
  func resumedWithinAnEpochEquals(_ streamed: [String], ranks: Int) throws {
    try TrainingFolder.with { folder in
      try write(folder, weights: ["a": 0.7, "b": 0.3], streamed: streamed)
      let run = [
        "shuffle=True", "batch_size=\(2 / ranks)", "epochs=2", "save_every_n_steps=11",
      ]
      try folder.train(run, ranks: ranks)
      #expect(try folder.log().map(\.step) == Array(1...16))
      try folder.expectResumedEquals(run, ranks: ranks, last: "epoch_1", steps: 12...16)
    }
  }

  /// The same samples a step, whichever process makes them; only sums round differently.
  @Test(arguments: streaming) func anotherNumberOfProcessesGoesOn(_ streamed: [String]) throws {
    try TrainingFolder.with { folder in
      try write(folder, weights: ["a": 3, "b": 1], streamed: streamed)
      let run = ["optimizer.lr=0.0", "shuffle=True", "epochs=2", "save_every_n_steps=11"]
      try folder.train(run + ["batch_size=2"])
      let whole = try folder.losses()
      try folder.remove("out/epoch_1")
      try folder.remove("out/logs")
      try folder.train(
        run + ["batch_size=1", "resume_from_checkpoint=True"], ranks: 2)
      let resumed = try folder.losses()
      #expect(resumed.keys.sorted() == Array(12...16))
      for (step, loss) in resumed { #expect(abs(loss - (whole[step] ?? 0)) < 1e-5, "\(step)") }
      #expect(Set(whole.values).count > 12)
    }
  }
}
