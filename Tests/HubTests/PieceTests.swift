// The pieces by themselves: patterns as Python reads them, environment, proxies, headers, names.
import Essentials
import Foundation
import Testing

@testable import Hub

struct PieceTests {
  /// From Python 3.11's `fnmatch.fnmatchcase`.
  @Test(arguments: [
    ("*.safetensors", "a/b.safetensors", true), ("*.json", "a.jsonl", false),
    ("?.txt", "a.txt", true),
    ("[!]a]", "b", true), ("[!]a]", "]", false), ("[]a]", "]", true), ("[a-]", "-", true),
    ("[z-a]x", "zx", false), ("[!z-a]x", "qx", true), ("[a-c-e]", "-", true),
    ("[a-c-e]", "d", false),
    ("[--/]", "/", true), ("[!]", "[!]", true), ("[^a]", "^", true), ("a*b*c", "aXbYbZc", true),
    ("a*b*c", "aXbYbZ", false), ("original/", "original/x/y", true),
    ("original/", "original", false),
    ("A*", "a", false), ("", "", true), ("", "a", false), ("a\\b", "a/b", true), ("*", "", true),
    ("é?", "éß", true), ("****x", "aax", true),
  ])
  func wildcards(pattern: String, text: String, matches: Bool) {
    #expect(Wildcard(pattern).matches(text) == matches)
  }

  @Test func aPatternOfManyStarsEnds() {
    let text = String(repeating: "a", count: 3000)
    #expect(!Wildcard(String(repeating: "a*", count: 500) + "b").matches(text))
  }

  @Test func theEnvironmentIsReadAsHuggingFaceReadsIt() async throws {
    func settings(_ variables: [String: String]) throws -> HubSettings {
      try HubSettings(environment: ["HOME": "/none"].merging(variables) { $1 })
    }
    let plain = try settings([:])
    #expect(plain.endpoint.absoluteString == "https://huggingface.co")
    #expect(plain.token == nil && !plain.isOffline)
    #expect(plain.cacheFolder == "/none/.cache/huggingface/hub")
    #expect(try settings(["XDG_CACHE_HOME": "/x"]).cacheFolder == "/x/huggingface/hub")
    #expect(try settings(["HF_HOME": "~/h"]).cacheFolder == "/none/h/hub")
    #expect(try settings(["HF_HOME": "/h", "HF_HUB_CACHE": "/c"]).cacheFolder == "/c")
    #expect(
      try settings(["HF_ENDPOINT": "https://m.org//"]).endpoint.absoluteString == "https://m.org")
    #expect(try settings(["HF_TOKEN": " a\n", "HUGGING_FACE_HUB_TOKEN": "b"]).token == "a")
    #expect(try settings(["HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "b"]).token == "b")
    for value in ["1", "true", "YES", "on"] {
      #expect(try settings(["HF_HUB_OFFLINE": value]).isOffline)
    }
    #expect(try !settings(["HF_HUB_OFFLINE": "0"]).isOffline)
    for name in ["HF_ENDPOINT", "KAGGLE_API_ENDPOINT"] {
      for value in ["nonsense", "ftp://x", "http://", "http://x?y"] {
        #expect(throws: TuneError.self) { try settings([name: value]) }
      }
    }
    try await inFolder { folder in
      try DiskAccess.makeFolder(folder + "/.cache/huggingface")
      try Data("saved\n".utf8).write(to: URL(filePath: folder + "/.cache/huggingface/token"))
      try Data("other\n".utf8).write(to: URL(filePath: folder + "/other"))
      #expect(try settings(["HOME": folder]).token == "saved")
      #expect(try settings(["HF_TOKEN_PATH": folder + "/other"]).token == "other")
      #expect(try settings(["HOME": folder, "HF_TOKEN": "named"]).token == "named")
      try DiskAccess.makeFolder(folder + "/.kaggle")
      let file = URL(filePath: folder + "/.kaggle/kaggle.json")
      try Data(#"{"username": "u", "key": "k"}"#.utf8).write(to: file)
      #expect(try settings(["HOME": folder]).kaggle.authorization == "Basic dTpr")
      #expect(try settings(["KAGGLE_API_TOKEN": "t"]).kaggle.authorization == "Bearer t")
      try Data("{}".utf8).write(to: file)
      #expect(throws: TuneError.self) { try settings(["HOME": folder]) }
    }
  }

  @Test func proxiesAreForTheirSchemeAndNotForExceptions() throws {
    func proxy(_ variables: [String: String], _ address: String) throws -> String? {
      let settings = try ProxySettings(Variables(variables))
      let origin = try #require(URL(string: address).flatMap { Origin($0) })
      return settings.proxy(for: origin).map { "\($0.kind) \($0.host):\($0.port) \($0.user ?? "")" }
    }
    let both = [
      "https_proxy": "http://me:x@p:8080", "HTTP_PROXY": "q", "NO_PROXY": "a.org,.b.org:81",
    ]
    #expect(try proxy(both, "https://c.org") == "http p:8080 me")
    #expect(try proxy(both, "http://c.org") == "http q:80 ")
    #expect(try proxy(both, "https://x.a.org") == nil)
    #expect(try proxy(both, "http://b.org:81") == nil)
    #expect(try proxy(both, "http://b.org:82") != nil)
    #expect(try proxy(both, "https://xa.org") != nil)
    #expect(try proxy(["ALL_PROXY": "socks5://s", "no_proxy": "*"], "http://c.org") == nil)
    #expect(try proxy(["ALL_PROXY": "socks5://s"], "http://c.org") == "socks s:1080 ")
    #expect(throws: TuneError.self) { try proxy(["ALL_PROXY": "gopher://s"], "http://c.org") }
  }

