// A composed configuration from launcher to worker: the same values from the same places, in a file for its
// owner's eyes only.
import Builtins
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration

struct HandingOverTests {
  private func withFile<R>(_ body: (String) throws -> R) throws -> R {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("handing-over-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }

  private func handedOver(_ configuration: ComposedConfiguration) throws -> ComposedConfiguration {
    try withFile { path in
      try configuration.handOver(to: path)
      return try ComposedConfiguration(handedOverIn: path)
    }
  }

  @Test func builtinConfigurationsArriveAsTheyAre() throws {
    for builtin in BuiltinConfiguration.all {
      let composed = try ComposedConfiguration(
        builtin.name, overrides: ["seed=7", "model={a: 1}", "a.b=[x, {y: null}]"], environment: [:])
      #expect(try handedOver(composed) == composed, "\(builtin.name)")
    }
  }

  @Test func allValuesArriveAsTheyAre() throws {
    let text = """
      numbers: [1, -9223372036854775808, 1.0, 1e-5, 0.1, -.inf, .inf, 5e-324, -0.0]
      texts: ["", "inf", "null", "a\\tb\\n\\u0001\\"", 'é😀 ${x', "on"]
      others: [null, true, false, [], {}, [[]], {a: {b: []}}]
      "key with: colon": x
      """
    let map = try YAMLReader.map(in: text.replacing("${", with: "\\${"), file: "a b/ü.yaml")
    let composed = try ComposedConfiguration(
      map, overrides: ["x.y=1e3", "x.z=None"], environment: [:])
    #expect(composed.map.entries.count == 5)
    #expect(try handedOver(composed) == composed)
  }

  @Test func errorsPointIntoTheUsersFile() throws {
    let map = try YAMLReader.map(
      in: BuiltinConfiguration.all[0].text + "\nbatch_sise: 2\n", file: "my.yaml")
    let line =
      BuiltinConfiguration.all[0].text.split(
        separator: "\n", omittingEmptySubsequences: false
      ).count + 1
    let composed = try ComposedConfiguration(map, environment: [:])
    let error = #expect(throws: TuneError.self) {
      try ValidatedConfiguration(
        recipe: BuiltinConfiguration.all[0].recipe, handedOver(composed))
    }
    #expect(error?.location.file == "my.yaml" && error?.location.line == line)
  }

  @Test func itsOwnerAloneReadsIt() throws {
    try withFile { path in
      let composed = try ComposedConfiguration("generation", environment: [:])
      let mask = umask(0)
      defer { umask(mask) }
      try composed.handOver(to: path)
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      // Nor does it take the place of another's file.
      #expect(throws: TuneError.self) { try composed.handOver(to: path) }
    }
  }

  @Test(arguments: [
    "", "{}", "[1]", "[[1, null, null]]", #"[["a", null, {"at": null}]]"#,
    #"[["a", null, {"at": null, "value": {"x": 1}}]]"#,
    #"[["a", {"file": "f"}, {"at": null, "value": 1}]]"#,
    #"[["a", null, {"at": null, "value": 0.5}]]"#,
  ])
  func otherFilesAreRefused(_ text: String) throws {
    try withFile { path in
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(throws: TuneError.self) { try ComposedConfiguration(handedOverIn: path) }
    }
  }
}

/// Values of the environment may be secrets.
struct EnvironmentTests {
  private static let secret = "hf_SECRET_9c4f2d"
  private let environment = ["HF_TOKEN": Self.secret]

  @Test func referencesAreWrittenInPlaceOfValues() throws {
    let text = """
      token: ${oc.env:HF_TOKEN}
      part: a-${oc.env:HF_TOKEN}-b
      other: ${token}
      list: [x, '${oc.env:HF_TOKEN}']
      decoded: ${oc.decode:${oc.env:HF_TOKEN}}
      default: ${oc.env:NOT_SET_HERE,plain}
      path: ${default}/x
      """
    let map = try YAMLReader.map(in: text, file: "a.yaml")
    let resolved = try map.resolvingInterpolations(environment: environment)
    #expect(resolved["other"]?.value == .string(Self.secret))
    #expect(resolved["part"]?.value == .string("a-\(Self.secret)-b"))
    let written = YAMLWriter.text(of: resolved)
    #expect(!written.contains(Self.secret))
    #expect(written.contains("path: plain/x") && written.contains("default: plain"))
    // And it means the same again.
    let again = try YAMLReader.map(in: written, file: "a.yaml")
      .resolvingInterpolations(environment: environment)
    #expect(YAMLWriter.text(of: again) == written)
    for key in resolved.keys where key != "list" {
      #expect(again[key]?.value == resolved[key]?.value, "\(key)")
    }
  }

  @Test func noErrorShowsThem() throws {
    for key in ["seed", "optimizer.lr", "log_level", "loss._component_", "tokenizer.max_seq_len"] {
      let error = #expect(throws: TuneError.self) {
        _ = try ValidatedConfiguration.load(
          recipe: .qatDistributed, config: "llama3_2/3B_qat_full",
          overrides: ["\(key)=${oc.env:HF_TOKEN}"], environment: environment)
      }
      let text = error?.description ?? ""
      #expect(text.contains(key) && !text.contains(Self.secret), "\(text)")
    }
    // An error that knows nothing of configurations.
    let error = TuneError(.device, "no device '\(Self.secret)'", at: .init(file: "/\(Self.secret)"))
    #expect(!error.description.contains(Self.secret))
  }

  @Test func workersKeepTheReferences() throws {
    let map = try YAMLReader.map(in: "a: x-${oc.env:HF_TOKEN}", file: "a.yaml")
    let composed = try ComposedConfiguration(map, environment: environment)
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("handing-over-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try composed.handOver(to: path)
    let arrived = try ComposedConfiguration(handedOverIn: path)
    #expect(arrived == composed)
    #expect(arrived.map["a"]?.reference == "x-${oc.env:HF_TOKEN}")
  }
}
