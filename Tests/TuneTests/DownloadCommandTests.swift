// `tune download` as users run it, against a hub of the tests: output, files, exit codes, and what
// an interrupt and a full disk leave.
import Foundation
import TestHub
import TestSupport
import Testing

struct DownloadCommandTests {
  static let repository = HubRepository(
    "owner/small-model",
    [
      "config.json": HubFile("{}"), "original/params.json": HubFile("{\"dim\": 4}"),
      "model.safetensors": .large(300_000),
    ])

  private func tune(
    _ arguments: [String], _ hub: TestHub, in folder: String, _ environment: [String: String] = [:]
  ) async throws -> Program.Result {
    let own = [
      "HOME": folder, "HF_ENDPOINT": hub.endpoint, "KAGGLE_API_ENDPOINT": hub.endpoint,
    ]
    return try await Processes.run(
      ["download"] + arguments, in: folder, environment: own.merging(environment) { $1 })
  }

  @Test func aModelArrivesAndIsListed() async throws {
    try await Processes.inFolderAwaiting { folder in
      try await TestHub.serving([Self.repository]) { hub in
        let out = folder + "/out"
        let result = try await tune(
          ["owner/small-model", "--output-dir", out, "--ignore-patterns", "*.safetensors"], hub,
          in: folder)
        #expect(result.exitCode == 0)
        #expect(
          result.stdout == """
            Ignoring files matching the following patterns: *.safetensors
            Successfully downloaded model repo and wrote to the following locations:
            \(out)/config.json
            \(out)/original
            \(out)/original_repo_id.json

            """)
        let id = try String(contentsOfFile: out + "/original_repo_id.json", encoding: .utf8)
        #expect(id == "{\n    \"repo_id\": \"owner/small-model\"\n}")

        let all = try await tune(["owner/small-model", "--output-dir", out], hub, in: folder)
        #expect(all.stdout.hasPrefix("Ignoring files matching the following patterns: None\n"))
        #expect(all.stdout.contains(out + "/model.safetensors\n"))
        #expect(all.stderr.contains("Downloading: 300 kB"))
      }
    }
  }

  /// As on a machine in FIPS mode, where libcrypto refuses checksums that it knows.
  @Test func aForbiddenChecksumIsAnError() async throws {
    try await Processes.inFolderAwaiting { folder in
      let policy = """
        openssl_conf = openssl
        [openssl]
        providers = providers
        alg_section = algorithms
        [providers]
        default = default
        [default]
        activate = 1
        [algorithms]
        default_properties = fips=yes

        """
      try policy.write(toFile: folder + "/openssl.cnf", atomically: true, encoding: .utf8)
      try await TestHub.serving([Self.repository]) { hub in
        let result = try await tune(
          ["owner/small-model", "--output-dir", folder + "/out"], hub, in: folder,
          ["OPENSSL_CONF": folder + "/openssl.cnf"])
        #expect(result.exitCode == 1, "\(result.stderr)")
        #expect(result.stderr.contains("error: libcrypto does not compute SHA-256"))
        #expect(result.stderr.contains("copy them"))
      }
    }
  }

  @Test func errorsSayWhatToDo() async throws {
    var gated = Self.repository
    gated.access = .gated
    try await Processes.inFolderAwaiting { folder in
      try await TestHub.serving([gated]) { hub in
        let out = ["--output-dir", folder + "/out"]
        let error = try await tune([gated.id] + out, hub, in: folder)
        #expect(error.exitCode == 1)
        #expect(error.stderr.contains("error: ") && error.stderr.contains("is gated"))
        #expect(error.stderr.contains("--hf-token"))
        for option in ["--hf-token", "--HF_TOKEN"] {
          let right = try await tune([gated.id, option, TestHub.token] + out, hub, in: folder)
          #expect(right.exitCode == 0)
        }
        let offline = try await tune([gated.id] + out, hub, in: folder, ["HF_HUB_OFFLINE": "1"])
        #expect(offline.exitCode == 1 && offline.stderr.contains("HF_HUB_OFFLINE is set"))
        for usage in [
          [], ["a/b/c"], ["a", "--source", "elsewhere"], ["a", "--repo-type", "space"],
          ["a/b", "--source", "kaggle"], ["a/b/c/d", "--source", "kaggle", "--revision", "x"],
        ] {
          let result = try await tune(usage, hub, in: folder)
          #expect(result.exitCode == 64, "\(usage)")
        }
      }
    }
  }

  @Test func anInterruptKeepsWhatHasArrived() async throws {
    let misbehaving: TestHub.Misbehaviour = {
      guard $0.isContent else { return nil }
      return $0.earlier == 0 ? .cut(after: 100_000) : .silence
    }
    try await Processes.inFolderAwaiting { folder in
      let out = folder + "/out"
      try await TestHub.serving([Self.repository], misbehaving: misbehaving) { hub in
        let (process, _, errors) = try Processes.start(
          ["download", "owner/small-model", "--output-dir", out], in: folder,
          environment: ["HOME": folder, "HF_ENDPOINT": hub.endpoint])
        while hub.requests.filter(\.isContent).count < 2 {
          try await Task.sleep(for: .milliseconds(10))
        }
        kill(process.processIdentifier, SIGINT)
        while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
        #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        let text = try errors.fileHandleForReading.readToEnd() ?? Data()
        #expect(String(decoding: text, as: UTF8.self).contains("again to resume"))
        #expect(!FileManager.default.fileExists(atPath: out + "/model.safetensors"))
      }
      try await TestHub.serving([Self.repository]) { hub in
        let again = try await tune(
          ["owner/small-model", "--output-dir", out], hub, in: folder)
        #expect(again.exitCode == 0)
        let range = hub.requests.first(where: \.isContent)?.headers["range"]
        #expect(range?.hasPrefix("bytes=") == true)
        let bytes = FileManager.default.contents(atPath: out + "/model.safetensors")
        #expect(bytes.map(Array.init) == Self.repository.files["model.safetensors"]?.bytes)
      }
    }
  }

  @Test func aFileThatMayNotGrowIsAnError() async throws {
    try await Processes.inFolderAwaiting { folder in
      try await TestHub.serving([Self.repository]) { hub in
        // 64 blocks of 1024 bytes; what is larger fails as it does on a full disk.
        let result = try await Program.run(
          "/bin/bash",
          [
            "-c", "ulimit -f 64; exec \"$0\" \"$@\"", Processes.tune.path, "download",
            "owner/small-model", "--output-dir", folder + "/out",
          ], environment: ["HOME": folder, "HF_ENDPOINT": hub.endpoint])
        #expect(result.exitCode == 1)
        #expect(result.stderr.contains("larger than this system lets you write"))
        #expect(!FileManager.default.fileExists(atPath: folder + "/out/model.safetensors"))
      }
    }
  }

  @Test func aDatasetAndAKaggleModelArrive() async throws {
    let dataset = HubRepository("owner/data", isDataset: true, ["a.jsonl": HubFile("{}\n")])
    let handle = "metaresearch/llama/pytorch/1b"
    try await Processes.inFolderAwaiting { folder in
      try await TestHub.serving([dataset], archives: [handle + "/1": HubFile("no archive")]) {
        hub in
        let result = try await tune(
          ["owner/data", "--repo-type", "dataset", "--output-dir", folder + "/d"], hub, in: folder)
        #expect(result.stdout.hasSuffix("locations:\n\(folder)/d/a.jsonl\n"))
        #expect(result.stdout.contains("Successfully downloaded dataset repo"))
        let kaggle = try await tune([handle, "--source", "kaggle"], hub, in: folder)
        #expect(kaggle.exitCode == 1 && kaggle.stderr.contains("archive is refused"), "\(kaggle)")
        let missing = try await tune(["other/llama/jax/1b", "--source", "kaggle"], hub, in: folder)
        #expect(
          missing.exitCode == 1 && missing.stderr.contains("model 'other/llama/jax/1b' not found"))
        #expect(missing.stderr.contains("warning: "))
      }
    }
  }
}
