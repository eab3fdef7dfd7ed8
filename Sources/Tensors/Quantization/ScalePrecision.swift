// What a scale is rounded to before a code is made with it: training, conversion and the stored file use the
// rounded one.
import Tensors

package enum ScalePrecision: String, Sendable, Hashable, CaseIterable {
  case float32
  case bfloat16
  case float16
  /// P(s) = sign(s) clamp(bf16(|s|), 2^-14, 8160): a number that bf16, fp16 and fp32 all hold, and 8 times
  /// it too, so that every container stores the scales of the training. sign(0) is 1.
  case portable
  /// E8M0: powers of two (OCP MX).
  case powerOfTwo = "float8_e8m0"
  /// e4m3 numbers, multiples of one fp32 scale of the whole tensor: max|w| / (448 times the largest code).
  case float8 = "float8_e4m3"

  package init?(dtype: DType) {
    switch dtype {
    case .float32: self = .float32
    case .bfloat16: self = .bfloat16
    case .float16: self = .float16
    default: return nil
    }
  }

  /// What stores a rounded scale without loss: of a float of 8 bits its bit pattern.
  package var dtype: DType {
    switch self {
    case .float32: .float32
    case .bfloat16, .portable: .bfloat16
    case .float16: .float16
    case .powerOfTwo, .float8: .uint8
    }
  }

  /// Scales rounded, in fp32.
  package func round(_ scales: Tensor) -> Tensor {
    switch self {
    case .float32, .bfloat16, .float16: return scales.to(dtype).to(.float32)
    case .portable:
      let sizes = scales.abs().to(.bfloat16).to(.float32).clamped(to: 0x1p-14...8160)
      return Tensor.choose(scales.isLess(than: 0), -sizes, else: sizes)
    case .powerOfTwo: return scales.to(.float32).powerOfTwo().clamped(to: 0x1p-126 ... .infinity)
    case .float8:
      // No group's scale is 0.
      return CodeFormat.float8.round(scales.to(.float32), low: 0).clamped(to: 0x1p-6...448)
    }
  }
  /// What is added to codes times scales, rounded so that it is stored without loss.
  func roundBias(_ biases: Tensor) -> Tensor {
    switch self {
    case .portable:
      // fp16 has no step below 2^-24.
      let bounded = biases.to(.bfloat16).to(.float32).clamped(to: -65280...65280)
      return (bounded * 0x1p24).round() * 0x1p-24
    case .powerOfTwo, .float8: return biases.to(.float32)
    case .float32, .bfloat16, .float16: return biases.to(dtype).to(.float32)
    }
  }

  /// As `dtype` stores it.
  package func stored(_ scales: Tensor) -> Tensor {
    switch self {
    case .float32, .bfloat16, .float16, .portable: return scales.to(dtype)
    case .float8: return (CodeFormat.float8.codes(of: scales).to(.float32) + 128).to(.uint8)
    case .powerOfTwo:
      // The exponent's field, which a bfloat16 has above seven bits of 0.
      return (scales.to(.bfloat16).viewed(as: .int16).to(.float32) / 128).to(.uint8)
    }
  }
  /// fp32 of what `stored` gave.
  package func loaded(_ stored: Tensor) -> Tensor {
    switch self {
    case .float32, .bfloat16, .float16, .portable: return stored.to(.float32)
    case .float8: return CodeFormat.float8.values(of: (stored.to(.float32) - 128).to(.int8))
    case .powerOfTwo:
      return (stored.to(.float32) * 128).to(.int16).viewed(as: .bfloat16).to(.float32)
    }
  }

  /// What the kernels know it as; nil where they don't.
  var kernels: KernelScheme.Scale? {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .portable: .portable
    case .powerOfTwo, .float8: nil
    }
  }
}
