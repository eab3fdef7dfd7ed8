// Whole downloads from a hub that behaves: all files, byte for byte, chosen ones, none twice.
import Essentials
import Foundation
import TestHub
import Testing

@testable import Hub

struct DownloadTests {
  @Test(arguments: [1000, 3, 1]) func everyFileArrives(pageSize: Int) async throws {
    try await inFolder { folder in
      try await TestHub.serving([.sample], pageSize: pageSize) { hub in
        let result = try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == HubRepository.sample.bytes)
        #expect(result.commit == HubRepository.sample.commit)
        #expect(result.fetched == 8 && result.files.count == 8)
        #expect(result.folder == folder + "/out")
      }
    }
  }

  @Test func whatIsThereAndRightIsNotFetchedAgain() async throws {
    try await inFolder { folder in
      try await TestHub.serving([.sample]) { hub in
        try await download(from: hub, to: folder)
        let before = hub.requests.count
        let again = try await download(from: hub, to: folder)
        #expect(again.fetched == 0)
        #expect(hub.requests.dropFirst(before).allSatisfy { $0.path.hasPrefix("/api/") })

        // One of equal size with other bytes, and one cut short.
        let out = folder + "/out/"
        try Data("{\"model_type\": \"lLama\"}\n".utf8).write(to: URL(filePath: out + "config.json"))
        try Data("x".utf8).write(to: URL(filePath: out + "README.md"))
        #expect(try await download(from: hub, to: folder).fetched == 2)
        #expect(contents(folder + "/out") == HubRepository.sample.bytes)
      }
    }
  }

  @Test func patternsChoose() async throws {
    try await inFolder { folder in
      try await TestHub.serving([.sample]) { hub in
        let selection = FileSelection(
          allowing: ["*.json", "original/"], ignoring: ["*.pth"])
        try await download(from: hub, to: folder, selection)
        #expect(Set(contents(folder + "/out").keys) == ["config.json", "original/params.json"])
      }
    }
  }

  @Test func aRevisionIsItsCommit() async throws {
    var repository = HubRepository.sample
    let commit = String(repeating: "ab", count: 20)
    repository.revisions["refs/pr/1"] = commit
    try await inFolder { folder in
      try await TestHub.serving([repository]) { hub in
        let result = try await download(from: hub, to: folder, revision: "refs/pr/1")
        #expect(result.commit == commit)
        #expect(hub.requests.first?.path == "/api/models/owner/model/revision/refs%2Fpr%2F1")
        // A commit needs no question.
        let before = hub.requests.count
        try await download(from: hub, to: folder, revision: commit)
        #expect(hub.requests.dropFirst(before).allSatisfy { $0.path.contains("/tree/") })
      }
    }
  }

  @Test func aDatasetHasAddressesOfItsOwn() async throws {
    let dataset = HubRepository("data", isDataset: true, ["train.jsonl": HubFile("{}\n")])
    try await inFolder { folder in
      try await TestHub.serving([dataset]) { hub in
        let settings = try HubSettings.test(hub, home: folder)
        try await HubClient.use(settings) {
          _ = try await $0.download(
            Repository("data", kind: .dataset), into: folder + "/out", display: .quiet)
        }
        #expect(contents(folder + "/out") == dataset.bytes)
        #expect(hub.requests.map(\.path).contains { $0.hasPrefix("/api/datasets/data/tree/") })
      }
    }
  }

  @Test func theTokenStaysWithTheHub() async throws {
    var repository = HubRepository.sample
    repository.access = .gated
    try await inFolder { folder in
      try await TestHub.serving([repository]) { hub in
        try await download(from: hub, to: folder, token: TestHub.token)
        #expect(contents(folder + "/out") == repository.bytes)
        let content = hub.requests.filter(\.isContent)
        #expect(content.count == 3)
        #expect(content.allSatisfy { $0.headers["authorization"] == nil })
        #expect(
          hub.requests.filter { !$0.isContent }.allSatisfy {
            $0.headers["authorization"] == "Bearer \(TestHub.token)"
          })
      }
    }
  }

  @Test func twoDownloadsIntoOneFolderWaitForEachOther() async throws {
    try await inFolder { folder in
      try await TestHub.serving([.sample]) { hub in
        async let first = download(from: hub, to: folder)
        async let second = download(from: hub, to: folder)
        let fetched = try await first.fetched + second.fetched
        #expect(fetched == 8)
        #expect(contents(folder + "/out") == HubRepository.sample.bytes)
      }
    }
  }

  @Test func cancellingKeepsWhatHasArrived() async throws {
    let repository = HubRepository("owner/model", ["w.safetensors": .large(500_000)])
    try await inFolder { folder in
      let misbehaving: TestHub.Misbehaviour = { request in
        guard request.isContent else { return nil }
        return request.earlier == 0 ? .cut(after: 200_000) : .silence
      }
      try await TestHub.serving([repository], misbehaving: misbehaving) { hub in
        let task = Task { try await download(from: hub, to: folder) }
        while hub.requests.filter(\.isContent).count < 2 {
          try await Task.sleep(for: .milliseconds(5))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(visible(folder + "/out").isEmpty)
      }
      let kept = try #require(contents(folder + "/out").first { $0.key.hasSuffix(".incomplete") })
      #expect(kept.value.count > 0 && kept.value.count <= 200_000)
      try await TestHub.serving([repository]) { hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == repository.bytes)
        #expect(hub.requests.last?.headers["range"] == "bytes=\(kept.value.count)-")
      }
    }
  }
}
