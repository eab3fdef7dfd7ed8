// Llama 2, Qwen 2 (biases) and Qwen 3 (normed heads of a width of their own) are the same decoder:
// the logits of transformers, and a walk whose gradients reach what only these families have.
import Checkpoints
import Foundation
import Layers
import Quantization
import Sharding
import Tensors
import Testing
import WeightFiles

@testable import Training

extension Toy {
  /// As the toy Llama, with what the Qwen families add.
  init(biases: Bool, norms: Bool, tied: Bool) {
    var c = Toy(tied: tied).configuration
    if biases { c.choices.biases = .attentionInputs }
    if norms {
      c.choices.headNorms = .eachHead
      c.headWidth = 32
      c.rotary.width = 32
    }
    configuration = c
    let generator = RandomGenerator(seed: 3)
    weights = c.specification.map { specification in
      let mean = specification.kind == .norm ? 1.0 : 0
      return generator.normal(specification.shape, mean: mean, standardDeviation: 0.05)
    }
    units = DecoderUnits(c)
    decoder = Decoder(c)
  }
}

@Suite struct FamilyTests {
  /// Sums in another order: an ulp or two of logits of about 4.
  @Test(arguments: ["llama2", "qwen2", "qwen3"])
  func logitsAreThoseOfTransformers(family: String) throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/" + family).path
    let folder = try ModelFolder(path: path)
    let configuration = folder.configuration.decoder
    try folder.check(against: configuration)
    #expect(folder.unexpectedNames(for: configuration).isEmpty)
    let golden = try SafetensorsFile(path: path + "/logits.safetensors")
    let tokens = try golden.tensor(named: "ids")
    let decoder = Decoder(configuration)
    let weights = try configuration.specification.map {
      LinearWeight.exact(try folder.whole($0))
    }
    let context = DecoderContext(
      angles: decoder.rotary.angles(nil, tokens: tokens.shape[1]), reach: .causal)
    let logits = decoder(
      tokens, weights, output: weights.head.output ?? weights.embedding,
      embedding: weights.embedding.exactTensor, context)
    let expected = try golden.tensor(named: "logits")
    #expect(expected.abs().amax().item > 1)
    #expect(logits.largestDifference(from: expected) <= 1e-5)
  }

  @Test(arguments: [(true, false), (false, true)], [BlockPolicy.recompute, .keep])
  func equalsTheWholeGraph(_ family: (biases: Bool, norms: Bool), policy: BlockPolicy) throws {
    let toy = Toy(biases: family.biases, norms: family.norms, tied: family.biases)
    let input = toy.input(rows: 0..<2)
    let scheme = QuantizationScheme(groupSize: 32)
    for numerics in [LinearNumerics.exact, .fakeQuantized(scheme), .simulated(scheme)] {
      let truth = toy.wholeGraph(input, numerics, seed: 1.0 / 40)
      let walked = try walk(toy, input, numerics, seed: 1.0 / 40, policy: policy)
      #expect(abs(walked.loss - truth.loss) <= 1e-6 * truth.loss)
      let parameters = toy.configuration.specification.all
      for (parameter, (ours, theirs)) in zip(parameters, zip(walked.gradients, truth.gradients)) {
        #expect(ours.isEqual(to: theirs), "\(parameter.name), \(numerics)")
        // A key's bias moves all scores of a query alike, but for the turning by position.
        #expect(ours.abs().amax().item > 0, "no gradient at \(parameter.name)")
      }
    }
  }

  /// Sums over ranks are taken in another order than over a batch.
  @Test(arguments: [(true, false), (false, true)])
  func ranksEqualOneProcess(_ family: (biases: Bool, norms: Bool)) throws {
    @Sendable func toy() -> Toy {
      Toy(biases: family.biases, norms: family.norms, tied: family.norms)
    }
    let truth = toy().wholeGraph(toy().input(rows: 0..<4), .exact, seed: 1.0 / 70)
    try ProcessGroup.inProcess(worldSize: 2) { group in
      let toy = toy()
      let input = toy.input(rows: group.rank * 2..<group.rank * 2 + 2)
      let walked = try walk(
        toy, input, .exact, seed: 1.0 / 70, policy: .recompute, group: group)
      #expect(abs(walked.loss - truth.loss) <= 1e-6 * truth.loss)
      for (index, (ours, theirs)) in zip(walked.gradients, truth.gradients).enumerated() {
        let scale = theirs.abs().amax().item
        #expect(ours.largestDifference(from: theirs) <= 1e-5 * scale, "gradient \(index)")
      }
    }
  }
}
