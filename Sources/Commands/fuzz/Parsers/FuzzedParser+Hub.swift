// What servers and the environment say: archives, answers, addresses.
import Essentials
import Foundation
import Hub

extension FuzzedParser {
  /// A tar archive whose headers have checksums that are right.
  static var tar: FuzzedParser {
    let long = String(repeating: "d/", count: 60) + "name"
    let record = "19 path=a/b/c/d.txt\n"
    let archives: [[UInt8]] = [
      block("a/b.json", "0", 5) + padded("hello") + block("c", "5", 0)
        + [UInt8](repeating: 0, count: 1024),
      block("././@LongLink", "L", long.utf8.count) + padded(long) + block("x", "0", 3)
        + padded("abc"),
      block("PaxHeaders/x", "x", record.utf8.count) + padded(record) + block("y", "0", 0),
      block("pax_global_header", "g", 0) + block("z", "7", 600)
        + padded(String(repeating: "z", count: 600)),
    ]
    return FuzzedParser(
      seeds: archives,
      words: [
        "ustar\u{0}00", "../", "./", "00000000000", "77777777777", "\u{80}", " path=", " size=",
        "\n",
      ],
      assembled: checksummed
    ) { input in
      var rest = input[...]
      let archive = TarArchive(path: "a.tar") { buffer in
        let piece = rest.prefix(min(buffer.count, 700))
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
      }
      while let entry = try archive.next() { try archive.read(entry) { _ in } }
    }
  }

  private static func padded(_ text: String) -> [UInt8] {
    Array(text.utf8) + [UInt8](repeating: 0, count: (512 - text.utf8.count % 512) % 512)
  }

  private static func block(_ name: String, _ kind: Character, _ size: Int) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ place: Int) {
      for (offset, byte) in text.utf8.enumerated() { block[place + offset] = byte }
    }
    let octal = String(size, radix: 8)
    put(name, 0)
    put("0000644", 100)
    put(String(repeating: "0", count: 11 - octal.count) + octal, 124)
    put(String(kind), 156)
    put("ustar\u{0}00", 257)
    return block
  }

  /// Puts the sum into every block that looks like a header.
  private static func checksummed(_ archive: [UInt8]) -> [UInt8] {
    var archive = archive
    for start in stride(from: 0, to: archive.count - 511, by: 512)
    where archive[(start + 257)..<(start + 262)].elementsEqual("ustar".utf8) {
      archive.replaceSubrange((start + 148)..<(start + 156), with: [UInt8](repeating: 32, count: 8))
      let sum = String(archive[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
      let digits = String(repeating: "0", count: max(0, 6 - sum.count)) + sum
      archive.replaceSubrange((start + 148)..<(start + 155), with: Array((digits + "\u{0}").utf8))
    }
    return archive
  }

  /// The head of an answer, line by line.
  static var headers: FuzzedParser {
    let heads = [
      "HTTP/1.1 200 OK\r\nLink: <https://a.b/c?cursor=x>; rel=\"next\", <https://a.b/d>; rel=first\r\nETag: \"1\"\r\n\r\n",
      "HTTP/1.1 429 Too Many\r\nRetry-After: 5\r\nRateLimit: \"api\";r=0;t=55\r\n\r\n",
      "HTTP/1.1 503 \r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\ncontent-range: bytes 0-1/2\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
    ]
    return FuzzedParser(
      seeds: heads.map { Array($0.utf8) },
      words: [
        "\r\n", ":", ";", ",", "<", ">", "rel=next", "HTTP/", "Retry-After: ", "RateLimit: ", "t=",
        "Link: ",
        "-1", "99999999999999999999", "Fri, 31 Dec 275760 23:59:59 GMT",
      ]
    ) { input in
      var answer = AnswerHead()
      for line in fuzz.text(input).split(separator: "\r\n", omittingEmptySubsequences: false) {
        answer.receive(line: String(line))
      }
      _ = answer.askedPause()
      _ = answer.nextPage
    }
  }

  /// A page of a repository's list of files.
  static var listing: FuzzedParser {
    let page = """
      [{"type": "directory", "path": "a", "oid": "0"},
       {"type": "file", "path": "a/b.json", "size": 5, "oid": "\(String(repeating: "a", count: 40))"},
       {"type": "file", "path": "w.safetensors", "size": 7, "oid": "0", "lfs":
        {"oid": "\(String(repeating: "b", count: 64))", "size": 5000000000, "pointerSize": 134}}]
      """
    let address = URL(string: "https://hub.example/api/models/a/b/tree/main")
    return FuzzedParser(
      seeds: [Array(page.utf8)],
      words: [
        "..", "/", "\\u0000", "\\u202e", "null", "{}", "[]", "\"path\": ", "\"lfs\": ", "-1",
        "\"file\"",
      ]
    ) { input in
      guard let address, let entries = try JSON.parse(Data(input)).array else { return }
      let files = try entries.compactMap { try RemoteFile($0, address) }
      try RemoteFile.checkDistinct(files, address)
    }
  }

  /// An address, a repository or a proxy, all from one text.
  static var address: FuzzedParser {
    let texts = [
      "https://user:word@host.example:8080/a%20b/c?d=e#f", "owner/name", "socks5h://[::1]:1080",
      "owner/model/framework/variation/3", "http://xn--a.example/", "host.example:3128",
    ]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: [
        "://", "@", ":", "/", "?", "#", "%00", "%", "[", "]", "..", "\u{0}", "\n", "\u{202E}",
        ":99999",
      ]
    ) { input in
      let text = fuzz.text(input)
      for name in ["HF_ENDPOINT", "HTTPS_PROXY", "NO_PROXY", "HF_HUB_CACHE"] {
        do {
          let settings = try HubSettings(environment: [name: text, "HOME": "/nonexistent"])
          if let origin = Origin(settings.endpoint) { _ = settings.proxies.proxy(for: origin) }
        } catch is TuneError {}
      }
      if let url = URL(string: text) { _ = Origin(url) }
      do { _ = try KaggleHandle(text) } catch is TuneError {}
      do { _ = try Repository(text, revision: text) } catch is TuneError {}
    }
  }

  /// A pattern of the Hub's and the path that it is held against.
  static var wildcard: FuzzedParser {
    let texts = [
      "*.safetensors\u{0}model-1.safetensors", "a/[!b-d]?*/\u{0}a/ex/y", "[]]\\*\u{0}]/x",
    ]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: ["*", "?", "[", "]", "[!", "-", "/", "\\", "**********"]
    ) { input in
      let (pattern, path) = split(input)
      // A command line's, and what a hub may list.
      _ = FileSelection(allowing: [fuzz.text(pattern.prefix(4096))])
        .contains(fuzz.text(path.prefix(3000)))
    }
  }
}
