// The constitution of quantization: fake quantization is quantize-then-dequantize, exactly; fused
// kernels are the formulas, exactly; packing loses nothing.
import Quantization
import Tensors
import Testing

/// Calls `body` with every combination.
func withEvery(
  bits: ClosedRange<Int> = 2...8, groupSizes: [Int] = [8, 32, 128, 256],
  dtypes: [DType] = [.float32, .bfloat16],
  scaleDTypes: [DType] = [.float32, .bfloat16, .float16],
  _ body: (QuantizationScheme, DType) throws -> Void
) rethrows {
  for bits in bits {
    for group in groupSizes {
      for scale in scaleDTypes {
        for dtype in dtypes {
          try body(QuantizationScheme(weightBits: bits, groupSize: group, scaleDType: scale), dtype)
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
        let fake = scheme.fakeQuantize(w)
        #expect(fake.isEqual(to: codes.dequantize(dtype)), "\(scheme) \(dtype) seed \(seed)")
        let half = Int64(1 << (scheme.weightBits - 1))
        #expect(codes.codes.int64s.allSatisfy { (-half..<half).contains($0) })
        #expect(codes.scales.isEqual(to: codes.scales.to(scheme.scaleDType).to(.float32)))
      }
    }
  }

  @Test func fusedKernelsAreTheFormulas() {
    withEvery { scheme, dtype in
      let w = weights(seed: UInt64(scheme.weightBits * 1000 + scheme.groupSize)).to(dtype)
      let (bits, group, scale) = (scheme.weightBits, scheme.groupSize, scheme.scaleDType)
      #expect(
        scheme.fakeQuantize(w).isEqual(
          to: QuantizationByOperations.fakeQuantizePerGroup(
            w, bits: bits, groupSize: group, scaleDType: scale)))
      let found = scheme.quantize(w)
      let truth = QuantizationByOperations.quantizePerGroup(
        w, bits: bits, groupSize: group, scaleDType: scale)
      #expect(found.codes.isEqual(to: truth.codes))
      #expect(found.scales.isEqual(to: truth.scales))
    }
  }

  @Test(arguments: [DType.float32, .bfloat16], [1, 3, 17, 64, 1000])
  func tokens(_ dtype: DType, width: Int) {
    for seed in 0..<200 as Range<UInt64> {
      let x = RandomGenerator(seed: seed).normal([5, width], mean: Double(seed % 5)).to(dtype)
      let fused = TokenQuantization.quantize(x)
      let truth = QuantizationByOperations.quantizePerToken(x)
      #expect(fused.codes.isEqual(to: truth.codes))
      #expect(fused.scale.isEqual(to: truth.scale))
      #expect(fused.zeroPoint.isEqual(to: truth.zeroPoint))
      let fake = TokenQuantization.fakeQuantize(x)
      #expect(fake.isEqual(to: QuantizationByOperations.fakeQuantizePerToken(x)))
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

  @Test func slopesPassStraightThrough() {
    let generator = RandomGenerator(seed: 5)
    let scheme = QuantizationScheme(groupSize: 32)
    let (x, w) = (generator.normal([9, 64]).leaf(), generator.normal([12, 64]).leaf())
    let seed = generator.normal([9, 12])
    let y = withGraph(true) {
      scheme.linear(TokenQuantization.fakeQuantize(x), fakeQuantizing: w)
    }
    let rounded = TokenQuantization.fakeQuantize(x.detach())
    #expect(y.detach().isEqual(to: rounded.linear(scheme.fakeQuantize(w.detach()))))
    let slopes = gradients(of: y, seed: seed, withRespectTo: [x, w])
    #expect(slopes[0]!.isEqual(to: seed.matmul(scheme.fakeQuantize(w.detach()))))
    #expect(slopes[1]!.isEqual(to: seed.transpose(0, 1).matmul(rounded)))
  }
}
