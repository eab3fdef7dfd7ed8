// Every architecture against transformers (Tests/CheckpointsTests/Fixtures/architectures, whose README states the
// formulas): logits, the loss and the gradient of every parameter, with and without fake quantization.
import Essentials
import Foundation
import Layers
import Quantization
import Sharding
import Tensors
import Testing
import WeightFiles

@testable import Checkpoints
@testable import Training

/// A tiny checkpoint of transformers and what transformers computed of it.
struct ArchitectureGolden {
  let folder: ModelFolder
  let file: SafetensorsFile
  let toy: Toy
  let name: String

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("CheckpointsTests/Fixtures/architectures")
  static let all: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [])
    .filter { !$0.hasSuffix(".md") }.sorted()

  init(_ name: String) throws {
    self.name = name
    let path = Self.root.appendingPathComponent(name).path
    folder = try ModelFolder(path: path, files: ["model.safetensors"])
    file = try SafetensorsFile(path: path + "/golden.safetensors")
    toy = try Toy(folder)
    try folder.check(against: toy.configuration)
    try folder.refuseUnexpectedTensors(for: toy.configuration)
  }

  func input(_ tokens: String = "tokens") throws -> StepInput {
    let tokens = try file.tensor(named: tokens)
    let labels =
      tokens.shape[1] == 24 ? try file.tensor(named: "labels") : Tensor.zeros(tokens.shape, .int64)
    return StepInput(
      tokens: tokens, labels: labels,
      context: DecoderContext(
        angles: toy.decoder.rotary.angles(nil, tokens: tokens.shape[1]), reach: .causal))
  }

  func logits(_ input: StepInput, _ numerics: LinearNumerics) -> Tensor {
    withGraph(false) {
      toy.decoder(
        input.tokens, toy.weights.map(numerics.view),
        output: numerics.view(toy.weights.head.output ?? toy.weights.embedding),
        embedding: toy.weights.embedding, input.context)
    }
  }

  /// The gradient of a parameter in our order of rows.
  func gradient(_ prefix: String, of parameter: ParameterSpecification) throws -> Tensor {
    try file.rows(
      0..<parameter.shape[0], of: prefix + parameter.storedName, for: parameter,
      inOrder: parameter.rowOrder)
  }
}

@Suite struct ArchitectureTests {
  @Test func thereAreGoldensOfEveryArchitecture() throws {
    let names = try ArchitectureGolden.all.map { try ArchitectureGolden($0) }
    #expect(Set(names.map(\.toy.configuration.architecture)).count == 10)
    #expect(ArchitectureGolden.all.count >= 22)
  }

  @Test(arguments: ArchitectureGolden.all) func logitsAreThoseOfTransformers(name: String) throws {
    let golden = try ArchitectureGolden(name)
    let logits = golden.logits(try golden.input(), .exact)
    let expected = try golden.file.tensor(named: "logits")
    #expect(expected.abs().amax().item > 0.5)
    // Sums in another order: 2e-5 of logits up to 10.
    let bound = 2e-6 * max(10, expected.abs().amax().item)
    #expect(logits.largestDifference(from: expected) <= bound)
    // Where frequencies depend on how long the sequence is.
    guard golden.file.names.contains("short.tokens") else { return }
    let short = golden.logits(try golden.input("short.tokens"), .exact)
    #expect(
      short.largestDifference(from: try golden.file.tensor(named: "short.logits")) <= bound)
  }

  /// What transformers 4 wrote describes the same model.
  @Test(arguments: ArchitectureGolden.all) func olderFilesDescribeTheSameModel(name: String) throws
  {
    let golden = try ArchitectureGolden(name)
    let older = try ModelConfigurationFile(path: golden.folder.path + "/config-4.json")
    #expect(older.decoder == golden.toy.configuration)
  }

  /// A config.json that is written anew says the same.
  @Test(arguments: ArchitectureGolden.all) func configurationsAreWrittenAsRead(name: String) throws
  {
    let decoder = try ArchitectureGolden(name).toy.configuration
    let written = ModelConfigurationFile(decoder, dtype: .float32, path: "config.json")
    #expect(try ModelConfigurationFile(written.json, path: "config.json").decoder == decoder)
  }

  @Test(arguments: ArchitectureGolden.all, [BlockPolicy.recompute, .keep])
  func gradientsAreThoseOfTransformers(name: String, policy: BlockPolicy) throws {
    let golden = try ArchitectureGolden(name)
    try check(golden, .exact, policy, prefix: "")
  }

  @Test(arguments: ArchitectureGolden.all)
  func fakeQuantizationIsThatOfTorchao(name: String) throws {
    let golden = try ArchitectureGolden(name)
    let scheme = QuantizationScheme(groupSize: 32)
    for numerics in [LinearNumerics.fakeQuantized(scheme), .simulated(scheme)] {
      let logits = golden.logits(try golden.input(), numerics)
      #expect(
        logits.largestDifference(from: try golden.file.tensor(named: "qat.logits")) <= 5e-5)
      try check(golden, numerics, .recompute, prefix: "qat.")
    }
  }

  /// Walked, the loss and every gradient; and the same as one graph over the whole model, to the bit.
  private func check(
    _ golden: ArchitectureGolden, _ numerics: LinearNumerics, _ policy: BlockPolicy, prefix: String
  ) throws {
    let toy = golden.toy
    let input = try golden.input()
    let count = Double(input.labels.differs(from: -100).nonzero().shape[0])
    let walked = try walk(toy, input, numerics, seed: 1 / count, policy: policy)
    let loss = try golden.file.tensor(named: prefix + "loss").item
    #expect(abs(walked.loss / count - loss) <= 2e-6 * loss)
    let whole = toy.wholeGraph(input, numerics, seed: 1 / count)
    let parameters = toy.configuration.specification.all
    #expect(parameters.count == walked.gradients.count)
    for (index, parameter) in parameters.enumerated() {
      var expected = try golden.gradient(prefix + "grad.", of: parameter)
      var ours = walked.gradients[index]
      #expect(ours.isEqual(to: whole.gradients[index]), "\(parameter.name), \(numerics)")
      if parameter.kind == .embedding,
        let row = golden.folder.configuration.json["pad_token_id"]?.integer
      {
        // transformers leaves the padding token's own row out, wherever the token stands.
        let others = Tensor((0..<parameter.shape[0]).filter { $0 != row }.map(Int64.init))
        (ours, expected) = (ours.rows(others), expected.rows(others))
      }
      #expect(
        ours.differenceInRange(of: expected) <= 2e-5, "\(parameter.name), \(numerics)")
    }
  }
}

extension Tensor {
  /// The largest difference, relative to the largest value; gradients that are sums of nothing but rounding
  /// (of a key's bias) are compared with 1e-3.
  fileprivate func differenceInRange(of truth: Tensor) -> Double {
    largestDifference(from: truth) / max(truth.abs().amax().item, 1e-3)
  }
}
