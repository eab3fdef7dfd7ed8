// Element-wise operations, reductions and selection.
import CTorch

extension Tensor {
  package static func + (a: Tensor, b: Tensor) -> Tensor { made(ct_add(a.raw, b.raw)) }
  package static func - (a: Tensor, b: Tensor) -> Tensor { made(ct_sub(a.raw, b.raw)) }
  package static func * (a: Tensor, b: Tensor) -> Tensor { made(ct_mul(a.raw, b.raw)) }
  package static func / (a: Tensor, b: Tensor) -> Tensor { made(ct_div(a.raw, b.raw)) }
  package static func + (a: Tensor, s: Double) -> Tensor { made(ct_add_scalar(a.raw, s)) }
  package static func - (a: Tensor, s: Double) -> Tensor { made(ct_add_scalar(a.raw, -s)) }
  package static func * (a: Tensor, s: Double) -> Tensor { made(ct_mul_scalar(a.raw, s)) }
  package static func / (a: Tensor, s: Double) -> Tensor { made(ct_div_scalar(a.raw, s)) }
  package static prefix func - (a: Tensor) -> Tensor { made(ct_neg(a.raw)) }
  /// base ^ self
  package func exponents(ofBase base: Double) -> Tensor { made(ct_scalar_pow(base, raw)) }
  package func power(_ s: Double) -> Tensor { made(ct_pow_scalar(raw, s)) }
  package func maximum(_ other: Tensor) -> Tensor { made(ct_maximum(raw, other.raw)) }
  package func clamped(to range: ClosedRange<Double>) -> Tensor {
    made(ct_clamp(raw, range.lowerBound, range.upperBound))
  }
  package func abs() -> Tensor { made(ct_abs(raw)) }
  package func exp() -> Tensor { made(ct_exp(raw)) }
  package func log() -> Tensor { made(ct_log(raw)) }
  package func sqrt() -> Tensor { made(ct_sqrt(raw)) }
  package func rsqrt() -> Tensor { made(ct_rsqrt(raw)) }
  package func reciprocal() -> Tensor { made(ct_reciprocal(raw)) }
  /// Of fp32: the largest power of two that is not above |self|; 0 below the smallest normal number.
  package func powerOfTwo() -> Tensor { made(ct_power_of_two(raw)) }
  package func sin() -> Tensor { made(ct_sin(raw)) }
  package func cos() -> Tensor { made(ct_cos(raw)) }
  package func silu() -> Tensor { made(ct_silu(raw)) }
  package func tanh() -> Tensor { made(ct_tanh(raw)) }
  package func round() -> Tensor { made(ct_round(raw)) }

  // Comparisons give bool tensors.
  package func equals(_ other: Tensor) -> Tensor { made(ct_eq(raw, other.raw)) }
  package func equals(_ s: Double) -> Tensor { made(ct_eq_scalar(raw, s)) }
  package func differs(from s: Double) -> Tensor { made(ct_ne_scalar(raw, s)) }
  package func isLess(than s: Double) -> Tensor { made(ct_lt_scalar(raw, s)) }
  package func isGreater(than s: Double) -> Tensor { made(ct_gt_scalar(raw, s)) }
  package func isGreater(than other: Tensor) -> Tensor { made(ct_gt(raw, other.raw)) }
  package func isFinite() -> Tensor { made(ct_isfinite(raw)) }
  package func and(_ other: Tensor) -> Tensor { made(ct_logical_and(raw, other.raw)) }
  package func not() -> Tensor { made(ct_logical_not(raw)) }
  package func masked(by mask: Tensor, with value: Double) -> Tensor {
    made(ct_masked_fill(raw, mask.raw, value))
  }
  package static func choose(_ condition: Tensor, _ a: Tensor, else b: Tensor) -> Tensor {
    made(ct_where(condition.raw, a.raw, b.raw))
  }

  package func sum() -> Tensor { made(ct_sum(raw)) }
  package func sum(along dim: Int, keep: Bool = false) -> Tensor {
    made(ct_sum_dim(raw, Int64(dim), keep))
  }
  package func mean() -> Tensor { made(ct_mean(raw)) }
  package func mean(along dim: Int, keep: Bool = false) -> Tensor {
    made(ct_mean_dim(raw, Int64(dim), keep))
  }
  package func amax() -> Tensor { made(ct_amax(raw)) }
  package func amax(along dim: Int, keep: Bool = false) -> Tensor {
    made(ct_amax_dim(raw, Int64(dim), keep))
  }
  package func amin(along dim: Int, keep: Bool = false) -> Tensor {
    made(ct_amin_dim(raw, Int64(dim), keep))
  }
  package func allTrue() -> Bool { made(ct_all(raw)).itemInt != 0 }
  /// Sum of squares in fp32, a scalar tensor.
  package func squaredNorm() -> Tensor { made(ct_squared_norm(raw)) }
  package func argmax(along dim: Int) -> Tensor { made(ct_argmax_dim(raw, Int64(dim))) }
  package func lowerTriangle(diagonal: Int = 0) -> Tensor { made(ct_tril(raw, Int64(diagonal))) }
  /// [count, rank] int64: where the tensor is not zero.
  package func nonzero() -> Tensor { made(ct_nonzero(raw)) }
  package func rows(
    _ index: Tensor, along dim: Int = 0, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_index_select(raw, Int64(dim), index.raw), file, line)
  }
  package func gather(_ index: Tensor, along dim: Int) -> Tensor {
    made(ct_gather(raw, Int64(dim), index.raw))
  }
  /// The `count` largest along the last dimension, largest first, and their indices.
  package func largest(_ count: Int) -> (values: Tensor, indices: Tensor) {
    var indices: ct_tensor?
    let values = made(ct_topk(raw, Int64(count), &indices))
    return (values, made(indices))
  }
}
