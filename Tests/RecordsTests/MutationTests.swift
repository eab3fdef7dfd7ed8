// Texts that describe data, broken by a seed: read or refused, never a trap.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Records

@Suite struct MutationTests {
  private static let card = """
    ---
    configs:
    - config_name: default
      default: true
      data_dir: data
      data_files:
      - split: train
        path: ["a-*.jsonl", "**/b.jsonl"]
      - split: test
        path: c.csv
      sep: ";"
    ---
    # A card
    """
  private static let json =
    #"{"a": [1, -2.5e3, true, null, {"b": "\u00e9\ud83d\ude00\\\n"}], "c": {}, "d": [[], ""]}"#

  /// - Returns: how many of the broken texts were refused.
  private func refusals(_ text: String, rounds: Int, _ read: ([UInt8]) throws -> Void) -> Int {
    var random = MersenneTwister(seed: 33)
    var refused = 0
    for _ in 0..<rounds {
      do {
        try read(mutate(Array(text.utf8), &random))
      } catch {
        #expect(error is TuneError)
        refused += 1
      }
    }
    return refused
  }

  @Test func brokenCardsAreReadOrRefused() {
    let refused = refusals(Self.card, rounds: 1500) { bytes in
      let card = try DatasetCard(text: String(decoding: bytes, as: UTF8.self), file: "README.md")
      _ = try card.configuration(named: nil)
    }
    #expect(refused > 100 && refused < 1400)
  }

  @Test func brokenJSONIsReadOrRefused() {
    let refused = refusals(Self.json, rounds: 4000) { bytes in
      _ = try bytes.withUnsafeBytes { try JSON.parse($0) }
    }
    #expect(refused > 1000 && refused < 3900)
  }

  @Test func brokenPatternsMatchOrDoNot() {
    _ = refusals("a/**/b[!a-c]*.js?n", rounds: 3000) { bytes in
      let names = String(decoding: bytes, as: UTF8.self).split(separator: "/").map(String.init)
      _ = FilePattern(names).matches("a/x/y/bd1.json")
    }
  }
}
