// A dataset by its id on the Hub in a run of `tune`: fetched once, however many workers ask for it,
// read from the cache from then on, and without the hub when the environment says so.
import Foundation
import TestHub
import TestSupport
import Testing

struct HubDatasetRunTests {
  private static let card = """
    ---
    configs:
    - config_name: default
      data_files:
      - split: train
        path: data/train-*
      - split: test
        path: data/test-*
    ---
    # Twenty instructions
    """
  private static func repository() throws -> HubRepository {
    var files = [
      "README.md": HubFile(card), "data/test-00000-of-00001.parquet": .large(500),
      "picture.png": .large(1000),
    ]
    for part in 0..<2 {
      let name = "train-0000\(part)-of-00002.parquet"
      files["data/" + name] = HubFile(
        try Data(
          contentsOf: URL(fileURLWithPath: fixturePath("TuneTests/Fixtures/" + name))),
        isLarge: true)
    }
    return HubRepository("owner/instructions", isDataset: true, files)
  }
  private static let hubDataset = ["dataset.source=owner/instructions", "~dataset.data_files"]

  private func tune(
    _ arguments: [String], in folder: String, _ environment: [String: String]
  ) async throws -> Program.Result {
    try await Processes.run(["run"] + arguments, in: folder, environment: environment)
  }

