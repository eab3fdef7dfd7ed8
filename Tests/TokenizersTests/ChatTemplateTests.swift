// Chat templates render as Jinja2 renders them when transformers sets it up: each construct of the
// language against a recorded result, and against the library itself. And a hostile template ends
// with an error, soon.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import JinjaTemplates
@testable import Templates

@Suite struct ChatTemplateTests {
  private static let constructs = fixturePath(
    "TokenizersTests/Fixtures/chat_templates/constructs.json")

  private func compare(_ path: String) throws {
    let file = try JSON.load(path: path)
    let now = Date(timeIntervalSince1970: try #require(file["now"]?.double))
    let cases = try #require(file["cases"]?.array)
    try #require(cases.count > 100)
    for (number, example) in cases.enumerated() {
      let source = try #require(example["template"]?.string)
      let variables = try #require((example["variables"] ?? file["variables"])?.object)
      let result = Result {
        try ChatTemplate(source, file: "t.jinja").render(variables, now: now)
      }
      switch result {
      case .success(let rendering):
        let expected = example["text"]?.string
        #expect(
          expected.map { Array($0.utf8) } == Array(rendering.text.utf8),
          "case \(number): \(source.prefix(200)) gives \(rendering.text.prefix(200))")
        let ranges = (example["generated"]?.array ?? []).map { pair in
          pair[0]!..<pair[1]!
        }
        #expect(rendering.generated == ranges, "case \(number)")
      case .failure(let error):
        #expect(example["raises"] != nil, "case \(number): \(source.prefix(200)): \(error)")
        #expect((error as? TuneError)?.location.file == "t.jinja")
        #expect((error as? TuneError)?.location.line != nil)
      }
    }
  }

  @Test func eachConstructGivesWhatWasRecorded() throws {
    try compare(Self.constructs)
  }

  @Test(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
  func eachConstructAndInstalledTemplateGivesWhatJinjaGives() throws {
    let output = try Fixtures.folder().appendingPathComponent("cases.json").path
    try Program.python([
      fixturePath("TokenizersTests/Fixtures/chat_templates/record.py"), Self.constructs,
      output,
    ])
    try compare(output)
  }

  @Test(arguments: [
    (
      "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
      "too many steps"
    ),
    ("{{ range(1000000) }}", "range of more than 100000"),
    ("{{ 'x' * 100000000 }}", "text of more than"),
    ("{{ [1] * 10000000 }}", "list of more than"),
    (
      "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "text of more than"
    ),
    (
      "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}"
        + "{{ n.l == n.l }}{{ n.l | tojson }}", "too many steps"
    ),
    (
      "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}{% endfor %}",
      "nests lists too deeply"
    ),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recurses too deeply"),
    (
      "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = n.l | map('trim') %}"
        + "{% endfor %}", "nests lists too deeply"
    ),
    ("{{ '%100000d' % 1 }}", "larger than 10000"),
    ("{{ 'a'.center(10 ** 12) }}", "text of more than"),
    ("{{ 10 ** 30 }}", "64 bits"),
    ("{{ strftime_now('%' ~ '9999999d') }}", "too long a date"),
  ])
  func hostileTemplatesEnd(_ source: String, _ message: String) throws {
    let template = try ChatTemplate(source, file: "t.jinja")
    // The bound on work is a hundredth here: all of it takes seconds in a debug build.
    let steps = Jinja.Limits.steps / (message == "too many steps" ? 100 : 1)
    let error = #expect(throws: TuneError.self) {
      try template.render([:], now: nil, steps: steps)
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
    #expect(error?.location.file == "t.jinja")
  }

  @Test(arguments: [
    String(repeating: "(", count: 100_000), String(repeating: "not ", count: 100_000) + "x",
    String(repeating: "-", count: 100_000) + "1", String(repeating: "[", count: 100_000),
    "1" + String(repeating: " + 1", count: 100_000), "a" + String(repeating: ".b", count: 100_000),
    String(repeating: "x if ", count: 50_000), String(repeating: "{", count: 100_000),
  ])
  func deepSourcesAreRefused(_ expression: String) {
    #expect(throws: TuneError.self) { try ChatTemplate("{{ \(expression) }}", file: "t.jinja") }
  }
  @Test func deepBlocksAndLongSourcesAreRefused() {
    let deep = String(repeating: "{% if x %}", count: 50_000)
    #expect(throws: TuneError.self) { try ChatTemplate(deep, file: "t.jinja") }
    let long = String(repeating: "x", count: Jinja.Limits.source + 1)
    #expect(throws: TuneError.self) { try ChatTemplate(long, file: "t.jinja") }
  }
  /// Chains of objects are freed one by one.
  @Test func longChainsOfObjectsAreFreed() throws {
    let source = """
      {% set n = namespace(v=none) %}{% for i in range(100000) %}\
      {% set n.v = namespace(p=n.v) %}{% endfor %}{% set n.v = n %}done
      """
    #expect(try ChatTemplate(source, file: "t").render([:]).text == "done")
  }
  @Test func cutTemplatesNeverCrash() throws {
    let cases = try #require(try JSON.load(path: Self.constructs)["cases"]?.array)
    for example in cases {
      let source = Array(try #require(example["template"]?.string).unicodeScalars)
      for end in stride(from: 1, to: source.count, by: 7) {
        let cut = Jinja.Lexer.string(source[..<end])
        _ = try? ChatTemplate(cut, file: "t").render([:])
      }
    }
  }

  @Test(arguments: [
    ("a\n\n{{ 1 + }}", 3, "unexpected"), ("\n{{ 'a' | nofilter }}", 2, "unknown filter 'nofilter'"),
    ("{{ x is nonne }}", 1, "Did you mean 'none'?"), ("{% include 'x' %}", 1, "'include'"),
    ("\n\n{% endif %}", 3, "unknown tag 'endif'"), ("{% for x in y %}", 1, "endfor"),
  ])
  func errorsNameTheirLine(_ source: String, _ line: Int, _ message: String) {
    let error = #expect(throws: TuneError.self) { try ChatTemplate(source, file: "t.jinja") }
    #expect(error?.location.line == line)
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
  }
}

extension JSON {
  fileprivate subscript(position: Int) -> Int? { array?[position].integer }
}
