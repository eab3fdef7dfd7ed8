// What an interpolation may become, what paths may be, and what errors say of it.
import Builtins
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Catalog
@testable import Configuration

@Suite struct HostileConfigurationTests {
  private func resolved(_ yaml: String, _ environment: [String: String] = [:]) throws
    -> ConfigurationMap
  {
    try YAMLReader.map(in: yaml, file: "a.yaml").resolvingInterpolations(environment: environment)
  }

  @Test func interpolationsMakeNoMoreTextThanAllowed() throws {
    let text = String(repeating: "A", count: 100_000)
    let most = InterpolationResolver.mostText / 100_000
    func yaml(_ count: Int) -> String {
      "a: '\(text)'\nb: '\(String(repeating: "${a}", count: count))'\n"
    }
    #expect(try resolved(yaml(most - 2))["b"]?.value.string?.count == (most - 2) * 100_000)
    let error = try tuneError { _ = try resolved(yaml(most + 2)) }
    #expect(error.message.contains("16 MiB") && error.location.key == "b")
    #expect(error.location.file == "a.yaml" && error.location.line == 2)
  }

  @Test func interpolationsReachNoMoreValuesThanAllowed() throws {
    var yaml = "x0: [1, 2]\n"
    for level in 1...30 { yaml += "x\(level): ['${x\(level - 1)}', '${x\(level - 1)}']\n" }
    #expect(try tuneError { _ = try resolved(yaml) }.message.contains("values"))
  }

  @Test func aLongListOfPlainValuesIsNoInterpolation() throws {
    let list = (0..<20_000).map(String.init).joined(separator: ",")
    guard case .list(let values)? = try resolved("x: [\(list)]")["x"]?.value else {
      Issue.record("no list")
      return
    }
    #expect(values.count == 20_000)
  }

  @Test func textToDecodeIsBlamedWhereItStands() throws {
    let error = try tuneError { _ = try resolved("a: 1\nx: ${oc.decode:[1}") }
    #expect(error.location == .init(file: "a.yaml", line: 2, key: "x"))
    #expect(error.message.hasPrefix("oc.decode: not valid YAML"))
  }

  private func problem(_ overrides: String..., environment: [String: String] = [:]) throws
    -> TuneError
  {
    try tuneError {
      _ = try ValidatedConfiguration.load(
        recipe: .qatDistributed, config: "llama3/8B_qat_full", overrides: overrides,
        environment: environment)
    }
  }

  @Test func aNumberOfTheEnvironmentHasARemedy() throws {
    let error = try problem("epochs=${oc.env:COUNT}", environment: ["COUNT": "2"])
    #expect(error.location.key == "epochs")
    #expect(error.remedy?.contains("${oc.decode:${oc.env:NAME}}") == true)
    _ = try ValidatedConfiguration.load(
      recipe: .qatDistributed, config: "llama3/8B_qat_full",
      overrides: ["epochs=${oc.decode:${oc.env:COUNT}}"], environment: ["COUNT": "2"])
  }

  @Test func whatNullMeansIsSaid() throws {
    #expect(try problem("max_steps_per_epoch=0").remedy?.contains("null means") == true)
    #expect(try problem("save_every_n_steps=-1").remedy?.contains("null saves") == true)
  }

  @Test(arguments: ["output_dir", "checkpointer.checkpoint_dir", "tokenizer.path"])
  func noPathIsEmpty(_ key: String) throws {
    let error = try problem("\(key)=''")
    #expect(error.description.contains("key '\(key)': must be a non-empty string"), "\(error)")
  }

  @Test func aTildeIsTheHomeFolder() throws {
    let home = try #require(ProcessInfo.processInfo.environment["HOME"])
    let root = try ValidatedConfiguration.load(
      recipe: .qatDistributed, config: "llama3/8B_qat_full",
      overrides: [
        "output_dir=~/results", "checkpointer.checkpoint_dir=~/m", "dataset.source=json",
        "dataset.data_files=~/a.jsonl",
      ]
    ).root
    #expect(root[Keys.outputFolder] == home + "/results")
    // Through the built-in configuration's ${output_dir}, too.
    #expect(root[Keys.checkpointer][Keys.Checkpointer.outputFolder] == home + "/results")
    #expect(root[Keys.checkpointer][Keys.Checkpointer.folder] == home + "/m")
    #expect(root[Keys.dataset][0][Keys.Dataset.files] == ["train": [home + "/a.jsonl"]])
  }

  /// Every count at once, each at the most that is let through: nothing that is made of them overflows.
  @Test func countsAreBounded() throws {
    let most = ValueType.largestCount
    for key in [
      "epochs", "batch_size", "max_steps_per_epoch", "gradient_accumulation_steps",
      "save_every_n_steps", "fake_quant_after_n_steps", "log_every_n_steps",
      "tokenizer.max_seq_len", "profiler.wait_steps", "profiler.warmup_steps",
      "profiler.active_steps", "profiler.num_cycles",
    ] {
      for value in [most + 1, Int.max] {
        let error = try problem(
          "\(key)=\(value)", "profiler._component_=torchtune.training.setup_torch_profiler")
        #expect(error.description.contains("key '\(key)'"), "\(error)")
        #expect(error.description.contains("is supported."), "\(error)")
      }
    }
    #expect(!most.multipliedReportingOverflow(by: most).overflow)
  }
}
