// Configurations and what the command line changes in them, broken by a seed: read or refused, never a trap.
import Builtins
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Catalog
@testable import Configuration

@Suite struct MutationTests {
  private static let yaml = """
    a: &x {b: 1, c: [2.5, yes, ~, '${a.b}', '${i}']}
    d: {<<: *x, e: 1:30, f: 0x1F}
    g: '${oc.env:HOME,${a.b}} \\${no}'
    j: ${oc.decode:2}
    h: !!str 5
    i: |
      text ${d.e}
    """

  @Test func brokenTextIsReadOrRefused() {
    var random = MersenneTwister(seed: 34)
    var refused = 0
    for _ in 0..<4000 {
      let text = String(decoding: mutate(Array(Self.yaml.utf8), &random), as: UTF8.self)
      do {
        _ = try YAMLReader.map(in: text, file: "a.yaml")
          .resolvingInterpolations(environment: ["HOME": "/"])
      } catch {
        #expect(error is TuneError)
        refused += 1
      }
    }
    #expect(refused > 500 && refused < 3900)
  }

  @Test func brokenConfigurationsAreCheckedOrRefused() throws {
    let builtin = try #require(BuiltinConfiguration.named("llama3/8B_qat_full"))
    var random = MersenneTwister(seed: 35)
    var refused = 0
    for round in 0..<250 {
      let override = mutate(Array("optimizer.betas=[0.9, 0.95]".utf8), &random)
      let bytes =
        round % 2 == 0 ? mutate(Array(builtin.text.utf8), &random) : Array(builtin.text.utf8)
      do {
        let composed = try ComposedConfiguration(
          YAMLReader.map(in: String(decoding: bytes, as: UTF8.self), file: "a.yaml"),
          overrides: [String(decoding: override, as: UTF8.self)], environment: [:])
        _ = try ValidatedConfiguration(recipe: .qatDistributed, composed)
      } catch {
        #expect(error is TuneError)
        refused += 1
      }
    }
    #expect(refused > 50)
  }
}
