// What is refused, by the hub or by us: gated and missing repositories, tokens that are wrong,
// hosts that are not there, full disks, names that would leave the folder, tokens for strangers.
import Essentials
import Foundation
import TestHub
import Testing

@testable import Hub

struct RefusalTests {
  private func refusal(
    _ access: HubRepository.Access = .open, token: String? = nil, id: String = "owner/model",
    revision: String = "main", misbehaving: @escaping TestHub.Misbehaviour = { _ in nil },
    changing: (inout HubSettings) -> Void = { _ in }
  ) async throws -> TuneError {
    var repository = HubRepository.sample
    repository.access = access
    return try await inFolder { folder in
      try await TestHub.serving([repository], misbehaving: misbehaving) { hub in
        let error = try await failure {
          try await download(
            id, from: hub, to: folder, token: token, revision: revision, changing: changing)
        }
        for (path, bytes) in visible(folder + "/out") { #expect(repository.bytes[path] == bytes) }
        #expect(error.remedy != nil)
        return error
      }
    }
  }

  @Test func aGatedRepositoryNeedsATokenOrConsent() async throws {
    let without = try await refusal(.gated)
    #expect(without.message.contains("is gated"))
    #expect(without.remedy?.contains("--hf-token") == true)
    let with = try await refusal(.gated, token: "hf_other")
    #expect(with.message.contains("is gated"))
    #expect(with.remedy?.contains("account of your token") == true)
  }

  @Test func whatIsMissingIsNamed() async throws {
    let repository = try await refusal(id: "owner/other")
    #expect(repository.message.contains("model 'owner/other' not found"))
    #expect(repository.remedy?.contains("--repo-type dataset") == true)
    #expect(try await refusal(.hidden).message.contains("it may be private"))
    let revision = try await refusal(revision: "v2")
    #expect(revision.message.contains("has no revision 'v2'"))
    let entry = try await refusal(misbehaving: {
      $0.path.contains("/resolve/") ? .status(404, ["X-Error-Code": "EntryNotFound"]) : nil
    })
    #expect(entry.message.contains("a file that does not exist"))
  }

  @Test func aWrongTokenIsNamed() async throws {
    let wrong = try await refusal(
      token: "hf_old",
      misbehaving: { _ in
        .status(401, ["X-Error-Message": "Invalid credentials in Authorization header"])
      })
    #expect(wrong.message.contains("rejected the token"))
    let odd = try await refusal(token: "hf_\u{1F600}")
    #expect(odd.code == .usage && odd.message.contains("characters"))
    #expect(try await refusal(misbehaving: { _ in .status(403) }).message.contains("denied"))
  }

  @Test func beingOfflineIsNamed() async throws {
    let offline = try await refusal(changing: { $0.isOffline = true })
    #expect(offline.message.contains("HF_HUB_OFFLINE"))
    let closed = try await refusal(changing: { $0.endpoint = URL(filePath: "/") })
    #expect(closed.message.contains("unexpected answer"))
    let port = try #require(URL(string: "http://127.0.0.1:1"))
    let refused = try await refusal(changing: { $0.endpoint = port })
    #expect(refused.message.contains("cannot connect to 127.0.0.1:1"))
    let name = try #require(URL(string: "http://no-such-host.invalid"))
    let unknown = try await refusal(changing: { $0.endpoint = name })
    #expect(unknown.message.contains("no-such-host.invalid"))
    #expect(unknown.code == .network)
  }

  @Test func aFullDiskIsFoundBeforeAndDuring() async throws {
    let before = try await refusal(changing: { $0.disk.freeBytes = { _ in 1000 } })
    #expect(before.code == .disk && before.message.contains("the disk has 1000 bytes left"))
    for (number, message) in [(ENOSPC, "the disk is full"), (EFBIG, "larger than this system")] {
      let during = try await refusal(changing: {
        $0.disk.write = { descriptor, bytes in
          if lseek(descriptor, 0, SEEK_CUR) > 60_000 {
            errno = number
            return -1
          }
          return Foundation.write(descriptor, bytes.baseAddress, min(bytes.count, 1000))
        }
      })
      #expect(during.code == .disk && during.message.contains(message))
    }
  }

  static let hostilePaths = [
    "../evil", "a/../../evil", "/etc/evil", "a//b", "./a", "a/.", "", "nul\\u0000l",
    "esc\\u001b[31m", ".tune-download/lock", "a/..", "bidi\\u202e",
  ]

  @Test(arguments: hostilePaths) func namesThatLeaveTheFolderAreRefused(path: String) async throws {
    let oid = String(repeating: "0", count: 40)
    let listing = #"[{"type":"file","path":"\#(path)","size":1,"oid":"\#(oid)"}]"#
    let hostile = try await refusal(misbehaving: {
      $0.path.contains("/tree/") ? .answer(listing) : nil
    })
    #expect(hostile.message.contains("which is refused"))
    #expect(!hostile.description.contains("\u{1B}"))
  }

  @Test func namesThatCannotBothBeAreRefused() async throws {
    let oid = String(repeating: "0", count: 40)
    func listing(_ paths: String...) -> HubFault {
      let entries = paths.map { #"{"type":"file","path":"\#($0)","size":1,"oid":"\#(oid)"}"# }
      return .answer("[" + entries.joined(separator: ",") + "]")
    }
    for (fault, message) in [
      (listing("a", "a"), "listed twice"), (listing("a", "a/b"), "both a file and a folder"),
    ] {
      let hostile = try await refusal(misbehaving: { $0.path.contains("/tree/") ? fault : nil })
      #expect(hostile.description.contains(message))
    }
  }

  @Test func aLinkInTheFolderLeadsNowhereElse() async throws {
    try await inFolder { folder in
      try await TestHub.serving([.sample]) { hub in
        let outside = folder + "/outside"
        try DiskAccess.makeFolder(outside)
        try DiskAccess.makeFolder(folder + "/out")
        #expect(symlink(outside, folder + "/out/original") == 0)
        let error = try await failure { try await download(from: hub, to: folder) }
        #expect(error.message.contains("leads out of the folder"))
        #expect(contents(outside).isEmpty)
        unlink(folder + "/out/original")
        #expect(symlink(folder + "/nothing", folder + "/out/original") == 0)
        let dangling = try await failure { try await download(from: hub, to: folder) }
        #expect(dangling.message.contains("leads out of the folder"))
      }
    }
  }

  @Test func pagesThatDoNotEndOrLeadAwayAreRefused() async throws {
    let tree = "/api/models/owner/model/tree/\(HubRepository.sample.commit)"
    func next(_ link: String) -> TestHub.Misbehaviour {
      { $0.path == tree ? .answer("[]", ["Link": "<\(link)>; rel=\"next\""]) : nil }
    }
    let loop = try await refusal(misbehaving: next(tree + "?cursor=1"))
    #expect(loop.description.contains("does not end"))
    let away = try await refusal(token: "hf_x", misbehaving: next("http://127.0.0.1:1" + tree))
    #expect(away.description.contains("on another host"))
  }

  @Test func aRedirectTakesNoTokenElsewhere() async throws {
    try await inFolder { folder in
      try await TestHub.serving { stranger in
        let target = stranger.endpoint + "/api/models/owner/model"
        try await TestHub.serving([.sample], misbehaving: { _ in .redirect(target) }) { hub in
          _ = try await failure { try await download(from: hub, to: folder, token: "hf_x") }
        }
        #expect(!stranger.requests.isEmpty)
        #expect(stranger.requests.allSatisfy { $0.headers["authorization"] == nil })
      }
    }
  }

  @Test func aMirrorsLinksStayAtTheMirror() async throws {
    let entries = HubRepository("owner/model", ["a.txt": HubFile("a")])
    let tree = "/api/models/owner/model/tree/\(entries.commit)"
    let misbehaving: TestHub.Misbehaviour = {
      $0.path == tree && $0.earlier == 0
        ? .answer("[]", ["Link": "<https://huggingface.co\(tree)?cursor=0>; rel=\"next\""]) : nil
    }
    try await inFolder { folder in
      try await TestHub.serving([entries], misbehaving: misbehaving) { hub in
        try await download(from: hub, to: folder)
        #expect(contents(folder + "/out") == entries.bytes)
      }
    }
  }

  @Test func aProxyIsAskedAndItsRefusalNamed() async throws {
    try await inFolder { folder in
      try await TestHub.serving { proxy in
        let environment = [
          "HOME": folder, "HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": proxy.content,
        ]
        var settings = try HubSettings(environment: environment)
        settings.retry.sleep = { _ in }
        let error = try await failure {
          try await HubClient.use(settings) {
            _ = try await $0.download(Repository("a/b"), into: folder + "/out", display: .quiet)
          }
        }
        #expect(error.message.contains("the proxy refuses to connect to hub.invalid"))
        #expect(proxy.requests.first?.method == "CONNECT")
      }
    }
  }

  @Test func certificatesThatCannotBeReadAreNamed() async throws {
    let error = try await refusal(changing: { $0.certificates = "/no/such/file.pem" })
    #expect(error.code == .missingFile && error.message.contains("SSL_CERT_FILE"))
  }

  @Test func aFailureLeavesNothingOfNoUse() async throws {
    var repository = HubRepository("owner/model", ["w.safetensors": .large(1000)])
    repository.access = .gated
    try await inFolder { folder in
      try await TestHub.serving([repository]) { hub in
        _ = try await failure { try await download(from: hub, to: folder) }
        #expect(contents(folder + "/out").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: folder + "/out/.tune-download"))
      }
    }
  }
}
