// Models from Kaggle: the archive fetched, checked, unpacked and put in place; hostile archives
// refused with nothing left behind.
import Essentials
import Foundation
import TestHub
import Testing

@testable import Hub

struct KaggleTests {
  static let handle = "metaresearch/llama-3.2/pytorch/1b"
  static let long = String(repeating: "long-", count: 30) + "name/file.bin"
  static let files: [String: [UInt8]] = [
    "params.json": Array("{\"dim\": 64}".utf8), "tokenizer.model": Array("vocabulary".utf8),
    "consolidated.00.pth": HubFile.large(90_000).bytes, "deep/er/x.txt": Array("x".utf8),
    long: [1, 2, 3], "empty": [],
  ]
  static let archive: [UInt8] = {
    var tar = TarSamples.entry("./", kind: "5")
    for name in ["params.json", "tokenizer.model", "consolidated.00.pth", "empty"] {
      tar += TarSamples.entry("./" + name, files[name] ?? [])
    }
    tar += TarSamples.entry("x.txt", files["deep/er/x.txt"] ?? [], prefix: "deep/er")
    tar += TarSamples.extended(["path": long, "mtime": "1"])
    tar += TarSamples.entry("cut-short", files[long] ?? [])
    return TarSamples.gzip(tar + TarSamples.end)
  }()

  @discardableResult
  private func download(
    _ hub: TestHub, home: String, to folder: String?, _ handle: String = handle,
    _ selection: FileSelection = FileSelection(), _ environment: [String: String] = [:]
  ) async throws -> String {
    let settings = try HubSettings.test(hub, home: home, environment)
    return try await HubClient.use(settings) {
      try await $0.download(KaggleHandle(handle), selection, into: folder, display: .quiet)
    }
  }

  @Test func theNewestVersionArrives() async throws {
    let archives = [Self.handle + "/2": HubFile(Self.archive), Self.handle + "/1": HubFile("old")]
    try await inFolder { folder in
      try await TestHub.serving(archives: archives) { hub in
        try await download(hub, home: folder, to: folder + "/out")
        #expect(contents(folder + "/out") == Self.files)
        // Without a folder: where kagglehub looks, and marked as whole as it does.
        let cached = try await download(hub, home: folder, to: nil)
        #expect(cached == "\(folder)/.cache/kagglehub/models/\(Self.handle)/2")
        #expect(contents(cached) == Self.files)
        let before = hub.requests.count
        #expect(try await download(hub, home: folder, to: nil, Self.handle + "/2") == cached)
        #expect(hub.requests.count == before)
      }
    }
  }

  @Test func patternsChoose() async throws {
    try await inFolder { folder in
      try await TestHub.serving(archives: [Self.handle + "/1": HubFile(Self.archive)]) { hub in
        try await download(
          hub, home: folder, to: folder + "/out", Self.handle + "/1",
          FileSelection(allowing: ["*.json", "*.model"]))
        #expect(Set(contents(folder + "/out").keys) == ["params.json", "tokenizer.model"])
        // A part of a model must not look whole to who comes later.
        let some = FileSelection(ignoring: ["*.pth"])
        let cached = try await download(hub, home: folder, to: nil, Self.handle, some)
        #expect(contents(cached).count == 5)
        #expect(try await download(hub, home: folder, to: nil) == cached)
        #expect(contents(cached) == Self.files)
      }
    }
  }

  @Test(arguments: [HubFault.cut(after: 40_000), .corrupt, .status(503), .ignoreRange])
  func faultsAreSurvived(fault: HubFault) async throws {
    let misbehaving: TestHub.Misbehaviour = { $0.isContent && $0.earlier == 1 ? fault : nil }
    try await inFolder { folder in
      try await TestHub.serving(
        archives: [Self.handle + "/1": HubFile(Self.archive)], misbehaving: misbehaving
      ) { hub in
        try await download(hub, home: folder, to: folder + "/out")
        #expect(contents(folder + "/out") == Self.files)
        #expect(hub.requests.filter(\.isContent).allSatisfy { $0.headers["authorization"] == nil })
      }
    }
  }

  @Test func refusalsAreNamed() async throws {
    let gated = "gated/model/pytorch/1b"
    try await inFolder { folder in
      try await TestHub.serving(archives: [gated + "/1": HubFile(Self.archive)]) { hub in
        func error(_ handle: String, _ environment: [String: String] = [:]) async throws
          -> TuneError
        {
          try await failure {
            try await download(
              hub, home: folder, to: folder + "/out", handle, FileSelection(), environment)
          }
        }
        #expect(try await error(gated).remedy?.contains("--kaggle-username") == true)
        let wrong = ["KAGGLE_USERNAME": "someone", "KAGGLE_KEY": "x"]
        #expect(try await error(gated, wrong).remedy?.contains("check your name and key") == true)
        #expect(try await error("a/b/c/d").message.contains("model 'a/b/c/d' not found on Kaggle"))
        #expect(visible(folder + "/out").isEmpty)
        let right = ["KAGGLE_USERNAME": "someone", "KAGGLE_KEY": TestHub.token]
        try await download(
          hub, home: folder, to: folder + "/out", gated, FileSelection(), right)
        #expect(contents(folder + "/out") == Self.files)
      }
    }
  }

