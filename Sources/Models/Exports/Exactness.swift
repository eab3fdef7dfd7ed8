// Whether a container holds the scales that were trained: each is compared with what it becomes. What is
// not the same is refused, or, where that is allowed, counted and told.
import Essentials
import Quantization
import Tensors

final class Exactness {
  struct Change: Sendable {
    var tensor: String
    var scales: Int
    /// Of a scale, relative to it.
    var largest: Double
  }
  let allowsInexact: Bool
  let dtype: DType
  private(set) var changes: [String: Change] = [:]

  init(allowsInexact: Bool, dtype: DType) {
    (self.allowsInexact, self.dtype) = (allowsInexact, dtype)
  }

  struct Inexact: Error {
    var tensor: String
    var scales: Int
    var count: Int
  }

  /// The scales in the container's dtype.
  /// - Throws: `Inexact` where some of them change and that is not allowed.
  func rounded(_ scales: Tensor, of tensor: String) throws -> Tensor {
    let rounded = scales.to(dtype)
    let back = rounded.to(.float32)
    if back.isEqual(to: scales) { return rounded }
    let same = Int(back.equals(scales).to(.float32).sum().item)
    guard allowsInexact else {
      throw Inexact(tensor: tensor, scales: scales.count - same, count: scales.count)
    }
    guard rounded.isFinite().and(rounded.differs(from: 0)).allTrue() else {
      throw TuneError(
        .unsupported, "'\(tensor)' has scales beyond the range of \(dtype.shortName)",
        remedy: "Train with portable scales, which every format holds.")
    }
    let largest = ((back - scales).abs() / scales.abs()).amax().item
    var change = changes[tensor] ?? Change(tensor: tensor, scales: 0, largest: 0)
    change.scales += scales.count - same
    change.largest = max(change.largest, largest)
    changes[tensor] = change
    return rounded
  }
}

extension DType {
  /// As people write it.
  var shortName: String {
    switch self {
    case .float16: "fp16"
    case .bfloat16: "bf16"
    default: "fp32"
    }
  }
}
