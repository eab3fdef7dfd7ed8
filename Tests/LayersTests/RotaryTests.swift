// The rotary kernel: the formula bit for bit in fp32, its gradient the turn back, any strides.
import Tensors
import Testing

@Suite struct RotaryTests {
  /// Input [B, T, N, H] and angles for each row of the batch or for all.
  private func inputs(_ shape: [Int], ownAngles: Bool, _ dtype: DType) -> [Tensor] {
    let random = RandomGenerator(seed: UInt64(shape.reduce(0) { $0 * 10 + $1 }))
    let angles = random.uniform(
      [ownAngles ? shape[0] : 1, shape[1], 1, shape[3] / 2], in: -9...9)
    return [random.normal(shape).to(dtype), angles.cos(), angles.sin(), random.normal(shape)]
  }

  @Test(
    arguments: [[1, 1, 1, 2], [2, 5, 3, 6], [3, 40, 4, 64], [1, 7, 1, 34]],
    [false, true])
  func equalsTheFormula(_ shape: [Int], ownAngles: Bool) {
    let all = inputs(shape, ownAngles: ownAngles, .float32)
    let ours = run([all[0]], seed: all[3]) { $0[0].applyingRotary(cosines: all[1], sines: all[2]) }
    let truth = run([all[0]], seed: all[3]) { Truth.rotated($0[0], all[1], all[2]) }
    #expect(ours.output.isEqual(to: truth.output))
    #expect(ours.gradients[0].isEqual(to: truth.gradients[0]))
    let narrow = all[0].to(.bfloat16)
    let rounded = run([narrow], seed: all[3].to(.bfloat16)) {
      $0[0].applyingRotary(cosines: all[1], sines: all[2])
    }
    let wide = run([narrow.to(.float32)], seed: all[3].to(.bfloat16)) {
      $0[0].applyingRotary(cosines: all[1], sines: all[2])
    }
    #expect(rounded.output.isEqual(to: wide.output.to(.bfloat16)))
    #expect(rounded.gradients[0].isEqual(to: wide.gradients[0].to(.bfloat16)))
  }

  @Test(arguments: [DType.float32, .bfloat16, .float16])
  func stridesDoNotMatter(_ dtype: DType) {
    let all = inputs([2, 6, 3, 8], ownAngles: true, dtype)
    let plain = all[0].applyingRotary(cosines: all[1], sines: all[2])
    // Heads before tokens in memory, then every other number of a wider tensor.
    let heads = all[0].transpose(1, 2).contiguous().transpose(1, 2)
    #expect(heads.applyingRotary(cosines: all[1], sines: all[2]).isEqual(to: plain))
    let spread = Tensor.stack([all[0], all[0]], along: -1).select(-1, 0)
    #expect(spread.applyingRotary(cosines: all[1], sines: all[2]).isEqual(to: plain))
    let table = Tensor.cat([all[1], all[1]], along: 1)
    #expect(
      all[0].applyingRotary(cosines: table.narrow(1, from: 6, count: 6), sines: all[2])
        .isEqual(to: plain))
  }
}
