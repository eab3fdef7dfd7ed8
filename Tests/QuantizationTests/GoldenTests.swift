// What torchao 0.10 computed, bit for bit: scales, zero points, codes, fake-quantized tensors.
import Foundation
import Quantization
import Tensors
import Testing
import WeightFiles

private func golden(_ name: String) throws -> SafetensorsFile {
  let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")
  return try SafetensorsFile(path: fixtures.appendingPathComponent(name).path)
}

/// Equal bits; where the reference has NaN, ours has NaN.
private func same(_ ours: Tensor, _ theirs: Tensor) -> Bool {
  guard ours.shape == theirs.shape else { return false }
  let (a, b) = (ours.to(.float32).floats, theirs.to(.float32).floats)
  return zip(a, b).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
}

@Suite struct GoldenTests {
  @Test(arguments: ["fp32", "bf16", "extreme.fp32", "extreme.bf16"])
  func activations(_ set: String) throws {
    let file = try golden("qat_fake_quant.safetensors")
    let x = try file.tensor(named: "\(set).x")
    let rounded = try file.tensor(named: "\(set).act_fq")
    #expect(same(TokenQuantization.fakeQuantize(x), rounded))
    #expect(same(TokenQuantization.fakeQuantizeByFormula(x), rounded))
    let scale = try file.tensor(named: "\(set).act_scale").reshape(-1)
    let zeroPoint = try file.tensor(named: "\(set).act_zero_point").reshape(-1)
    for found in [TokenQuantization.quantize(x), TokenQuantization.quantizeByFormula(x)] {
      #expect(same(found.scale, scale))
      #expect(same(found.zeroPoint, zeroPoint))
      let finite = scale.isFinite().unsqueeze(-1)
      let again = TokenQuantization.dequantize(
        found.codes, scale: found.scale, zeroPoint: found.zeroPoint, x.dtype)
      // An infinite scale has no codes.
      #expect(
        same(again.masked(by: finite.not(), with: 0), rounded.masked(by: finite.not(), with: 0)))
    }
  }

  @Test(arguments: ["fp32", "bf16"], [32, 128, 256])
  func weightsAndLinear(_ dtype: String, group: Int) throws {
    let file = try golden("qat_fake_quant.safetensors")
    let scheme = QuantizationScheme(groupSize: group)
    let weight = try file.tensor(named: "\(dtype).weight")
    let prefix = "\(dtype).g\(group)"
    let rounded = try file.tensor(named: "\(prefix).weight_fq")
    #expect(same(scheme.weights.fakeQuantize(weight), rounded))
    #expect(same(scheme.weights.fakeQuantizeByFormula(weight), rounded))
    let scales = try file.tensor(named: "\(prefix).weight_scale")
    #expect(
      same(scheme.quantize(weight).scales, scales.reshape(scheme.quantize(weight).scales.shape)))

    let x = try file.tensor(named: "\(dtype).x").leaf()
    let leaf = weight.leaf()
    let y = withGraph(true) {
      scheme.linear(TokenQuantization.fakeQuantize(x), fakeQuantizing: leaf)
    }
    let gradients = gradients(
      of: y, seed: try file.tensor(named: "\(dtype).grad_out"), withRespectTo: [x, leaf])
    // The three products are other matrix kernels' sums than the reference's: one rounding of the
    // dtype, relative to the largest value.
    let bound = dtype == "fp32" ? 2e-6 : 8e-3
    for (ours, name) in [
      (y.detach(), "y"), (gradients[0]!, "grad_x"), (gradients[1]!, "grad_weight"),
    ] {
      let theirs = try file.tensor(named: "\(prefix).\(name)")
      let distance = ours.largestDifference(from: theirs) / theirs.to(.float32).abs().amax().item
      #expect(distance <= bound, "\(name) \(distance)")
    }
  }

  @Test(arguments: ["extreme.fp32", "extreme.bf16"]) func extremeWeights(_ set: String) throws {
    let file = try golden("qat_fake_quant.safetensors")
    let weight = try file.tensor(named: "\(set).x")
    let scheme = QuantizationScheme(groupSize: 32)
    #expect(same(scheme.weights.fakeQuantize(weight), try file.tensor(named: "\(set).weight_fq")))
    let scales = try file.tensor(named: "\(set).weight_scale")
    #expect(same(scheme.quantize(weight).scales.reshape(-1), scales.reshape(-1)))
  }

  /// The training rule everywhere: codes and scales of the QAT quantizer's conversion, in fp32 and
  /// bf16; in fp32 the post-training quantizer's too.
  @Test(arguments: ["fp32", "bf16"], [32, 128, 256])
  func conversion(_ dtype: String, group: Int) throws {
    let file = try golden("ptq_linear.safetensors")
    let weight = try file.tensor(named: "weight.fp32").to(dtype == "fp32" ? .float32 : .bfloat16)
    let found = QuantizationScheme(groupSize: group).quantize(weight)
    let prefixes =
      ["qat_convert.\(dtype).g\(group).0"]
      + (dtype == "fp32" ? ["ptq.fp32.g\(group).nobias.0"] : [])
    for prefix in prefixes {
      #expect(same(found.codes, try file.tensor(named: "\(prefix).weight")), "\(prefix) codes")
      #expect(same(found.scales, try file.tensor(named: "\(prefix).scales")), "\(prefix) scales")
    }
  }
}
