// Every preset is what torchtune's builder of the same name builds.
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration

@Suite struct ModelSizeTests {
  @Test func presetsAreTorchtunes() throws {
    let models = try Fixtures.json("models.json").entries.mapValues(\.entries)
    #expect(models.count == 25)
    for (path, values) in models {
      let declaration = try #require(Components.models.first { $0.path == path }, "\(path)")
      guard case .string(let family) = values["family"] else {
        Issue.record("\(path) has no family")
        continue
      }
      #expect(declaration.family.hasSuffix("." + family), "\(path)")
      let preset = Dictionary(uniqueKeysWithValues: declaration.preset.map { ($0.key, $0.value) })
      for (key, value) in values where key != "family" && key != "attn_dropout" {
        let ours = try #require(preset[key], "\(path) \(key)")
        #expect(number(JSON(ours)) == number(value), "\(path) \(key)")
      }
    }
  }

  /// Qwen 3 as its published config.json files have it.
  @Test func thirdQwensHaveHeadsOfTheirOwnWidth() throws {
    let qwens = Components.models.filter { $0.path.hasPrefix("torchtune.models.qwen3.qwen3_") }
    #expect(qwens.count == 11)
    for declaration in qwens {
      let preset = Dictionary(uniqueKeysWithValues: declaration.preset.map { ($0.key, $0.value) })
      #expect(preset["head_dim"] == 128 && preset["num_kv_heads"] == 8)
      let isSmall = ["0_6b", "1_7b", "4b"].contains { declaration.path.contains("qwen3_" + $0) }
      #expect(preset["tie_word_embeddings"] == .bool(isSmall), "\(declaration.path)")
    }
  }

  private func number(_ value: JSON) -> Double? {
    value.double ?? value.bool.map { $0 ? 1 : 0 }
  }
}
