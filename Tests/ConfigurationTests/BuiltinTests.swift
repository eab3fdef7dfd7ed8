// The built-in configurations against torchtune's files of the same names (Fixtures/torchtune.json), key
// for key and value for value. The few differences that are meant are listed here; a listed one that is
// none fails too.
import Builtins
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Catalog
@testable import Configuration

struct BuiltinTests {
  private struct Recorded {
    struct File {
      /// A release of torchtune, or a commit of its main branch.
      let source: String
      let recipe: String
      let values: [String: JSON]
      let absent: [String]
    }
    /// What most files of a recipe say.
    let common: [String: [String: JSON]]
    let files: [String: File]

    init() throws {
      let json = try Fixtures.json("torchtune.json")
      common = try #require(json["common"]).entries.mapValues(\.entries)
      files = try #require(json["files"]).entries.mapValues { file in
        File(
          source: try #require(file["source"]?.string),
          recipe: try #require(file["recipe"]?.string),
          values: try #require(file["values"]).entries,
          absent: try #require(file["absent"]?.array).compactMap(\.string))
      }
    }
  }

  @Test func valuesAreTorchtunes() throws {
    let recorded = try Recorded()
    // Those of any model are ours alone.
    let torchtunes = BuiltinConfiguration.all.filter { !$0.name.hasPrefix("any/") }
    #expect(recorded.files.keys.sorted() == torchtunes.map(\.name).sorted())
    for builtin in torchtunes {
      let file = try #require(recorded.files[builtin.name])
      #expect(builtin.recipe.rawValue == file.recipe, "\(builtin.name)")
      var theirs = (recorded.common[file.recipe] ?? [:]).filter { !file.absent.contains($0.key) }
      theirs.merge(file.values) { _, own in own }
      theirs = theirs.mapValues(Self.plain)
      for (key, value) in Self.differences(in: builtin.name, of: file.source) {
        #expect(theirs[key] != value, "\(builtin.name): \(key) does not differ")
        theirs[key] = value
      }
      let map = try YAMLReader.map(in: builtin.text, file: builtin.name)
      let ours = Dictionary(uniqueKeysWithValues: Self.values(of: map))
      for key in Set(ours.keys).union(theirs.keys).sorted() {
        #expect(ours[key] == theirs[key], "\(builtin.name): \(key)")
      }
    }
  }

  /// What ours say otherwise than the file they are compared with.
  private static func differences(in name: String, of source: String) -> [String: JSON] {
    var differences: [String: JSON] = [:]
    // The default, written out as torchtune's main branch has it.
    if source == "0.6.1", name.contains("/") { differences["log_level"] = .string("INFO") }
    // The main branch reads Llama 3 from its Hugging Face files.
    if name.hasPrefix("llama3/") {
      differences["checkpointer._component_"] = .string(
        "torchtune.training.FullModelHFCheckpointer")
      differences["checkpointer.checkpoint_dir"] = .string("/tmp/Meta-Llama-3-8B-Instruct")
      differences["checkpointer.checkpoint_files"] = .array(
        (1...4).map { .string("model-0000\($0)-of-00004.safetensors") })
    }
    switch name {
    case "llama3/8B_qat_full":
      // The main branch's version of it, which validates.
      let cleaned = JSON.string("torchtune.datasets.alpaca_cleaned_dataset")
      differences.merge([
        "dataset._component_": cleaned, "dataset.split": .string("train[:95%]"),
        "dataset_val._component_": cleaned, "dataset_val.split": .string("train[95%:]"),
        "run_val_every_n_steps": .null, "batch_size_val": .string("${batch_size}"),
        "loss._component_": .string("torchtune.modules.loss.LinearCrossEntropyLoss"),
      ]) { _, new in new }
    default: break
    }
    return differences
  }

  private static func values(
    of map: ConfigurationMap, below prefix: String = ""
  ) -> [(String, JSON)] {
    map.entries.flatMap { entry -> [(String, JSON)] in
      if let inner = entry.node.value.map {
        return values(of: inner, below: prefix + entry.key + ".")
      }
      return [(prefix + entry.key, plain(JSON(entry.node.value)))]
    }
  }

  /// JSON does not tell 0.0 from 0, nor a folder from the same with a slash behind it.
  private static func plain(_ value: JSON) -> JSON {
    switch value {
    case .integer(let number): .number(Double(number))
    case .string(let text) where text.hasPrefix("/") && text.hasSuffix("/"):
      .string(String(text.dropLast()))
    default: value
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
    #expect(ours.filter { !$0.hasPrefix("any/") }.sorted() == names.sorted())
  }

  /// `scripts/reference` writes the file.
  @Test func theReferenceIsUpToDate() throws {
    let text = ConfigurationReference.markdown
    #expect(
      text == (try snapshot("../docs/configuration.md", recording: text)), "run scripts/reference")
  }
}
