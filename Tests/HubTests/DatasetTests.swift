// Datasets by their id: in the cache that huggingface_hub uses too, fetched once, and read from the
// copy where the hub cannot be asked.
import Essentials
import Foundation
import TestHub
import Testing

@testable import Hub

struct DatasetTests {
  static let dataset = HubRepository(
    "owner/data", isDataset: true,
    [
      "README.md": HubFile("---\nconfigs: []\n---\n"), "data/train.jsonl": HubFile("{\"a\": 1}\n"),
      "data/big.parquet": .large(50_000), "picture.png": .large(1000, seed: 4),
    ])

  private func folder(
    _ hub: TestHub, home: String, _ environment: [String: String] = [:],
    _ selection: FileSelection = FileSelection(allowing: HubClient.dataFiles)
  ) async throws -> String {
    let settings = try HubSettings.test(hub, home: home, environment)
    return try await HubClient.use(settings) {
      try await $0.folder(forDataset: "owner/data", selection, display: .quiet)
    }
  }

  @Test func dataFilesArriveOnceInTheSharedCache() async throws {
    try await inFolder { home in
      try await TestHub.serving([Self.dataset]) { hub in
        let cache = home + "/.cache/huggingface/hub/datasets--owner--data"
        let found = try await folder(hub, home: home)
        #expect(found == "\(cache)/snapshots/\(Self.dataset.commit)")
        var wanted = Self.dataset.bytes
        wanted["picture.png"] = nil
        #expect(contents(found) == wanted)
        #expect(contents(cache)["refs/main"] == Array(Self.dataset.commit.utf8))

        let before = hub.requests.count
        #expect(try await folder(hub, home: home) == found)
        // The revision is asked for, the files of a commit never change.
        #expect(hub.requests.count == before + 1)

        _ = try await folder(hub, home: home, [:], FileSelection(allowing: ["*.png"]))
        #expect(contents(found) == Self.dataset.bytes)
      }
    }
  }

  @Test func aWholeCopyIsReadWithoutTheHub() async throws {
    try await inFolder { home in
      let found = try await TestHub.serving([Self.dataset]) {
        try await folder($0, home: home)
      }
      try await TestHub.serving([Self.dataset], misbehaving: { _ in .status(503) }) { hub in
        #expect(try await folder(hub, home: home) == found)
        let before = hub.requests.count
        #expect(try await folder(hub, home: home, ["HF_HUB_OFFLINE": "1"]) == found)
        #expect(hub.requests.count == before)
        // What was never fetched, or is not whole any more, is missed.
        let everything = FileSelection()
        let missing = try await failure {
          _ = try await folder(hub, home: home, ["HF_HUB_OFFLINE": "1"], everything)
        }
        #expect(missing.message.contains("HF_HUB_OFFLINE"))
        try Data("x".utf8).write(to: URL(filePath: found + "/data/big.parquet"))
        let short = try await failure { _ = try await folder(hub, home: home) }
        #expect(short.description.contains("status 503"))
      }
    }
  }

  @Test func damagedNotesAreMadeAnew() async throws {
    try await inFolder { home in
      try await TestHub.serving([Self.dataset]) { hub in
        let found = try await folder(hub, home: home)
        let cache = home + "/.cache/huggingface/hub/datasets--owner--data"
        let tree = "\(cache)/trees/\(Self.dataset.commit).json"
        let note = try #require(contents(cache)["trees/\(Self.dataset.commit).json"])
        for text in ["", "{", "[]", #"{"format_version":1,"files":{"../x":{}}}"#] {
          try Data(text.utf8).write(to: URL(filePath: tree))
          #expect(try await folder(hub, home: home) == found)
        }
        #expect(contents(cache)["trees/\(Self.dataset.commit).json"] == note)
        try Data("../../x".utf8).write(to: URL(filePath: cache + "/refs/main"))
        let lost = try await failure {
          _ = try await folder(hub, home: home, ["HF_HUB_OFFLINE": "1"])
        }
        #expect(lost.message.contains("HF_HUB_OFFLINE"))
      }
    }
  }

  @Test func aDatasetWithoutDataIsNamed() async throws {
    let pictures = HubRepository("owner/data", isDataset: true, ["a.png": HubFile("x")])
    try await inFolder { home in
      try await TestHub.serving([pictures]) { hub in
        let error = try await failure { _ = try await folder(hub, home: home) }
        #expect(error.code == .data && error.message.contains("no files to read"))
      }
    }
  }

  @Test func recipesWaitForIt() async throws {
    try await inFolder { home in
      try await TestHub.serving([Self.dataset]) { hub in
        let environment = ["HOME": home, "HF_ENDPOINT": hub.endpoint]
        // On a thread of its own, as a recipe is.
        let found = try await withCheckedThrowingContinuation { continuation in
          Thread.detachNewThread {
            continuation.resume(
              with: Result {
                try HubClient.folder(forDataset: "owner/data", environment: environment)
              })
          }
        }
        #expect(contents(found)["data/train.jsonl"] == Self.dataset.bytes["data/train.jsonl"])
      }
    }
  }
}
