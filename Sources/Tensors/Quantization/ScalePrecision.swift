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

  package init?(dtype: DType) {
    switch dtype {
    case .float32: self = .float32
    case .bfloat16: self = .bfloat16
    case .float16: self = .float16
    default: return nil
    }
  }

  /// What stores a rounded scale without loss.
  package var dtype: DType {
    switch self {
    case .float32: .float32
    case .bfloat16, .portable: .bfloat16
    case .float16: .float16
    }
  }

  /// Scales rounded, in fp32.
  package func round(_ scales: Tensor) -> Tensor {
    switch self {
    case .float32, .bfloat16, .float16: return scales.to(dtype).to(.float32)
    case .portable:
      let sizes = scales.abs().to(.bfloat16).to(.float32).clamped(to: 0x1p-14...8160)
      return Tensor.choose(scales.isLess(than: 0), -sizes, else: sizes)
    }
  }

  var kernels: KernelScheme.Scale {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .portable: .portable
    }
  }
}
