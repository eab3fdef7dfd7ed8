// The law of every scheme with a name: fake quantization is quantize-then-dequantize, packing loses nothing, scales
// are what their precision stores, and what other programs make of a weight is what the rules say.
import Checkpoints
import Essentials
import Foundation
import Quantization
import Tensors
import Testing
import WeightFiles

@Suite struct SchemeLawTests {
  /// 20 seeds in every run; LAW_SEEDS=1000 for more.
  private static let seeds =
    ProcessInfo.processInfo.environment["LAW_SEEDS"].flatMap(Int.init) ?? 20

  @Test(arguments: QuantizationPreset.allCases, [DType.float32, .bfloat16])
  func fakeQuantizeIsQuantizeThenDequantize(_ preset: QuantizationPreset, _ dtype: DType) {
    for scheme in preset.plan().schemes {
      let rule = scheme.weights
      #expect(rule.isPossible)
      for seed in 0..<Self.seeds {
        let w = weights(seed: UInt64(seed)).to(dtype)
        let found = scheme.quantize(w)
        let fake = rule.fakeQuantize(w)
        #expect(fake.isEqual(to: found.dequantize(dtype)), "\(preset) \(scheme) seed \(seed)")
        #expect(fake.isEqual(to: rule.fakeQuantizeByFormula(w)), "\(preset) \(scheme) seed \(seed)")
        let packed = found.packedCodes()
        #expect(packed.unpackedCodes(bits: rule.bits, columns: 256).isEqual(to: found.codes))
        let precision = rule.scalePrecision
        #expect(precision.loaded(precision.stored(found.scales)).isEqual(to: found.scales))
        if let biases = found.biases {
          #expect(biases.to(rule.biasDType).to(.float32).isEqual(to: biases))
        }
        #expect((found.biases != nil) == rule.scaleRule.hasBias)
      }
    }
  }

  @Test(arguments: QuantizationPreset.allCases)
  func gradientsPassStraightThrough(_ preset: QuantizationPreset) {
    let scheme = preset.plan().layers
    let generator = RandomGenerator(seed: 5)
    let (x, w) = (generator.normal([9, 256]).leaf(), generator.normal([12, 256]).leaf())
    let seed = generator.normal([9, 12])
    let y = withGraph(true) { scheme.linear(scheme.inputs.fakeQuantize(x), fakeQuantizing: w) }
    let rounded = scheme.weights.fakeQuantize(w.detach())
    let input = scheme.inputs.fakeQuantize(x.detach())
    #expect(y.detach().isEqual(to: input.linear(rounded)))
    let gradients = gradients(of: y, seed: seed, withRespectTo: [x, w])
    #expect(gradients[0]!.isEqual(to: seed.matmul(rounded)))
    #expect(gradients[1]!.isEqual(to: seed.transpose(0, 1).matmul(input)))
  }

  private static func golden() throws -> SafetensorsFile {
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures")
    return try SafetensorsFile(path: fixtures.appendingPathComponent("schemes.safetensors").path)
  }

  /// gguf makes codes with the scale before it is rounded: a few lie one step beside. Values of its codes and
  /// scales are ours.
  @Test(arguments: [
    ("q4_0", 4, ScaleRule.signedExtreme, DType.float32), ("q8_0", 8, .fullRange, .float32),
  ])
  func ggml(_ name: String, _ bits: Int, _ scales: ScaleRule, _ dtype: DType) throws {
    let file = try Self.golden()
    let rule = WeightRule(
      bits: bits, groupSize: 32, scaleRule: scales, scalePrecision: .float16)
    let found = rule.quantize(try file.tensor(named: "weight"))
    let (codes, theirs) = (
      try file.tensor(named: "\(name).codes"), try file.tensor(named: "\(name).scales")
    )
    // A group of zeros has no scale there.
    let isZero = theirs.equals(0)
    #expect(found.scales.masked(by: isZero, with: 0).isEqual(to: theirs))
    let differences = (found.codes.to(.float32) - codes.to(.float32)).abs()
    #expect(differences.amax().item <= 1 && differences.sum().item <= 20)
    let values = rule.dequantize(codes, theirs, dtype)
    #expect(values.isEqual(to: try file.tensor(named: "\(name).values")))
  }

  @Test func tinygemm() throws {
    let file = try Self.golden()
    let rule = QuantizationPreset.tinygemm.plan().layers.weights
    let found = rule.quantize(try file.tensor(named: "weight"))
    #expect(found.scales.isEqual(to: try file.tensor(named: "tinygemm.scales").to(.float32)))
    #expect(found.biases!.isEqual(to: try file.tensor(named: "tinygemm.zeros").to(.float32)))
    #expect(found.codes.isEqual(to: try file.tensor(named: "tinygemm.codes")))
  }

  /// torchao multiplies by reciprocals for nvfp4: a value at the border of two codes may go to the other one.
  @Test func floats() throws {
    let file = try Self.golden()
    let weight = try file.tensor(named: "weight")
    let mx = QuantizationPreset.mxfp4.plan().layers.weights.fakeQuantize(weight)
    #expect(mx.isEqual(to: try file.tensor(named: "mxfp4.values")))
    let nv = QuantizationPreset.nvfp4.plan().layers.weights.fakeQuantize(weight)
    let theirs = try file.tensor(named: "nvfp4.values")
    let differing = ((nv - theirs).abs() - theirs.abs() * 1e-6).isGreater(than: 0).to(.float32)
    #expect(differing.sum().item <= 8)
    let fp8 = WeightRule(codes: .float8, groupSize: WeightRule.wholeRow, scaleRule: .fullRange)
    #expect(
      fp8.fakeQuantize(weight).largestDifference(from: try file.tensor(named: "fp8.values")) < 1e-6)
  }

  @Test func compressedTensors() throws {
    let file = try Self.golden()
    let rule = WeightRule(groupSize: 32)
    let weight = try file.tensor(named: "weight")
    let scales = try file.tensor(named: "w4a16.scales")
    // A group of zeros has another least scale there, and the same values.
    let isZero = weight.reshape(8, 4, 32).abs().amax(along: -1).equals(0)
    #expect(
      rule.quantize(weight).scales.masked(by: isZero, with: 0)
        .isEqual(to: scales.masked(by: isZero, with: 0)))
    // Divided there, multiplied by the reciprocal here: a tie may go to the other side.
    let theirs = try file.tensor(named: "w4a16.values")
    let apart = (rule.fakeQuantize(weight) - theirs).abs() - theirs.abs() * 1e-6
    #expect(apart.isGreater(than: 1e-6).to(.float32).sum().item <= 4)
  }
}
