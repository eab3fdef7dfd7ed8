// A dataset by its id on the Hub in a run of `tune`: fetched once, however many workers ask for it,
// read from the cache from then on, and without the hub when the environment says so.
import Foundation
import TestHub
import Testing

struct HubDatasetRunTests {
  private static let card = """
    ---
    configs:
    - config_name: default
      data_files:
      - split: train
        path: data/part-*.json
    ---
    # Twenty instructions
    """
  private static func repository() throws -> HubRepository {
    let records = try Data(
      contentsOf: URL(fileURLWithPath: TrainingRun.fixture("TrainingTests/Fixtures/alpaca.json")))
    return HubRepository(
      "owner/instructions", isDataset: true,
      [
        "README.md": HubFile(card), "data/part-0.json": HubFile(records, isLarge: true),
        "data/test.json": HubFile("[]"), "picture.png": .large(1000),
      ])
  }
  private static let hubDataset = ["dataset.source=owner/instructions", "~dataset.data_files"]

  private func tune(
    _ arguments: [String], in folder: String, _ environment: [String: String]
  ) async throws -> Processes.Result {
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
        #expect(content.count == 1)
        #expect(!hub.requests.contains { $0.path.contains("test.json") })
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
        #expect(hub.requests.count { $0.isContent } == 1)
        #expect(run.exists("hub/hub/datasets--owner--instructions"))
      }
    }
  }
}
