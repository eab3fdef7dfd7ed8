// YAML as OmegaConf 2.4.0 reads it and PyYAML 6.0.3 writes it: both left their answers in Fixtures.
import Builtins
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration

struct YAMLTests {
  @Test func scalarsMeanWhatOmegaConfReads() throws {
    let scalars = try #require(try Fixtures.json("scalars.json").array)
    #expect(scalars.count > 90)
    for scalar in scalars {
      let text = try #require(scalar["text"]?.string)
      let expected = try #require(scalar["value"])
      let value = YAMLScalar.resolve(text)
      switch (scalar["type"]?.string, value, expected) {
      case ("float", .double(let number), .object(let special)):
        #expect(special["special"] == .string(pythonName(number)), "\(text)")
      case ("float", .double(let number), .integer(let whole)):
        #expect(number == Double(whole), "\(text)")
      case ("float", .double(let number), .number(let expected)):
        #expect(number == expected, "\(text)")
      default:
        #expect(scalar["type"] != "float", "\(text) is \(value)")
        #expect(JSON(value) == expected, "\(text)")
      }
    }
  }

  private func pythonName(_ number: Double) -> String {
    number.isNaN ? "nan" : number < 0 ? "-inf" : "inf"
  }

  @Test(arguments: [
    "llama3/8B_qat_full", "llama3/8B_full_single_device", "generation",
  ])
  func dumpsAsPyYAMLDoes(name: String) throws {
    let map = try ConfigurationFile.read(name)
    let file = "dumps/" + name.replacing("/", with: "-")
    #expect(YAMLWriter.text(of: map) == (try Fixtures.text(file + ".yaml")))
    #expect(YAMLWriter.text(of: map, sorted: true) == (try Fixtures.text(file + ".sorted.yaml")))
  }

  @Test func stringsAreQuotedWhereTheyMustBe() throws {
    let text = try Fixtures.text("dumps/strings.yaml")
    let map = try YAMLReader.map(in: text, file: "strings.yaml")
    // PyYAML writes a tab in double quotes, as we do.
    #expect(YAMLWriter.text(of: map) == text)
  }

  @Test func whatIsWrittenReadsBack() throws {
    let awkward = [
      "", " ", "a\nb", "\t", "'", "\"", "\\", "a: b", "- a", "1", "1e5", "null", "#", "é", "🙂",
      "a\u{7f}", "---", "--- a", "...", "\u{85}", "a\u{9f}b", "\u{2028}", "key: [", "{", "~", "=",
      "yes", "0x1F", "1:30", "<<", "*a", "&a", "%", "@", "`",
    ]
    for text in awkward {
      var map = ConfigurationMap()
      map.set("k", ConfigurationNode(.string(text), .schema))
      map.set("l", ConfigurationNode(.list([ConfigurationNode(.string(text), .schema)]), .schema))
      let again = try YAMLReader.map(in: YAMLWriter.text(of: map), file: "again")
      #expect(again["k"]?.value == .string(text), "\(text.debugDescription)")
      #expect(JSON(.map(again)) == JSON(.map(map)), "\(text.debugDescription)")
    }
  }

  @Test func everyValueKnowsItsLine() throws {
    let map = try YAMLReader.map(
      in: "# comment\na: 1\n\nb:\n  c: [1,\n    2]\n  d: text\n", file: "f.yaml")
    #expect(map["a"]?.origin == .file("f.yaml", line: 2))
    #expect(map.entry("b")?.keyOrigin == .file("f.yaml", line: 4))
    let inner = map["b"]?.value.map
    #expect(inner?.entry("d")?.keyOrigin == .file("f.yaml", line: 7))
    guard case .list(let list)? = inner?["c"]?.value else {
      Issue.record("c is no list")
      return
    }
    #expect(list.map(\.origin) == [.file("f.yaml", line: 5), .file("f.yaml", line: 6)])
    #expect(map.keys == ["a", "b"])
  }

  /// Random edits of real text: any outcome is right but a crash, a hang or another kind of error.
  @Test func survivesMutation() throws {
    var random = SplitMix(state: 20_260)
    let sources = BuiltinConfiguration.all.map { Array($0.text.utf8) }
    let pieces = [
      "[", "]", "{", "}", ": ", "- ", "\n", "\t", "'", "\"", "&a ", "*a", "${", "}", "!!str ",
      "|\n", ">", "? ", "#", "\0", "\u{FEFF}", "%YAML", "---\n", "...", "<<: *a\n", "🙂", ",",
    ].map { Array($0.utf8) }
    var (parsed, refused) = (0, 0)
    for round in 0..<1500 {
      var bytes = sources[round % sources.count]
      for _ in 0...Int(random.next() % 6) {
        let at = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 4 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int(random.next() % 40)))
        case 2: bytes.insert(contentsOf: pieces[Int(random.next() % UInt64(pieces.count))], at: at)
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 60)], at: at)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      do {
        let map = try YAMLReader.map(in: String(decoding: bytes, as: UTF8.self), file: "m.yaml")
        _ = try ValidatedConfiguration(
          recipe: RecipeName.allCases[round % RecipeName.allCases.count],
          ComposedConfiguration(map, environment: [:]))
        parsed += 1
      } catch {
        #expect(error is TuneError, "\(error)")
        refused += 1
      }
    }
    #expect(parsed > 0 && refused > 0)
  }

  @Test func boundsWhatHostileTextCanGrowTo() {
    let billion =
      "a: &a [x, x, x, x, x, x, x, x, x]\n"
      + "bcdefghi".map { letter in
        let before = Character(UnicodeScalar(letter.asciiValue! - 1))
        return "\(letter): &\(letter) ["
          + Array(repeating: "*\(before)", count: 9)
          .joined(separator: ", ") + "]"
      }.joined(separator: "\n")
    let hostile = [
      billion,
      String(repeating: "[", count: 500_000),
      String(repeating: "{a: ", count: 200_000),
      "a:\n" + String(repeating: "- ", count: 100_000) + "x",
      (0..<5000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n"),
      String(repeating: "? ", count: 100_000),
      String(repeating: "a: b\n", count: 400_000),
      "a: " + String(repeating: "x", count: 2 << 20),
      (0..<30).map { "k\($0): ${k\($0 + 1)}${k\($0 + 1)}\n" }.joined() + "k30: x",
      (0..<9000).map { "k\($0): ${k\($0 + 1)}\n" }.joined() + "k9000: x",
      "a: " + String(repeating: "${", count: 10_000) + String(repeating: "}", count: 10_000),
    ]
    for text in hostile {
      #expect(throws: TuneError.self) {
        _ = try YAMLReader.map(in: text, file: "hostile.yaml")
          .resolvingInterpolations(environment: [:])
      }
    }
  }
}

struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
