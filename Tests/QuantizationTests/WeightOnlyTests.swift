// The laws of weight-only schemes: codes by their definition, inputs as they are.
import Quantization
import Tensors
import Testing

@Suite struct WeightOnlyTests {
  /// Written out number by number, in fp32: s = max|w| / 7.5, q = round(w * (1/s)) to even.
  @Test func codesAreTheDefinedOnes() {
    let scheme = QuantizationScheme.weightOnly(groupSize: 32)
    let w = weights(seed: 7)
    let found = scheme.quantize(w)
    let numbers = w.floats
    var codes: [Int64] = []
    var scales: [Float] = []
    for start in stride(from: 0, to: numbers.count, by: 32) {
      let group = numbers[start..<start + 32]
      let scale = max(group.map(\.magnitude).max()! / 7.5, Float.ulpOfOne)
      scales.append(scale)
      codes += group.map { Int64(min(max(($0 * (1 / scale)).rounded(.toNearestOrEven), -8), 7)) }
    }
    #expect(found.codes.int64s == codes)
    #expect(found.scales.floats == scales)
    let expected = zip(codes.indices, codes).map { Float($1) * scales[$0 / 32] }
    #expect(found.dequantize(.float32).floats == expected)
  }

  @Test(arguments: [DType.float32, .bfloat16]) func fakeQuantizeIsQuantizeThenDequantize(
    _ dtype: DType
  ) {
    for bits in 2...8 {
      let scheme = QuantizationScheme.weightOnly(weightBits: bits, groupSize: 32)
      let w = weights(seed: UInt64(bits)).to(dtype)
      let fake = scheme.weights.fakeQuantize(w)
      #expect(fake.isEqual(to: scheme.quantize(w).dequantize(dtype)))
      #expect(fake.isEqual(to: scheme.weights.fakeQuantizeByFormula(w)))
    }
  }

  /// y = x W_fq^T; grad_x = g W_fq and grad_W = g^T x, with x as it is.
  @Test func inputsAreExact() {
    let scheme = QuantizationScheme.weightOnly(groupSize: 32)
    let generator = RandomGenerator(seed: 5)
    let (x, w) = (generator.normal([9, 64]).leaf(), generator.normal([12, 64]).leaf())
    let seed = generator.normal([9, 12])
    let y = withGraph(true) { scheme.linear(scheme.inputs.fakeQuantize(x), fakeQuantizing: w) }
    let rounded = scheme.weights.fakeQuantize(w.detach())
    #expect(y.detach().isEqual(to: x.detach().linear(rounded)))
    let gradients = gradients(of: y, seed: seed, withRespectTo: [x, w])
    #expect(gradients[0]!.isEqual(to: seed.matmul(rounded)))
    #expect(gradients[1]!.isEqual(to: seed.transpose(0, 1).matmul(x.detach())))
  }

  @Test func thereIsNoProductOfItsCodes() {
    #expect(!QuantizationScheme.weightOnly(groupSize: 32).hasIntegerProduct(on: .cpu))
  }

  @Test func coveredAreMatricesThatTheGroupSizeDivides() {
    for scheme in [QuantizationScheme(groupSize: 32), .weightOnly(groupSize: 32)] {
      #expect(scheme.covers(weightShape: [5, 96]))
      #expect(!scheme.covers(weightShape: [96, 5]) && !scheme.covers(weightShape: [96]))
    }
    #expect(!QuantizationScheme(groupSize: 0).covers(weightShape: [5, 96]))
  }
}
