// The constitution of quantization: fake quantization is quantize-then-dequantize, exactly; fused
// kernels are the formulas, exactly; packing loses nothing.
import Quantization
import Tensors
import Testing

/// Calls `body` with every combination.
func withEvery(
  bits: ClosedRange<Int> = 2...8, groupSizes: [Int] = [8, 32, 128, 256],
  dtypes: [DType] = [.float32, .bfloat16],
  scalePrecisions: [ScalePrecision] = [.float32, .bfloat16, .float16, .portable],
  _ body: (QuantizationScheme, DType) throws -> Void
) rethrows {
  for bits in bits {
    for group in groupSizes {
      for scale in scalePrecisions {
        for dtype in dtypes {
          try body(QuantizationScheme(weightBits: bits, groupSize: group, scales: scale), dtype)
        }
      }
    }
  }
}

/// Normal, with rows of other magnitudes, zeros and exact halves among them.
func weights(seed: UInt64, _ shape: [Int] = [6, 256]) -> Tensor {
  let w = RandomGenerator(seed: seed).normal(shape, standardDeviation: 0.05)
  w.select(0, 1).multiplyInPlace(1e4)
  w.select(0, 2).multiplyInPlace(1e-8)
  w.select(0, 3).fill(0)
  w.select(0, 4).copy(from: w.select(0, 4).round() * 0.5)
  return w
}

@Suite struct ConstitutionTests {
  @Test func fakeQuantizeIsQuantizeThenDequantize() {
    var seed: UInt64 = 0
    withEvery { scheme, dtype in
      for _ in 0..<6 {
        seed += 1
        let w = weights(seed: seed).to(dtype)
        let codes = scheme.quantize(w)
        let fake = scheme.weights.fakeQuantize(w)
        #expect(fake.isEqual(to: codes.dequantize(dtype)), "\(scheme) \(dtype) seed \(seed)")
        let half = Int64(1 << (scheme.weights.bits - 1))
        #expect(codes.codes.int64s.allSatisfy { (-half..<half).contains($0) })
        #expect(codes.scales.isEqual(to: scheme.weights.scalePrecision.round(codes.scales)))
      }
    }
  }

  @Test func fusedKernelsAreTheFormulas() {
    withEvery { scheme, dtype in
      let w = weights(seed: UInt64(scheme.weights.bits * 1000 + scheme.weights.groupSize)).to(dtype)
      #expect(
        scheme.weights.fakeQuantize(w).isEqual(to: scheme.weights.fakeQuantizeByFormula(w)))
      let found = scheme.quantize(w)
      let truth = scheme.weights.quantizeByFormula(w)
      #expect(found.codes.isEqual(to: truth.codes))
      #expect(found.scales.isEqual(to: truth.scales))
      #expect(
        found.dequantize(dtype).isEqual(
          to: scheme.weights.dequantizeByFormula(truth.codes, truth.scales, dtype)))
    }
  }

  /// (q - z) * (s * t), number by number.
  @Test func zeroPointsAndATensorScale() {
    let generator = RandomGenerator(seed: 2)
    let codes = generator.integers([2, 16], in: -8..<8)
    let (scales, zeros) = (
      generator.uniform([2, 2], in: 0.1...1), Tensor([-3, 0, 2, 7] as [Float], [2, 2])
    )
    let weight = QuantizedWeight(
      scheme: .weightOnly(groupSize: 8), codes: codes.to(.int8), scales: scales,
      zeroPoints: zeros, tensorScale: Tensor.full([], 0.3))
    let expected = codes.int64s.enumerated().map { place, code in
      (Float(code) - zeros.floats[place / 8]) * (scales.floats[place / 8] * 0.3)
    }
    #expect(weight.dequantize(.float32).floats == expected)
    #expect(!weight.isSymmetric)
  }

  @Test(arguments: [DType.float32, .bfloat16], [1, 3, 17, 64, 1000])
  func tokens(_ dtype: DType, width: Int) {
    for seed in 0..<200 as Range<UInt64> {
      let x = RandomGenerator(seed: seed).normal([5, width], mean: Double(seed % 5)).to(dtype)
      let fused = TokenQuantization.quantize(x)
      let truth = TokenQuantization.quantizeByFormula(x)
      #expect(fused.codes.isEqual(to: truth.codes))
      #expect(fused.scale.isEqual(to: truth.scale))
      #expect(fused.zeroPoint.isEqual(to: truth.zeroPoint))
      let fake = TokenQuantization.fakeQuantize(x)
      #expect(fake.isEqual(to: TokenQuantization.fakeQuantizeByFormula(x)))
      #expect(
        fake.isEqual(
          to: TokenQuantization.dequantize(
            fused.codes, scale: fused.scale, zeroPoint: fused.zeroPoint, dtype)))
    }
  }

  @Test func packingLosesNothing() {
    for bits in 2...8 {
      for columns in [8, 12, 32, 33, 250] {
        let half = 1 << (bits - 1)
        let codes = RandomGenerator(seed: 3).integers([7, columns], in: -half..<half).to(.int8)
        let packed = codes.packedCodes(bits: bits)
        #expect(packed.shape == [7, (columns * bits + 7) / 8])
        #expect(packed.unpackedCodes(bits: bits, columns: columns).isEqual(to: codes))
      }
    }
    // int4: the first code is in the low half of the first byte.
    let packed = Tensor([-8, 7, 0, 1] as [Int32], [1, 4]).to(.int8).packedCodes(bits: 4)
    #expect(packed.int64s == [0xF0, 0x98])
  }

  @Test func gradientsPassStraightThrough() {
    let generator = RandomGenerator(seed: 5)
    let scheme = QuantizationScheme(groupSize: 32)
    let (x, w) = (generator.normal([9, 64]).leaf(), generator.normal([12, 64]).leaf())
    let seed = generator.normal([9, 12])
    let y = withGraph(true) {
      scheme.linear(TokenQuantization.fakeQuantize(x), fakeQuantizing: w)
    }
    let rounded = TokenQuantization.fakeQuantize(x.detach())
    #expect(y.detach().isEqual(to: rounded.linear(scheme.weights.fakeQuantize(w.detach()))))
    let gradients = gradients(of: y, seed: seed, withRespectTo: [x, w])
    #expect(gradients[0]!.isEqual(to: seed.matmul(scheme.weights.fakeQuantize(w.detach()))))
    #expect(gradients[1]!.isEqual(to: seed.transpose(0, 1).matmul(rounded)))
  }
}
