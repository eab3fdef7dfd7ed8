// Matrix products. On x86 without AVX-512 libtorch multiplies bf16 by plain loops, 8 times (weight
// transposed) to 87 times (not) slower than fp32; there factors are multiplied in fp32 and the result
// is rounded once, which is what a bf16 product with fp32 sums does too.
#pragma once
#include <ATen/ATen.h>

namespace ct {

inline bool lacks_product(const at::Tensor &t) {
#if defined(__x86_64__)
  static const bool has_vectors = __builtin_cpu_supports("avx512bw") &&
                                  __builtin_cpu_supports("avx512vl") &&
                                  __builtin_cpu_supports("avx512dq");
  return !has_vectors && t.is_cpu() && t.scalar_type() == at::kBFloat16;
#else
  return false;
#endif
}

inline at::Tensor product(const at::Tensor &a, const at::Tensor &b) {
  if (!lacks_product(a)) return at::matmul(a, b);
  return at::matmul(a.to(at::kFloat), b.to(at::kFloat)).to(a.scalar_type());
}

/// x [.., K] times w [N, K] transposed.
inline at::Tensor product_transposed(const at::Tensor &x, const at::Tensor &w) {
  if (!lacks_product(x)) return at::linear(x, w);
  return at::linear(x.to(at::kFloat), w.to(at::kFloat)).to(x.scalar_type());
}

/// The slope at w of `product_transposed`, with the slope at its result.
inline at::Tensor weight_slope(const at::Tensor &grad, const at::Tensor &x) {
  return product(grad.reshape({-1, grad.size(-1)}).t(), x.reshape({-1, x.size(-1)}));
}

/// `product_transposed` with a graph that keeps the factors as they are, no fp32 copies.
at::Tensor linear(const at::Tensor &x, const at::Tensor &w);

}  // namespace ct
