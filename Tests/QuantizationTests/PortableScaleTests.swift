// A portable scale is one number in bf16, fp16 and fp32, and what is made with it is made by dividing by it.
import Foundation
import Quantization
import Tensors
import Testing

@Suite struct PortableScaleTests {
  /// Every bf16 that is a number.
  private static let all = (0...UInt32(UInt16.max)).map { Float(bitPattern: $0 << 16) }
    .filter { !$0.isNaN }

  @Test func isExactInEveryDType() {
    let rounded = ScalePrecision.portable.round(Tensor(Self.all))
    for dtype in [DType.bfloat16, .float16] {
      #expect(rounded.to(dtype).to(.float32).isEqual(to: rounded))
      #expect((rounded * 8).to(dtype).to(.float32).isEqual(to: rounded * 8))
    }
    for (given, found) in zip(Self.all, rounded.floats) {
      let expected = min(max(abs(given), 0x1p-14), 8160)
      #expect(found == (given < 0 ? -expected : expected), "\(given)")
    }
    #expect(ScalePrecision.portable.round(Tensor([Float.nan])).floats[0].isNaN)
  }

  @Test(arguments: [DType.float32, .bfloat16], [ScaleRule.halfStep, .fullRange])
  func codesAreQuotients(_ dtype: DType, _ rule: ScaleRule) {
    let weights = WeightRule(bits: 4, groupSize: 32, scaleRule: rule, scalePrecision: .portable)
    let w = weightsOfManySizes(seed: 7).to(dtype)
    let rounded = weights.quantize(w)
    let (numbers, found) = (w.floats, rounded.codes.int64s)
    for (group, scale) in rounded.scales.floats.enumerated() {
      let members = numbers[group * 32..<(group + 1) * 32]
      let largest = members.map(abs).max()!
      let own = Tensor([largest / (rule == .halfStep ? 7.5 : 7)]).to(.bfloat16).floats[0]
      #expect(scale == min(max(own, 0x1p-14), 8160))
      for (place, number) in members.enumerated() {
        let quotient = (number / scale).rounded(.toNearestOrEven)
        let low: Float = rule == .halfStep ? -8 : -7
        #expect(found[group * 32 + place] == Int64(min(max(quotient, low), 7)))
      }
    }
  }

  /// Bits 2 to 8, groups, both rules: the kernel and the formula.
  @Test(arguments: [DType.float32, .bfloat16]) func kernelsAreTheFormulas(_ dtype: DType) {
    for bits in 2...8 {
      for group in [8, 32, 256] {
        let rule = WeightRule(
          bits: bits, groupSize: group, scaleRule: .fullRange, scalePrecision: .portable)
        let w = weightsOfManySizes(seed: UInt64(bits * group)).to(dtype)
        let (found, truth) = (rule.quantize(w), rule.quantizeByFormula(w))
        #expect(found.codes.isEqual(to: truth.codes) && found.scales.isEqual(to: truth.scales))
        #expect(rule.fakeQuantize(w).isEqual(to: rule.fakeQuantizeByFormula(w)))
        #expect(rule.fakeQuantize(w).isEqual(to: rule.dequantize(found.codes, found.scales, dtype)))
      }
    }
  }

  private func weightsOfManySizes(seed: UInt64) -> Tensor { weights(seed: seed) }
}
