// The built-in configurations, each value of each (Fixtures/builtins.txt), as compared with torchtune's
// files when they were written. The first of a recipe is there in full, the others where they differ
// from it. With RECORD_SNAPSHOTS set, the test writes what it got beside the sources and fails.
import Foundation
import Testing

@testable import RunConfiguration

struct BuiltinTests {
  @Test func valuesAreAsRecorded() throws {
    var text = ""
    for recipe in RecipeName.allCases {
      var first: [String: String]?
      for builtin in BuiltinConfiguration.all(for: recipe) {
        let map = try YAMLReader.map(in: builtin.text, file: builtin.name)
        let values = Dictionary(uniqueKeysWithValues: Self.values(of: map))
        text += "\(recipe.rawValue) \(builtin.name)\n"
        for (key, value) in Self.values(of: map) where first?[key] != value {
          text += "  \(key): \(value)\n"
        }
        for key in (first ?? [:]).keys.sorted() where values[key] == nil { text += "  ~\(key)\n" }
        first = first ?? values
      }
    }
    try Fixtures.expect(text, isRecordedIn: "builtins.txt", beside: #filePath)
  }

  private static func values(
    of map: ConfigurationMap, below prefix: String = ""
  ) -> [(String, String)] {
    map.entries.flatMap { entry -> [(String, String)] in
      if let inner = entry.node.value.map {
        return values(of: inner, below: prefix + entry.key + ".")
      }
      return [(prefix + entry.key, YAMLWriter.inline(entry.node.value))]
    }
  }

  /// torchtune's configurations for quantization-aware training, by their names.
  @Test func allConfigurationsForQuantizationAwareTrainingAreThere() {
    let names = [
      "llama2/1B_qat_single_device", "llama2/7B_qat_full", "llama3/8B_qat_full",
      "llama3/8B_qat_lora", "llama3_1/8B_qat_full", "llama3_1/8B_qat_lora", "llama3_2/1B_qat_lora",
      "llama3_2/3B_qat_full", "llama3_2/3B_qat_lora", "qwen2_5/1.5B_qat_single_device",
      "qwen2_5/3B_qat_single_device", "qwen3/0.6B_qat_full", "qwen3/0.6B_qat_lora",
      "qwen3/1.7B_qat_full", "qwen3/1.7B_qat_lora", "qwen3/4B_qat_full", "qwen3/4B_qat_lora",
      "qwen3/8B_qat_full", "qwen3/8B_qat_lora", "qwen3/32B_qat_lora",
    ]
    let ours = BuiltinConfiguration.all.filter { $0.recipe.isQAT }.map(\.name)
    #expect(ours.sorted() == names.sorted())
  }

  /// `scripts/reference` writes the file.
  @Test func theReferenceIsUpToDate() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appendingPathComponent("docs/configuration.md")
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
      try ConfigurationReference.markdown.write(to: file, atomically: true, encoding: .utf8)
      Issue.record("recorded")
    }
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text == ConfigurationReference.markdown, "run scripts/reference")
  }
}
