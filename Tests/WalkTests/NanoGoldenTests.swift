// The tiny golden model: what torchtune 0.6.1 with torchao 0.10 computed for it (CPU, one thread,
// fp32, group size 32), forward, loss and every gradient. Fixtures hold every 11th element of each
// tensor; Fixtures/README.md says what made them.
import Checkpoints
import Foundation
import Layers
import Quantization
import Sharding
import Tensors
import Testing

@testable import Training

struct Nano {
  let golden: SafetensorsFile
  let folder: ModelFolder
  let configuration: DecoderConfiguration
  let units: DecoderUnits

  init() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let fixtures = tests.appendingPathComponent("Fixtures")
    golden = try SafetensorsFile(path: fixtures.appendingPathComponent("nano.safetensors").path)
    folder = try ModelFolder(
      path: tests.deletingLastPathComponent()
        .appendingPathComponent("CheckpointsTests/Fixtures/nano").path)
    configuration = folder.configuration.decoder
    units = DecoderUnits(configuration)
  }

  /// Batch `index` as the reference collated it.
  func input(_ index: Int, decoder: Decoder) throws -> StepInput {
    let tokens = try golden.tensor(named: "batch\(index).tokens").to(.int64)
    let labels = try golden.tensor(named: "batch\(index).labels").to(.int64)
    let (rows, width) = (tokens.shape[0], tokens.shape[1])
    let end = Tensor.full([rows, 1], -100, .int64)
    return StepInput(
      tokens: tokens,
      labels: .cat([labels.narrow(1, from: 1, count: width - 1), end], along: 1),
      context: DecoderContext(
        angles: decoder.rotary.angles(nil, tokens: width), reach: .causal))
  }

  /// torchtune's names in the order of the units' parameters.
  var names: [String] {
    let blocks = (0..<configuration.layerCount).flatMap { layer in
      [
        "sa_norm.scale", "attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight",
        "attn.output_proj.weight", "mlp_norm.scale", "mlp.w1.weight", "mlp.w3.weight",
        "mlp.w2.weight",
      ].map { "layers.\(layer).\($0)" }
    }
    return ["tok_embeddings.weight"] + blocks + ["norm.scale", "output.weight"]
  }

  /// Largest difference from the golden sample of `name`, relative to its largest value.
  func difference(_ tensor: Tensor, from name: String) throws -> Double {
    let sample = try golden.tensor(named: name)
    let places = (Tensor.arange(sample.count, .float64) * 11).to(.int64)
    let ours = tensor.to(.float32).reshape(-1).rows(places)
    return ours.largestDifference(from: sample) / max(sample.abs().amax().item, 1e-12)
  }
}

@Suite struct NanoGoldenTests {
  static let numerics: [(String, LinearNumerics, bound: Double)] = [
    ("plain", .exact, 2e-5), ("qat", .simulated(QuantizationScheme(groupSize: 32)), 2e-3),
    ("qat", .fakeQuantized(QuantizationScheme(groupSize: 32)), 2e-2),
  ]

  /// fp32 products are summed in another order by another number of threads: 1e-5. Under QAT an
  /// activation may then fall on the other side of a rounding step, 1/255 of its row's range: not
  /// here when products are taken as the reference takes them, once or twice when in integers.
  @Test(arguments: [0, 1, 2]) func forwardLossAndGradientsAreTheReferences(_ which: Int) throws {
    let (tag, numerics, bound) = Self.numerics[which]
    let nano = try Nano()
    let model = try ShardedModel(
      nano.configuration, from: nano.folder, dtype: .float32, on: .cpu, group: .single)
    let decoder = Decoder(nano.configuration)
    let input = try nano.input(0, decoder: decoder)
    let pager = UnitPager(model.shards, nano.units, group: .single)

    // Forward, block by block.
    pager.see(numerics)
    let visits = try (1..<nano.units.count).map { try pager.take($0) }
    let (table, tableType) = try pager.embedding()
    var x = decoder.embed(input.tokens, table, tableType)
    #expect(try nano.difference(x, from: "\(tag).hidden.emb") == 0)
    for layer in 0..<nano.configuration.layerCount {
      let weights = nano.units.blockWeights(visits[layer].weights)
      x = decoder.block(layer, x, weights, input.context)
      #expect(try nano.difference(x, from: "\(tag).hidden.layer\(layer)") < bound)
    }
    let head = visits[nano.configuration.layerCount].weights
    let logits = decoder.logits(x, norm: head[0], output: head[1])
    let distance = try nano.difference(logits, from: "\(tag).logits")
    #expect(distance < bound, "logits differ by \(distance)")

    // Loss and every gradient, by the walk.
    let tokens = try nano.golden.tensor(named: "\(tag).num_tokens").item
    var gradients: [Int: Tensor] = [:]
    let reducer = GradientReducer(model.trained, group: .single) { gradients[$0] = $1 }
    let sum = try Walker(decoder, policy: .recompute).forwardBackward(
      input, numerics, seed: 1 / tokens, pager: pager, reducer: reducer)
    let loss = try nano.golden.tensor(named: "\(tag).loss").item
    #expect(abs(sum.item / tokens - loss) < loss * bound / 10)
    var norm = 0.0
    var all: [Tensor] = []
    for unit in 0..<nano.units.count {
      let gradient = try #require(gradients[unit])
      norm += gradient.squaredNorm().item
      all += model.trained[unit].layout.wholes(of: gradient)
    }
    for (name, gradient) in zip(nano.names, all) where nano.golden.contains("\(tag).grad.\(name)") {
      let distance = try nano.difference(gradient, from: "\(tag).grad.\(name)")
      #expect(distance < bound * 5, "\(name) differs by \(distance)")
    }
    let reference = try nano.golden.tensor(named: "\(tag).grad_norm").item
    #expect(abs(norm.squareRoot() - reference) < reference * bound)
  }

  @Test func logitsAreThoseOfTransformers() throws {
    let nano = try Nano()
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/nano_hf_logits.safetensors")
    let golden = try SafetensorsFile(path: fixtures.path)
    let tokens = try golden.tensor(named: "ids")
    let decoder = Decoder(nano.configuration)
    let weights = try nano.configuration.specification.map {
      LinearWeight.exact(try nano.folder.whole($0))
    }
    let context = DecoderContext(
      angles: decoder.rotary.angles(nil, tokens: tokens.shape[1]), reach: .causal)
    let output = try #require(weights.head.output)
    let logits = decoder(
      tokens, weights, output: output, embedding: weights.embedding.exactTensor, context)
    #expect(try logits.largestDifference(from: golden.tensor(named: "logits")) <= 1e-5)
  }
}
