// Downloads from a hub that misbehaves: each fault that may pass is survived, with a bounded number
// of pauses; each that stays has its own message; and nothing wrong is ever under a final name.
import Essentials
import Foundation
import TestHub
import Testing

@testable import Hub

struct FaultTests {
  static let repository = HubRepository(
    "owner/model",
    ["config.json": HubFile("{\"a\": 1}"), "w.safetensors": .large(200_000, seed: 9)])
  static let file = "/owner/model/resolve/\(repository.commit)/config.json"
  static let tree = "/api/models/owner/model/tree/\(repository.commit)"
  static let revision = "/api/models/owner/model/revision/main"
  static let weights = "/file/\(repository.files["w.safetensors"]?.sha256 ?? "")"

  /// A fault at one path, the first `times` times.
  static func at(_ path: String, times: Int = .max, _ fault: HubFault) -> TestHub.Misbehaviour {
    { $0.path == path && $0.earlier < times ? fault : nil }
  }

  static let passing: [(String, HubFault)] = [
    (revision, .status(503)), (tree, .status(500)), (tree, .cut(after: 20)),
    (tree, .length(1_000_000)), (file, .status(429, ["Retry-After": "3"])), (file, .status(504)),
    (file, .cut(after: 0)), (file, .corrupt), (file, .length(3)), (file, .length(900)),
    (weights, .cut(after: 1)), (weights, .cut(after: 150_000)), (weights, .corrupt),
    (weights, .length(199_999)), (weights, .length(200_001)), (weights, .status(408)),
    (weights, .answer("something else")), (weights, .headers(["Content-Encoding": "gzip"])),
  ]

