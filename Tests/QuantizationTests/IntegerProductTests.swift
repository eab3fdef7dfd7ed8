// The integer product: exact sums of codes, the same bits from every instruction set, the gradients that
// are defined, and the same layer as the one that multiplies numbers.
import Quantization
import Tensors
import Testing

/// Instruction sets change for the whole process, so these tests follow one another.
@Suite(.serialized) struct IntegerProductTests {
  /// Tokens, inputs, outputs: single ones, and such as fill no tile.
  static let sizes = [(1, 64, 1), (3, 64, 37), (7, 256, 16), (33, 512, 50), (9, 1024, 130)]

  static func withEveryScheme(_ body: (QuantizationScheme, DType) -> Void) {
    withEvery(
      bits: 2...7, groupSizes: [32, 64, 256], scalePrecisions: [.float32, .bfloat16, .portable],
      body)
  }

  /// Activations with a row of zeros and rows of other magnitudes.
  static func tokens(_ count: Int, _ inputs: Int, _ dtype: DType, seed: UInt64) -> Tensor {
    let x = RandomGenerator(seed: seed).normal([count, inputs], mean: 0.2)
    if count > 2 { x.select(0, 1).fill(0) }
    if count > 3 { x.select(0, 3).multiplyInPlace(1e3) }
    return x.to(dtype)
  }

  /// The sum over codes in fp64, and the sum of its terms' magnitudes.
  static func exactProduct(_ x: Tensor, _ weight: QuantizedWeight) -> (Tensor, terms: Tensor) {
    let (q, scale, zero) = TokenQuantization.quantize(x)
    let a = (q.to(.float64) - zero.to(.float64).unsqueeze(-1)) * scale.to(.float64).unsqueeze(-1)
    let group = weight.scheme.weights.groupSize
    let b =
      weight.codes.to(.float64).reshape(-1, group)
      * weight.scales.to(.float64).reshape(-1, 1)
    let w = b.reshape(weight.codes.shape).transpose(0, 1)
    return (a.matmul(w), a.abs().matmul(w.abs()))
  }

