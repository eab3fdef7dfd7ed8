// Matrix products. On x86 without AVX-512 libtorch multiplies bf16 by plain loops, 8 times (weight
// transposed) to 87 times (not) slower than fp32; there factors are multiplied in fp32 and the result
// is rounded once, which is what a bf16 product with fp32 sums does too. A factor that has to be
// converted, or that exists as codes only, is made a number of columns at a time: no second copy of it.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "coded.h"

namespace ct {

bool lacks_product(const at::Tensor &t);

at::Tensor product(const at::Tensor &a, const at::Tensor &b);
/// x [.., K] times w [N, K] transposed, without a graph of ours.
at::Tensor product_transposed(const at::Tensor &x, const at::Tensor &w);
/// `product_transposed` with a graph that keeps the factors as they are, no fp32 copies.
at::Tensor linear(const at::Tensor &x, const at::Tensor &w);

/// A matrix [R, K] that gradients are multiplied with: dense, or codes that stand for numbers of `dtype`.
struct Factor {
  at::Tensor dense;
  std::optional<WeightCodes> weight;
  std::optional<TokenCodes> tokens;
  at::ScalarType dtype;

  static Factor of(const at::Tensor &dense) { return {dense, {}, {}, dense.scalar_type()}; }
  static Factor of(WeightCodes w, at::ScalarType t) { return {{}, std::move(w), {}, t}; }
  static Factor of(TokenCodes x, at::ScalarType t) { return {{}, {}, std::move(x), t}; }
  int64_t rows() const;
  int64_t columns() const;
};

/// The sum of grads[i] [M, N_i] times weights[i] [N_i, K]: the gradient at a linear layer's input.
at::Tensor gradient_at_input(const std::vector<at::Tensor> &grads, const std::vector<Factor> &weights);
/// grad [M, N] transposed times x [M, K]: the gradient at its weight, [N, K]. With `sum` it is added to
/// that, rounded first.
at::Tensor gradient_at_weight(const at::Tensor &grad, const Factor &x, at::Tensor sum = {});

/// Stands for a linear layer's output that is not read: zeros, one number of memory.
inline at::Tensor unread_output(const at::Tensor &x, int64_t outputs) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  return x.new_zeros({1}).expand(shape);
}

/// A gradient as a matrix.
inline at::Tensor as_matrix(const at::Tensor &t) { return t.reshape({-1, t.size(-1)}); }

}  // namespace ct
