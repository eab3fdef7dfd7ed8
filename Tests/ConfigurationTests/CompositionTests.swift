// Overrides and interpolation against torchtune 0.6.1 and OmegaConf 2.4.0
// (Fixtures/compositions.json).
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration

struct CompositionTests {
  @Test func composesAsTorchtuneDoes() throws {
    let fixture = try Fixtures.json("compositions.json")
    let environment = try #require(fixture["environment"]).entries.compactMapValues(\.string)
    let cases = try #require(fixture["cases"]?.array)
    #expect(cases.count > 20)
    for testCase in cases {
      let yaml = try #require(testCase["yaml"]?.string)
      let overrides = try #require(testCase["overrides"]?.array).compactMap(\.string)
      let resolved = try YAMLReader.map(in: yaml, file: "case.yaml")
        .applying(overrides.map { try ConfigurationOverride($0, textKeys: Keys.readAsText) })
        .resolvingInterpolations(environment: environment)
      #expect(JSON(.map(resolved)) == testCase["resolved"], "\(overrides)\n\(yaml)")
    }
  }

  /// Where we go further than torchtune.
  @Test func nullReplacesAComponentWhole() throws {
    let map = try YAMLReader.map(in: "quantizer: {_component_: a.B, groupsize: 32}", file: "f")
    #expect(
      try map.applying([ConfigurationOverride("quantizer=None")])["quantizer"]?.value == .null)
    #expect(try map.applying([ConfigurationOverride("~quantizer")]).entries.isEmpty)
  }

  @Test func valuesMayHoldEqualsSigns() throws {
    let map = try ConfigurationMap().applying([ConfigurationOverride("a=b=c")])
    #expect(map["a"]?.value == .string("b=c"))
  }

  @Test(arguments: ["", "=", "a", ".a=1", "a..b=1", "a.=1", " =1", "~", "~.a", "--x", "a b=1"])
  func otherFormsAreUsageErrors(argument: String) {
    #expect {
      try ConfigurationOverride(argument)
    } throws: {
      ($0 as? TuneError)?.code == .usage
    }
  }

  @Test func overridesKnowWhereTheyCameFrom() throws {
    let map = try ConfigurationMap().applying([ConfigurationOverride("a.b=1")])
    #expect(map["a"]?.value.map?["b"]?.origin == .commandLine("a.b=1"))
  }
}