  /// One rounding of each group's product, of each sum over groups and of the row's scale: within
  /// (2 G + 2) half units of fp32 of the terms; bf16 adds its own rounding.
  @Test func sumsAreExactButForTheirScales() {
    var seed: UInt64 = 0
    Self.withEveryScheme { scheme, dtype in
      for (count, inputs, outputs) in Self.sizes where inputs % scheme.weights.groupSize == 0 {
        seed += 1
        let x = Self.tokens(count, inputs, dtype, seed: seed)
        let w = RandomGenerator(seed: seed + 1000).normal([outputs, inputs]).to(dtype)
        let y = x.linear([scheme.code(w).codes], leaves: [nil])[0]
        let (exact, terms) = Self.exactProduct(x, scheme.quantize(w))
        let bound =
          terms * (Double(2 * inputs / scheme.weights.groupSize + 2) * 6e-8)
          + exact.abs() * (dtype == .bfloat16 ? 0.00391 : 0) + 1e-30
        let excess = (y.to(.float64) - exact).abs() - bound
        #expect(
          excess.amax().item <= 0, "\(scheme) \(dtype) \(count) x \(inputs) x \(outputs)")
        #expect(y.shape == [count, outputs] && y.dtype == dtype)
      }
    }
  }

  @Test func everyInstructionSetGivesTheSameBits() {
    let best = InstructionSet.chosen
    defer { _ = best.choose() }
    Self.withEveryScheme { scheme, dtype in
      for (count, inputs, outputs) in Self.sizes where inputs % scheme.weights.groupSize == 0 {
        let x = Self.tokens(count, inputs, dtype, seed: 5)
        let codes = scheme.code(RandomGenerator(seed: 6).normal([outputs, inputs]).to(dtype)).codes
        let found = InstructionSet.allCases.filter { $0.choose() }.map { _ in
          x.linear([codes], leaves: [nil])[0]
        }
        for other in found.dropFirst() {
          #expect(other.isEqual(to: found[0]), "\(scheme) \(dtype) \(count) x \(inputs)")
        }
      }
    }
  }

  /// A token is decoded by another kernel than a prompt, to the same bits.
  @Test func aTokenAloneIsTheTokenAmongOthers() {
    for (bits, group, inputs, outputs) in [
      (4, 32, 512, 70), (4, 32, 96, 3), (4, 64, 192, 33), (3, 128, 384, 41), (2, 256, 512, 9),
      (4, 96, 288, 18), (6, 32, 128, 20), (4, 512, 1024, 12),
    ] {
      let scheme = QuantizationScheme(weightBits: bits, groupSize: group)
      let x = Self.tokens(13, inputs, .float32, seed: 9)
      let weight = RandomGenerator(seed: 10).normal([outputs, inputs])
      let packed = PackedWeight(scheme.quantize(weight)).codes
      let together = x.linear([packed], leaves: [nil])[0]
      for codes in [packed, scheme.code(weight).codes] {
        for row in 0..<13 {
          for count in [1, 2] where row + count <= 13 {
            let few = x.narrow(0, from: row, count: count).linear([codes], leaves: [nil])[0]
            #expect(
              few.isEqual(to: together.narrow(0, from: row, count: count)), "\(scheme) row \(row)")
          }
        }
      }
    }
  }

  @Test func codesAreThoseOfTheScheme() {
    withEvery(bits: 2...7, groupSizes: [32, 256]) { scheme, dtype in
      let w = weights(seed: 3).to(dtype)
      let stored = scheme.quantize(w)
      let rows = scheme.code(w)
      let packed = PackedWeight(stored)
      for coded in [rows, packed] {
        #expect(coded.dequantize(dtype).isEqual(to: stored.dequantize(dtype)), "\(scheme)")
        #expect(coded.codes.scales.isEqual(to: stored.scales))
        #expect(coded.shape == w.shape)
      }
      #expect(rows.codes.codes.isEqual(to: packed.codes.codes))
    }
  }

  /// Straight through both roundings: gradient at x = g W_fq, at W = g^T x_fq, a leaf's memory unread.
  @Test func gradientsAreTheDefinedOnes() {
    for dtype in [DType.float32, .bfloat16] {
      let scheme = QuantizationScheme(groupSize: 32)
      let x = Self.tokens(19, 96, dtype, seed: 1).leaf()
      let ws = [40, 24, 24].enumerated().map {
        RandomGenerator(seed: UInt64($0 + 2)).normal([$1, 96], standardDeviation: 0.1).to(dtype)
      }
      let leaves = ws.map { Tensor.zeros([1, 1], dtype).expand($0.shape[0], 96).leaf() }
      let outputs = withGraph(true) {
        x.linear(ws.map { scheme.code($0).codes }, leaves: leaves)
      }
      let seeds = outputs.enumerated().map {
        RandomGenerator(seed: UInt64($0 + 20)).normal($1.shape).to(dtype)
      }
      let total = withGraph(true) { Tensor.cat(outputs, along: 1) }
      let found = gradients(
        of: total, seed: Tensor.cat(seeds, along: 1), withRespectTo: [x] + leaves)
      let rounded = TokenQuantization.fakeQuantize(x.detach()).to(.float64)
      var gradient = Tensor.zeros([19, 96], .float64)
      let bound = dtype == .float32 ? 1e-6 : 0.004
      for (index, (w, seed)) in zip(ws, seeds).enumerated() {
        gradient = gradient + seed.to(.float64).matmul(scheme.weights.fakeQuantize(w).to(.float64))
        let expected = seed.to(.float64).transpose(0, 1).matmul(rounded)
        let difference = found[index + 1]!.to(.float64).largestDifference(from: expected)
        #expect(difference <= bound * expected.abs().amax().item, "weight \(index) \(dtype)")
      }
      let difference = found[0]!.to(.float64).largestDifference(from: gradient)
      #expect(difference <= bound * gradient.abs().amax().item, "input \(dtype)")
    }
  }

  @Test func whatIsNotFiniteIsHandedOn() {
    let scheme = QuantizationScheme(groupSize: 32)
    let codes = scheme.code(.ones([8, 64])).codes
    for bad in [Double.nan, .infinity, -.infinity] {
      let x = Self.tokens(5, 64, .float32, seed: 4)
      x.select(0, 2).narrow(0, from: 7, count: 1).fill(bad)
      let y = x.linear([codes], leaves: [nil])[0]
      #expect(!y.select(0, 2).isFinite().allTrue())
      #expect(y.select(0, 1).isFinite().allTrue() && y.select(0, 3).isFinite().allTrue())
    }
  }

  @Test func otherGroupsAndBitsHaveNone() {
    for (bits, group) in [(8, 32), (4, 48), (4, 16), (4, 0), (1, 32)] {
      #expect(!QuantizationScheme(weightBits: bits, groupSize: group).hasIntegerProduct(on: .cpu))
    }
  }
}
