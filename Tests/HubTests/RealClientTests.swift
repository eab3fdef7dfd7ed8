// The test hub speaks the Hub's protocol: the real huggingface_hub client downloads from it what it
// has, byte for byte. And both clients read what the other wrote. The client is in .interop/venv,
// which scripts/interop-env makes.
import Foundation
import TestHub
import TestSupport
import Testing

@testable import Hub

@Suite(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env")) struct RealClientTests
{
  /// Runs a Python script; not in a task's thread, which would starve the hub's clients.
  private func python(
    _ script: String, _ arguments: [String], hub: TestHub, home: String,
    _ environment: [String: String] = [:]
  ) async throws -> String {
    let own = [
      "HOME": home, "HF_HOME": home + "/.cache/huggingface", "HF_ENDPOINT": hub.endpoint,
      "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "PATH": "/usr/bin:/bin",
      "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    ]
    return try await Program.python(
      ["-c", script] + arguments, environment: own.merging(environment) { $1 }
    ).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static let snapshot = """
    import sys
    from huggingface_hub import snapshot_download
    folder = sys.argv[3] or None
    print(snapshot_download(sys.argv[1], repo_type=sys.argv[2], local_dir=folder))
    """

  @Test(arguments: [1000, 3]) func theRealClientDownloadsTheSameTree(pageSize: Int) async throws {
    var repository = HubRepository.sample
    repository.access = .gated
    try await inFolder { home in
      try await TestHub.serving([repository], pageSize: pageSize) { hub in
        let token = ["HF_TOKEN": TestHub.token]
        _ = try await python(
          Self.snapshot, [repository.id, "model", home + "/real"], hub: hub, home: home, token)
        try await download(from: hub, to: home, token: TestHub.token)
        #expect(visible(home + "/real") == repository.bytes)
        #expect(visible(home + "/out") == repository.bytes)
      }
    }
  }

  @Test(arguments: [
    (HubRepository.Access.gated, "owner/model", "GatedRepoError"),
    (.open, "owner/other", "RepositoryNotFoundError"),
    (.hidden, "owner/model", "RepositoryNotFoundError"),
  ])
  func theRealClientUnderstandsTheRefusals(
    access: HubRepository.Access, id: String, error: String
  ) async throws {
    var repository = HubRepository.sample
    repository.access = access
    try await inFolder { home in
      try await TestHub.serving([repository]) { hub in
        do {
          _ = try await python(
            Self.snapshot, [id, "model", home + "/real"], hub: hub, home: home)
          Issue.record("the real client downloads \(id)")
        } catch let failure as Program.PythonFailure {
          #expect(failure.text.contains(error))
        }
      }
    }
  }

  @Test func bothClientsShareTheCache() async throws {
    let dataset = HubRepository(
      "owner/data", isDataset: true,
      ["README.md": HubFile("# Data\n"), "train.jsonl": HubFile("{}\n"), "b.parquet": .large(9000)])
    let offline = ["HF_HUB_OFFLINE": "1"]
    func ours(_ hub: TestHub, _ home: String, _ environment: [String: String] = [:]) async throws
      -> String
    {
      try await HubClient.use(.test(hub, home: home, environment)) {
        try await $0.folder(forDataset: "owner/data", display: .quiet)
      }
    }
    try await TestHub.serving([dataset]) { hub in
      // Theirs first.
      try await inFolder { home in
        let real = try await python(
          Self.snapshot, ["owner/data", "dataset", ""], hub: hub, home: home)
        #expect(try await ours(hub, home, offline) == real)
        let before = hub.requests.count
        #expect(try await ours(hub, home) == real)
        #expect(hub.requests.count == before + 1)
      }
      // Ours first.
      try await inFolder { home in
        let folder = try await ours(hub, home)
        let real = try await python(
          Self.snapshot, ["owner/data", "dataset", ""], hub: hub, home: home, offline)
        #expect(real == folder)
        #expect(contents(real) == dataset.bytes)
      }
    }
  }
}
