// What the schemes with names are. Scales are portable but in torchtune's own, so that codes and scales go into a
// runtime's container as they were trained.
import Essentials

extension QuantizationPreset {
  /// - Parameter groupSize: one of `groupSizes`; nil for the default.
  package func plan(groupSize: Int? = nil) -> QuantizationPlan {
    let group = groupSize ?? groupSizes.first ?? 32
    func scheme(_ weights: WeightRule, _ inputs: InputRule = .exact) -> QuantizationScheme {
      QuantizationScheme(weights: weights, inputs: inputs)
    }
    func plan(
      _ layers: QuantizationScheme, head: QuantizationScheme? = nil,
      embedding: QuantizationScheme? = nil
    ) -> QuantizationPlan {
      QuantizationPlan(name: rawValue, layers: layers, head: head, embedding: embedding)
    }
    let int4 = Self.integers(4, group)
    switch self {
    case .ggufQ4_0: return gguf(Self.integers(4, 32))
    case .ggufQ8_0: return gguf(Self.q8_0)
    case .ggufQ2_0: return gguf(Self.integers(2, 64))
    case .mlx2bit: return mlx(2, group)
    case .mlx3bit: return mlx(3, group)
    case .mlx4bit: return mlx(4, group)
    case .mlx8bit: return mlx(8, group)
    case .w4a16: return plan(scheme(int4))
    case .w4a8: return plan(scheme(int4, .int8SymmetricPerToken))
    case .xnnpack:
      let channels = Self.integers(8, WeightRule.wholeRow)
      return plan(
        scheme(int4, .int8PerToken), head: scheme(channels, .int8PerToken),
        embedding: scheme(channels))
    case .int8Dynamic:
      return plan(scheme(Self.integers(8, WeightRule.wholeRow), .int8SymmetricPerToken))
    case .int8: return plan(scheme(Self.integers(8, WeightRule.wholeRow)))
    case .torchtune: return QuantizationPlan(QuantizationScheme(groupSize: group))
    case .tinygemm:
      let weights = WeightRule(
        groupSize: group, scaleRule: .floatZero, scalePrecision: .bfloat16)
      return plan(scheme(weights), head: scheme(weights))
    case .nvfp4:
      return plan(scheme(Self.floats(.float4, 16, .fullRange, .float8)))
    case .mxfp4:
      return plan(scheme(Self.floats(.float4, 32, .powerOfTwo, .powerOfTwo)))
    case .fp8:
      return plan(
        scheme(Self.floats(.float8, WeightRule.wholeRow, .fullRange, .portable), .float8PerToken))
    }
  }

  private static func integers(
    _ bits: Int, _ group: Int, _ rule: ScaleRule = .halfStep
  ) -> WeightRule {
    WeightRule(bits: bits, groupSize: group, scaleRule: rule, scalePrecision: .portable)
  }
  private static func floats(
    _ codes: CodeFormat, _ group: Int, _ rule: ScaleRule, _ precision: ScalePrecision
  ) -> WeightRule {
    WeightRule(codes: codes, groupSize: group, scaleRule: rule, scalePrecision: precision)
  }
  private static let q8_0 = integers(8, 32, .fullRange)

  /// llama.cpp multiplies with inputs rounded to Q8_0; head and embedding are Q8_0.
  private func gguf(_ weights: WeightRule) -> QuantizationPlan {
    let q8_0 = QuantizationScheme(weights: Self.q8_0, inputs: .int8Blocks)
    return QuantizationPlan(
      name: rawValue, layers: QuantizationScheme(weights: weights, inputs: .int8Blocks), head: q8_0,
      embedding: QuantizationScheme(weights: Self.q8_0, inputs: .exact))
  }

  /// MLX rounds every matrix in one way, and no input.
  private func mlx(_ bits: Int, _ group: Int) -> QuantizationPlan {
    let scheme = QuantizationScheme(
      weights: Self.integers(bits, group, .affineEdge), inputs: .exact)
    return QuantizationPlan(name: rawValue, layers: scheme, head: scheme, embedding: scheme)
  }
}