  @Test(arguments: passing.indices) func aFaultThatPassesIsSurvived(index: Int) async throws {
    let (path, fault) = Self.passing[index]
    let misbehaving = Self.at(path, times: 2, fault)
    // Wrong content is believed to be an accident once only.
    let once = Self.at(path, times: 1, fault)
    let isCorrupt = if case .corrupt = fault { true } else { false }
    try await inFolder { folder in
      try await TestHub.serving([Self.repository], misbehaving: isCorrupt ? once : misbehaving) {
        hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == Self.repository.bytes)
        #expect(hub.requests.filter { $0.path == path }.count >= 2)
      }
    }
  }

  static let lasting: [(String, HubFault, String)] = [
    (revision, .status(503), "status 503"), (tree, .status(429), "takes no more requests"),
    (revision, .answer("not JSON"), "not JSON"), (revision, .answer("{}"), "no commit"),
    (revision, .answer(#"{"sha": "main"}"#), "no commit"),
    (tree, .answer("{}"), "a list of files that is an object"),
    (tree, .answer("[{}]"), "without type or path"),
    (tree, .answer(#"[{"type":"file","path":"a","size":-1,"oid":"00"}]"#), "no size or checksum"),
    (file, .status(503), "status 503"), (file, .status(418), "status 418"),
    (file, .corrupt, "checksum mismatch"),
    (weights, .corrupt, "checksum mismatch"),
    (weights, .length(7), "7 bytes where"), (weights, .status(403), "denied"),
    (weights, .headers(["Content-Encoding": "br"]), "packed with 'br'"),
    (file, .redirect(file), "one redirect after another"),
    (file, .redirect("ftp://example.org/x"), "a redirect to"),
    (file, .cut(after: 0), "failed repeatedly"),
  ]

  @Test(arguments: lasting.indices) func aFaultThatStaysIsNamed(index: Int) async throws {
    let (path, fault, message) = Self.lasting[index]
    try await inFolder { folder in
      try await TestHub.serving([Self.repository], misbehaving: Self.at(path, fault)) { hub in
        let pauses = Pauses()
        let error = try await failure {
          try await download(from: hub, to: folder, pauses: pauses)
        }
        #expect(error.code == .network)
        #expect(error.description.contains(message), "\(error)")
        #expect(error.remedy != nil && error.exitCode == 1)
        #expect(pauses.durations.count < 10)
        #expect(!error.description.contains("secret"))
        for (path, bytes) in visible(folder + "/out") {
          #expect(Self.repository.bytes[path] == bytes)
        }
      }
    }
  }

  @Test func aConnectionThatKeepsBreakingGetsThere() async throws {
    let misbehaving: TestHub.Misbehaviour = {
      $0.path == Self.weights ? .cut(after: 30_000) : nil
    }
    try await inFolder { folder in
      try await TestHub.serving([Self.repository], misbehaving: misbehaving) { hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == Self.repository.bytes)
        let ranges = hub.requests.filter { $0.path == Self.weights }.compactMap {
          $0.headers["range"]
        }
        #expect(ranges.count >= 6)
        #expect(Set(ranges).count == ranges.count)
        // What is asked for anew must still be the same content.
        let resumed = hub.requests.last { $0.path == Self.weights }
        #expect(resumed?.headers["if-range"]?.hasPrefix("\"") == true)
      }
    }
  }

  @Test(arguments: [HubFault.ignoreRange, .shiftRange, .status(416)])
  func aServerWithoutRangesIsAskedForAll(fault: HubFault) async throws {
    let misbehaving: TestHub.Misbehaviour = {
      guard $0.path == Self.weights else { return nil }
      if $0.earlier == 0 { return .cut(after: 100_000) }
      return $0.headers["range"] == nil ? nil : fault
    }
    try await inFolder { folder in
      try await TestHub.serving([Self.repository], misbehaving: misbehaving) { hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == Self.repository.bytes)
      }
    }
  }

  @Test func aLongFileIsAskedForInPieces() async throws {
    let file = try #require(Self.repository.files["w.safetensors"])
    try await inFolder { folder in
      try await TestHub.serving([Self.repository]) { hub in
        try await HubClient.use(.test(hub, home: folder)) { client in
          let remote = RemoteFile(
            path: "w.safetensors", size: file.bytes.count, content: .sha256(file.sha256))
          let progress = TransferProgress("x", bytes: nil, files: 1, display: .quiet)
          var download = try client.fileDownload(
            remote, Repository("owner/model"), commit: Self.repository.commit, progress)
          download.longestAnswer = 60_000
          let part = try PartialFile(
            folder + "/part", size: remote.size, content: remote.content, disk: DiskAccess())
          try await download.fill(part)
          #expect(contents(folder) == ["part": file.bytes])
          let content = hub.requests.filter(\.isContent)
          #expect(content.map { $0.headers["range"] }.last == "bytes=180000-")
          #expect(content.count == 4)
        }
      }
    }
  }

  @Test func aPartOfOtherContentIsNotGoneOnWith() async throws {
    let old = HubRepository("owner/model", ["w.safetensors": .large(200_000, seed: 1)])
    let new = HubRepository("owner/model", ["w.safetensors": .large(200_000, seed: 2)])
    let misbehaving: TestHub.Misbehaviour = {
      $0.isContent ? ($0.earlier == 0 ? .cut(after: 90_000) : .status(404)) : nil
    }
    try await inFolder { folder in
      try await TestHub.serving([old], misbehaving: misbehaving) { hub in
        _ = try await failure { try await download(from: hub, to: folder) }
        #expect(visible(folder + "/out").isEmpty)
        #expect(contents(folder + "/out").values.contains { !$0.isEmpty })
      }
      try await TestHub.serving([new]) { hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == new.bytes)
        #expect(hub.requests.allSatisfy { $0.headers["range"] == nil })
      }
    }
  }

  @Test func pausesDoubleAndRetryAfterIsObeyed() async throws {
    try await inFolder { folder in
      let pauses = Pauses()
      try await TestHub.serving(
        [Self.repository], misbehaving: Self.at(Self.revision, .status(502))
      ) { hub in
        _ = try await failure { try await download(from: hub, to: folder, pauses: pauses) }
        #expect(
          pauses.durations == [0.5, 1, 2, 4, 8].map { Duration.milliseconds(Int($0 * 1000)) })
      }
      let asked = Pauses()
      let busy = HubFault.status(429, ["Retry-After": "77"])
      try await TestHub.serving([Self.repository], misbehaving: Self.at(Self.tree, times: 1, busy))
      { hub in
        try await download(from: hub, to: folder, pauses: asked)
        #expect(asked.durations == [.seconds(77)])
      }
      let never = HubFault.status(429, ["Retry-After": "86400"])
      try await TestHub.serving([Self.repository], misbehaving: Self.at(Self.tree, never)) { hub in
        let error = try await failure { try await download(from: hub, to: folder, pauses: asked) }
        #expect(error.message.contains("86400 seconds"))
      }
    }
  }

  @Test func aSilentServerIsLeft() async throws {
    try await inFolder { folder in
      try await TestHub.serving(
        [Self.repository], misbehaving: Self.at(Self.weights, times: 1, .silence)
      ) { hub in
        try await download(from: hub, to: folder) { $0.silence = 1 }
        #expect(contents(folder + "/out") == Self.repository.bytes)
      }
    }
  }
}