  @Test(arguments: [
    "a/b/c", "a/b/c/d/e", "a/b/c/d/0", "a//c/d", "a/b/../d", "", "a/b/c/d/1/2", "a b/c/d/e",
  ])
  func handlesOfNoModel(text: String) { #expect(throws: TuneError.self) { try KaggleHandle(text) } }

  static let hostile: [(String, [UInt8])] = [
    ("'../evil'", TarSamples.entry("../evil", [1])), ("'/evil'", TarSamples.entry("/evil", [1])),
    ("'a/../../evil'", TarSamples.entry("a", [1], prefix: "") + TarSamples.entry("a/../../evil")),
    ("neither a file nor", TarSamples.entry("link", kind: "2", link: "/etc/passwd")),
    ("neither a file nor", TarSamples.entry("link", kind: "1", link: "../x")),
    ("neither a file nor", TarSamples.entry("device", kind: "3")),
    ("neither a file nor", TarSamples.entry("pipe", kind: "6")),
    ("'../pax'", TarSamples.extended(["path": "../pax"]) + TarSamples.entry("ok", [1])),
    ("'../gnu'", TarSamples.entry("x", Array("../gnu\0".utf8), kind: "L") + TarSamples.entry("ok")),
    ("sparse", TarSamples.extended(["GNU.sparse.major": "1"]) + TarSamples.entry("ok", [1])),
    ("twice", TarSamples.entry("a", [1]) + TarSamples.entry("a", [2])),
    ("size that cannot be", TarSamples.entry("a", size: "77777777777z")),
    ("size that cannot be", TarSamples.extended(["size": "-5"]) + TarSamples.entry("a")),
    ("too early", Array(TarSamples.entry("a", HubFile.large(5000).bytes).prefix(2000))),
    ("not a tar archive", [UInt8](repeating: 7, count: 1024)),
    ("name is too long", TarSamples.entry("x", size: "77777777", prefix: "").replacingKind("L")),
  ]

  @Test(arguments: hostile.indices) func hostileArchivesAreRefused(index: Int) async throws {
    let (message, tar) = Self.hostile[index]
    let packed = TarSamples.gzip(tar + (message == "too early" ? [] : TarSamples.end))
    try await inFolder { folder in
      try await TestHub.serving(archives: [Self.handle + "/1": HubFile(packed)]) { hub in
        let error = try await failure {
          try await download(hub, home: folder, to: folder + "/out")
        }
        #expect(error.code == .malformedFile)
        #expect(error.message.contains(message), "\(error)")
        #expect(visible(folder + "/out").isEmpty)
        #expect(contents(folder).keys.allSatisfy { !$0.contains("evil") })
      }
    }
  }

  @Test func whatIsNoArchiveIsRefused() async throws {
    var cut = Self.archive
    cut.removeLast(cut.count / 2)
    for bytes in [cut, Array("a web page".utf8)] {
      try await inFolder { folder in
        try await TestHub.serving(archives: [Self.handle + "/1": HubFile(bytes)]) { hub in
          let error = try await failure {
            try await download(hub, home: folder, to: folder + "/out")
          }
          #expect(error.code == .malformedFile)
          #expect(error.location.file?.hasPrefix(hub.endpoint) == true)
          // Not even the archive: the next attempt must not go on with it.
          #expect(contents(folder + "/out").isEmpty)
        }
      }
    }
  }

  @Test func anArchiveTooLargeForTheDiskIsRefused() async throws {
    let tar = TarSamples.entry("a", size: "7777777777")
    try await inFolder { folder in
      try await TestHub.serving(archives: [Self.handle + "/1": HubFile(TarSamples.gzip(tar))]) {
        hub in
        var settings = try HubSettings.test(hub, home: folder)
        settings.disk.freeBytes = { _ in 10_000 }
        let error = try await failure {
          try await HubClient.use(settings) {
            _ = try await $0.download(
              KaggleHandle(Self.handle), into: folder + "/out", display: .quiet)
          }
        }
        #expect(error.code == .disk)
        #expect(visible(folder + "/out").isEmpty)
      }
    }
  }

  /// Bytes changed here and there: an error or files, never a crash, never a place outside.
  @Test func changedArchivesAreReadOrRefused() throws {
    let tar =
      TarSamples.entry("a.txt", [1, 2, 3]) + TarSamples.extended(["path": "b/c", "size": "4"])
      + TarSamples.entry("short", [1, 2, 3, 4])
      + TarSamples.entry("x", Array("long\0".utf8), kind: "L")
      + TarSamples.entry("d", [9], prefix: "e") + TarSamples.end
    var random = MersenneTwister(seed: 11)
    for _ in 0..<2000 {
      var bytes = tar
      for _ in 0..<Int(random.next32() % 4 + 1) {
        bytes[Int(random.next32()) % bytes.count] = UInt8(truncatingIfNeeded: random.next32())
      }
      // Checksums would hide what is behind them.
      if random.next32() % 2 == 0 { bytes.mendChecksums() }
      var rest = bytes[...]
      let archive = TarArchive(path: "x") { buffer in
        let count = min(buffer.count, rest.count)
        buffer.copyBytes(from: rest.prefix(count))
        rest = rest.dropFirst(count)
        return count
      }
      do {
        while let entry = try archive.next() {
          #expect(RemoteFile.isSafe(entry.path))
          var count = 0
          try archive.read(entry) { count += $0.count }
          #expect(count == entry.size)
        }
      } catch is TuneError {}
    }
  }
}

extension [UInt8] {
  fileprivate func replacingKind(_ kind: Character) -> [UInt8] {
    var bytes = self
    bytes[156] = kind.asciiValue ?? 0
    bytes.mendChecksums()
    return bytes
  }

  /// Writes the right checksum into every block that could be a header.
  fileprivate mutating func mendChecksums() {
    for start in stride(from: 0, to: count - 511, by: 512) where self[start + 257] == 0x75 {
      for i in 148..<156 { self[start + i] = 32 }
      let digits = String(self[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
      let text = String(repeating: "0", count: Swift.max(0, 6 - digits.count)) + digits + "\0"
      for (i, byte) in text.utf8.enumerated() { self[start + 148 + i] = byte }
    }
  }
}
