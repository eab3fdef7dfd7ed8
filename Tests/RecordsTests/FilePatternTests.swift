// Patterns of data files: what they name, and that no pattern takes long.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Archives
@testable import Records

@Suite struct FilePatternTests {
  private func matches(_ pattern: String, _ path: String) -> Bool {
    FilePattern(pattern.split(separator: "/").map(String.init)).matches(path)
  }

  @Test func patternsNameWhatTheyShould() {
    for (pattern, path) in [
      ("*.json", "a.json"), ("a?c", "abc"), ("[ab]*", "bx"), ("[!ab]", "c"), ("[]a]", "]"),
      ("[a-c]x", "bx"), ("**", "a"), ("**", "a/b/c"), ("**/x", "x"), ("**/x", "a/b/x"),
      ("a/**/x", "a/x"), ("a/**/x", "a/b/c/x"), ("a/**", "a/b"), ("*/x", "a/x"), ("[x", "[x"),
      ("[x[y*", "[x[yz"),
      ("a*b*c", "a1b2b3c"), ("**/**/x", "x"), ("*", ""),
    ] where !(pattern == "*" && path.isEmpty) {
      #expect(matches(pattern, path), "\(pattern) \(path)")
    }
    for (pattern, path) in [
      ("*.json", "a.jsonl"), ("*.json", "a/b.json"), ("a?c", "ac"), ("[!ab]", "a"), ("*/x", "x"),
      ("a/**", "a"), ("**/x", "xx"), ("a/**/x", "b/x"), ("a*b", "ac"), ("[a-c]", "d"),
    ] {
      #expect(!matches(pattern, path), "\(pattern) \(path)")
    }
  }

  /// Either would take longer than the universe lasts if each star were tried at each place.
  @Test func noPatternTakesLong() {
    let deep = (0..<200).map { "d\($0)" }.joined(separator: "/") + "/x.jsonl"
    #expect(!matches(String(repeating: "**/", count: 100) + "nope", deep))
    let name = String(repeating: "a", count: 250)
    #expect(!matches(String(repeating: "*a", count: 100) + "b", name))
  }

  @Test func filesAreFoundLevelByLevel() throws {
    let folder = try Fixtures.folder()
    for name in ["a/x.json", "a/.x.json", "b/y.json", "b/c/z.json", "top.json"] {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: url)
    }
    func found(_ pattern: String) throws -> [String] {
      try DataFolder.expand(folder.path + "/" + pattern).map {
        String($0.dropFirst(folder.path.count + 1))
      }
    }
    #expect(try found("*/*.json") == ["a/x.json", "b/y.json"])
    #expect(try found("?/.*") == ["a/.x.json"])
    #expect(try found("**/*.json") == ["a/x.json", "b/c/z.json", "b/y.json", "top.json"])
    #expect(try found("top.json") == ["top.json"])
    #expect(try found("no*") == [])
  }

  /// A line is looked at by itself: looking for the next text from each blank line is quadratic, and
  /// loads the file.
  @Test func blankLinesAreNotLookedBehind() throws {
    let line = "{\"text\":\"a\"}\n"
    let text = line + String(repeating: "\n", count: 1 << 20) + line
    let scanner = try RecordScanner(
      Fixtures.write(text, "blank.jsonl"), kind: .json, source: DataSource(source: "json"),
      chunk: 4096)
    #expect(try scanner.next()?.line == 1)
    #expect(try scanner.next()?.line == 1 << 20 + 2)
    #expect(scanner.window.capacity == 4096)
  }

  @Test func moreFilesThanMayBeOpen() throws {
    let folder = try Fixtures.folder()
    let count = 3 * OpenFiles.limit
    for index in 0..<count {
      try Data("{\"text\":\"\(index)\"}\n".utf8)
        .write(to: folder.appendingPathComponent(String(format: "f%04d.jsonl", index)))
    }
    let records = try DataSource(source: folder.path).records()
    #expect(records.count == count && OpenFiles.shared.count <= OpenFiles.limit)
    for index in [0, count - 1, 1, count / 2, 0] {
      #expect(try records.record(at: index).text("text", for: "text") == "\(index)")
    }
    #expect(OpenFiles.shared.count <= OpenFiles.limit)
    // Another file under the name of one that was closed meanwhile.
    let first = folder.appendingPathComponent("f0002.jsonl")
    try FileManager.default.removeItem(at: first)
    try Data("{\"text\":\"9\"}\n".utf8).write(to: first)
    let error = try tuneError { _ = try records.record(at: 2) }
    #expect(error.location.file == first.path)
  }
}