  @Test func isFetchedOnceAndReadFromTheCache() async throws {
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      let plain = try await tune(
        run.recipe(["max_steps_per_epoch=2"], output: "local"), in: folder, [:])
      #expect(plain.exitCode == 0, "\(plain.stderr)")
      let expected = try run.losses("local")
      try await TestHub.serving([try Self.repository()]) { hub in
        let environment = ["HOME": folder, "HF_ENDPOINT": hub.endpoint]
        func train(_ output: String, _ more: [String: String] = [:]) async throws -> [Double] {
          let result = try await tune(
            run.recipe(Self.hubDataset + ["max_steps_per_epoch=2"], output: output), in: folder,
            environment.merging(more) { $1 })
          #expect(result.exitCode == 0, "\(result.stderr)")
          return try run.losses(output)
        }
        let none = try await tune(
          run.recipe(Self.hubDataset, output: "none"), in: folder,
          environment.merging(["HF_HUB_OFFLINE": "1"]) { $1 })
        #expect(none.exitCode == 1 && none.stderr.contains("HF_HUB_OFFLINE"), "\(none.stderr)")
        #expect(hub.requests.isEmpty && !run.exists("none/epoch_0"))

        #expect(try await train("first") == expected)
        let content = hub.requests.filter(\.isContent)
        #expect(content.count == 2)
        #expect(!hub.requests.contains { $0.path.contains("test-0") })
        let before = hub.requests.count
        #expect(try await train("second") == expected)
        // What the revision is now; card and data are there.
        #expect(hub.requests.count - before <= 2, "\(hub.requests.dropFirst(before))")
        #expect(!hub.requests.dropFirst(before).contains { $0.path.contains("resolve") })
        let now = hub.requests.count
        #expect(try await train("offline", ["HF_HUB_OFFLINE": "1"]) == expected)
        #expect(hub.requests.count == now)
      }
    }
  }

  /// The same from a folder that lies here as the hub has it.
  @Test func partsOfItAreTrainedAndValidatedOn() async throws {
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      let repository = try Self.repository()
      for (name, file) in repository.files {
        let path = URL(fileURLWithPath: folder + "/copy/" + name)
        try FileManager.default.createDirectory(
          at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(file.bytes).write(to: path)
      }
      func metrics(_ source: String, _ environment: [String: String], _ output: String)
        async throws -> [String]
      {
        let result = try await tune(
          run.recipe(
            [
              "dataset.source=\(source)", "~dataset.data_files", "dataset.split=train[:70%]",
              "dataset_val._component_=torchtune.datasets.alpaca_dataset",
              "dataset_val.source=\(source)", "dataset_val.split=train[70%:]",
              "run_val_every_n_steps=3", "batch_size_val=1", "shuffle=True",
              "max_steps_per_epoch=null",
            ], output: output), in: folder, environment)
        #expect(result.exitCode == 0, "\(result.stderr)")
        let log = try String(
          contentsOfFile: "\(folder)/\(output)/logs/log.txt", encoding: .utf8)
        return log.split { $0.isWhitespace }.map(String.init).filter { $0.contains("loss:") }
      }
      let local = try await metrics(folder + "/copy", [:], "local")
      #expect(local.count { $0.hasPrefix("loss:") } == 7)
      #expect(local.count { $0.hasPrefix("val_loss:") } == 2)
      try await TestHub.serving([repository]) { hub in
        let environment = ["HOME": folder, "HF_ENDPOINT": hub.endpoint]
        let fetched = try await metrics("owner/instructions", environment, "hub")
        #expect(fetched == local)
      }
    }
  }

  @Test func severalWorkersFetchItOnce() async throws {
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      try await TestHub.serving([try Self.repository()]) { hub in
        let result = try await tune(
          ["--nproc_per_node", "2"]
            + run.recipe(
              Self.hubDataset + ["dataset.streaming=True", "max_steps_per_epoch=2"]), in: folder,
          ["HOME": folder, "HF_HOME": folder + "/hub", "HF_ENDPOINT": hub.endpoint])
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(try run.losses().count == 2)
        #expect(hub.requests.count { $0.isContent } == 2)
        #expect(run.exists("hub/hub/datasets--owner--instructions"))
      }
    }
  }

  @Test func whatTheHubDoesNotHaveIsNamed() async throws {
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      try await TestHub.serving([try Self.repository()]) { hub in
        func refusal(_ overrides: [String]) async throws -> String {
          let result = try await tune(
            run.recipe(Self.hubDataset + overrides), in: folder,
            ["HOME": folder, "HF_ENDPOINT": hub.endpoint])
          #expect(result.exitCode == 1 && !run.exists("out/epoch_0"))
          return result.stderr
        }
        let missing = try await refusal(["dataset.source=owner/nothing"])
        #expect(missing.contains("owner/nothing") && missing.contains("HF_TOKEN"), "\(missing)")
        // Options of `tune download` are none of `tune run`'s.
        #expect(!missing.contains("--hf-token") && !missing.contains("--repo-type"), "\(missing)")
        let split = try await refusal(["dataset.split=validation"])
        #expect(split.contains("'validation'") && split.contains("test, train"), "\(split)")
        let revision = try await refusal(["dataset.revision=v9"])
        #expect(revision.contains("v9"), "\(revision)")
      }
    }
  }

  /// The first steps of the README: model and data from the hub, then a run.
  @Test func aDownloadedModelTrains() async throws {
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      let local = try await tune(
        run.recipe(["max_steps_per_epoch=2"], output: "local"), in: folder, [:])
      #expect(local.exitCode == 0, "\(local.stderr)")
      func file(_ name: String, isLarge: Bool = false) throws -> HubFile {
        HubFile(
          try Data(contentsOf: URL(fileURLWithPath: fixturePath(name))), isLarge: isLarge)
      }
      let tokenizer = "TokenizersTests/Fixtures/tokenizer_tiny/"
      let model = HubRepository(
        "owner/nano",
        [
          "config.json": try file("CheckpointsTests/Fixtures/nano/config.json"),
          "model.safetensors": try file(
            "CheckpointsTests/Fixtures/nano/model.safetensors", isLarge: true),
          "tokenizer.json": try file(tokenizer + "tokenizer.json"),
          "original/tokenizer.model": try file(tokenizer + "tokenizer.model"),
        ])
      try await TestHub.serving([model, try Self.repository()]) { hub in
        let environment = ["HOME": folder, "HF_ENDPOINT": hub.endpoint]
        let download = try await Processes.run(
          ["download", "owner/nano", "--output-dir", folder + "/nano"], in: folder,
          environment: environment)
        #expect(download.exitCode == 0, "\(download.stderr)")
        let own = [
          "checkpointer.checkpoint_dir=\(folder)/nano",
          "tokenizer.path=\(folder)/nano/original/tokenizer.model",
          "tokenizer.special_tokens_path=\(folder)/nano/tokenizer.json", "max_steps_per_epoch=2",
        ]
        let result = try await tune(run.recipe(Self.hubDataset + own), in: folder, environment)
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(try run.losses() == run.losses("local"))
        for name in ["config.json", "tokenizer.json", "original/tokenizer.model"] {
          #expect(run.exists("out/epoch_0/" + name), "\(name)")
        }
      }
    }
  }
}