  private func response(_ status: Int, _ headers: HeaderFields) throws -> WebSession.Response {
    let url = try #require(URL(string: "http://h/x"))
    return .init(status: status, headers: headers, url: url, firstHeaders: headers)
  }

  @Test func pausesThatServersAskFor() throws {
    let now = Date(timeIntervalSince1970: 1_445_412_470)
    func pause(_ headers: HeaderFields) throws -> Duration? {
      try response(429, headers).askedPause(now: now)
    }
    #expect(try pause(["Retry-After": "7"]) == .seconds(7))
    #expect(try pause(["Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"]) == .seconds(10))
    #expect(try pause(["Retry-After": "Wed, 21 Oct 2015 07:00:00 GMT"]) == .seconds(0))
    #expect(try pause(["RateLimit": "\"api\";r=0;t=55"]) == .seconds(56))
    #expect(try pause(["Retry-After": "soon"]) == nil)
    #expect(try pause(["Retry-After": "-3"]) == nil)
    #expect(try pause([:]) == nil)
  }

  @Test func linksToTheNextPage() throws {
    func next(_ link: String) throws -> String? { try response(200, ["Link": link]).nextPage }
    #expect(try next("<http://h/y?a=1>; rel=\"next\"") == "http://h/y?a=1")
    #expect(try next("<a>; rel=\"prev\",<b>; rel=\"next\"") == "b")
    #expect(try next("<a>; rel=\"first\"") == nil)
    #expect(try next(";;;<>,,") == nil)
  }

  @Test func rangesOfAnswers() throws {
    let range = try response(206, ["Content-Range": "bytes 5-9/10"]).contentRange
    #expect(range?.start == 5 && range?.total == 10)
    let unknown = try response(206, ["Content-Range": "bytes 5-9/*"]).contentRange
    #expect(unknown?.start == 5 && unknown?.total == nil)
    for text in ["bytes */10", "5-9/10", "bytes x-9/10", "bytes 5", ""] {
      #expect(try response(206, ["Content-Range": text]).contentRange == nil)
    }
  }

  @Test(arguments: [
    "", "/", "a/b/c", "a/", "-a/b", "a/b.", "a--b", "a/..", "a b", "ä", "a/b\n",
    String(repeating: "x", count: 97),
  ])
  func namesOfNoRepository(id: String) {
    #expect(throws: TuneError.self) { try Repository(id) }
  }

  @Test func revisionsThatCannotBe() {
    for revision in ["", "a/../b", "/a", "a//b", "a\u{0}", String(repeating: "a", count: 300)] {
      #expect(throws: TuneError.self) { try Repository("a/b", revision: revision) }
    }
  }

  @Test func messagesShowNoSecrets() throws {
    let url = try #require(URL(string: "https://user:pass@h.org:8/a%20b?X-Signature=secret#f"))
    #expect(url.shown == "https://h.org:8/a%20b")
    #expect(clean("a\u{1B}[2Jb\nc\u{202E}d") == "a [2Jb c d")
    #expect(clean(String(repeating: "x", count: 1000)).count == 300)
  }

  @Test(arguments: [("-1", false), ("0", true), ("99", true), ("1.5", false), ("1e99", false)])
  func sizesAreCounts(size: String, isOne: Bool) throws {
    let hash = String(repeating: "0a", count: 20)
    let url = try #require(URL(string: "http://h/x"))
    let entry = try JSON.parse(
      #"{"type":"file","path":"a.txt","size":\#(size),"oid":"\#(hash)"}"#)
    if isOne {
      #expect(try RemoteFile(entry, url)?.size == Int(size))
    } else {
      #expect(throws: TuneError.self) { try RemoteFile(entry, url) }
    }
  }

  /// Bytes changed here and there: an error or files with safe names, never a crash.
  @Test func changedListingsAreReadOrRefused() throws {
    let (small, large) = (String(repeating: "0a", count: 20), String(repeating: "1b", count: 32))
    let listing = Array(
      """
      [{"type":"directory","path":"d"},{"type":"file","path":"d/a.txt","size":12,"oid":"\(small)"},
      {"type":"file","path":"w","size":1,"oid":"\(small)","lfs":{"oid":"\(large)","size":99}}]
      """.utf8)
    let url = try #require(URL(string: "http://h/x"))
    let odd = Array("/.\"\\\0{}[]:,-0919eE".utf8)
    var random = MersenneTwister(seed: 5)
    var readable = 0
    for _ in 0..<5000 {
      var bytes = listing
      for _ in 0..<Int(random.next32() % 3 + 1) {
        let new = random.next32() % 2 == 0 ? odd[Int(random.next32()) % odd.count] : nil
        bytes[Int(random.next32()) % bytes.count] =
          new ?? UInt8(truncatingIfNeeded: random.next32())
      }
      do {
        let entries = try JSON.parse(Data(bytes)).array ?? []
        let files = try entries.compactMap { try RemoteFile($0, url) }
        try RemoteFile.checkDistinct(files, url)
        readable += 1
        for file in files {
          #expect(RemoteFile.isSafe(file.path))
          #expect([40, 64].contains(file.content.text.utf8.count))
        }
      } catch is TuneError {}
    }
    #expect(readable > 100)
  }
}
