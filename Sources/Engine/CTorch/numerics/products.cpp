// Products of linear layers and their gradients; products.h says why they are not libtorch's alone.
#include "products.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include "instruction_set.h"

using at::Tensor;

namespace ct {
namespace {

/// Elements of a factor that are made at a time: 4 MiB in fp32.
constexpr int64_t kTileElements = 1 << 20;

/// What products of this dtype are computed in.
at::ScalarType computed_in(const Tensor &t) {
  return lacks_product(t) ? at::kFloat : t.scalar_type();
}

bool is_ready(const Factor &f, at::ScalarType computed) {
  return f.dense.defined() && f.dtype == computed;
}

Tensor columns_of(const Factor &f, int64_t from, int64_t count, at::ScalarType computed) {
  if (f.weight) return decoded_columns(*f.weight, from, count, f.dtype, computed);
  if (f.tokens) return decoded_columns(*f.tokens, from, count, f.dtype, computed);
  return f.dense.narrow(1, from, count).to(computed);
}

/// The columns of all factors, one below the other.
Tensor joined_columns(
    const std::vector<Factor> &factors, int64_t from, int64_t count, at::ScalarType computed) {
  std::vector<Tensor> columns;
  for (const Factor &f : factors) columns.push_back(columns_of(f, from, count, computed));
  return at::cat(columns, 0);
}

/// How many columns of a factor with `rows` rows are made at a time.
int64_t tile_columns(int64_t rows, int64_t columns, int64_t group) {
  const int64_t wanted = std::max<int64_t>(kTileElements / std::max<int64_t>(rows, 1), 256);
  return std::min(columns, std::max(wanted / group, int64_t(1)) * group);
}

int64_t group_of(const Factor &f) { return f.weight ? f.weight->group : 1; }

}  // namespace

bool lacks_product(const Tensor &t) {
#if defined(__x86_64__)
  return t.is_cpu() && t.scalar_type() == at::kBFloat16 &&
         instruction_set() < InstructionSet::avx512;
#else
  (void)t;
  return false;
#endif
}

Tensor product(const Tensor &a, const Tensor &b) {
  if (!lacks_product(a)) return a.matmul(b);
  return a.to(at::kFloat).matmul(b.to(at::kFloat)).to(a.scalar_type());
}

Tensor product_transposed(const Tensor &x, const Tensor &w) {
  if (!lacks_product(x)) return at::linear(x, w);
  TORCH_CHECK(
      w.dim() == 2 && w.scalar_type() == x.scalar_type() && x.dim() > 0 && x.size(-1) == w.size(1),
      "a linear layer's input ", x.sizes(), " does not fit its weight ", w.sizes());
  Tensor factor = as_matrix(x).to(at::kFloat);
  const int64_t outputs = w.size(0);
  const int64_t rows = tile_columns(w.size(1), outputs, 1);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  Tensor y = x.new_empty({factor.size(0), outputs});
  for (int64_t n = 0; n < outputs; n += rows) {
    const int64_t count = std::min(rows, outputs - n);
    y.narrow(1, n, count).copy_(at::mm(factor, w.narrow(0, n, count).to(at::kFloat).t()));
  }
  return y.reshape(shape);
}

int64_t Factor::rows() const {
  return weight ? weight->codes.size(0) : tokens ? tokens->codes.size(0) : dense.size(0);
}
int64_t Factor::columns() const {
  return weight ? weight->inputs() : tokens ? tokens->codes.size(1) : dense.size(1);
}

Tensor gradient_at_input(const std::vector<Tensor> &grads, const std::vector<Factor> &weights) {
  const at::ScalarType dtype = grads[0].scalar_type(), computed = computed_in(grads[0]);
  if (grads.size() == 1 && is_ready(weights[0], computed)) return at::mm(grads[0], weights[0].dense);
  // bf16 sums are rounded once: several bf16 products are one product over all their outputs.
  const bool joins = grads.size() > 1 && computed == at::kBFloat16;
  std::vector<Tensor> factors;
  int64_t rows = 0;
  if (joins) factors.push_back(at::cat(grads, 1));
  else
    for (const Tensor &g : grads) factors.push_back(g.to(computed));
  for (const Factor &w : weights) rows = std::max(rows, w.rows());
  const int64_t columns = weights[0].columns(), tile = tile_columns(rows, columns, group_of(weights[0]));
  Tensor gradient = grads[0].new_empty({grads[0].size(0), columns});
  for (int64_t k = 0; k < columns; k += tile) {
    const int64_t count = std::min(tile, columns - k);
    Tensor target = gradient.narrow(1, k, count);
    Tensor sum =
        dtype == computed
            ? target
            : gradient.new_empty({gradient.size(0), count}, gradient.options().dtype(computed));
    for (size_t i = 0; i < factors.size(); i++) {
      Tensor weight = joins ? joined_columns(weights, k, count, computed)
                            : columns_of(weights[i], k, count, computed);
      if (i) sum.addmm_(factors[i], weight);
      else at::mm_out(sum, factors[i], weight);
    }
    if (dtype != computed) target.copy_(sum);
  }
  return gradient;
}

Tensor gradient_at_weight(const Tensor &grad, const Factor &x, Tensor sum) {
  const at::ScalarType dtype = grad.scalar_type(), computed = computed_in(grad);
  const bool adds = sum.defined();
  const int64_t columns = x.columns();
  if (!adds) sum = grad.new_empty({grad.size(1), columns});
  TORCH_CHECK(
      sum.dim() == 2 && sum.size(0) == grad.size(1) && sum.size(1) == columns &&
          sum.scalar_type() == dtype && x.rows() == grad.size(0),
      "the gradient at a weight does not fit");
  const Tensor factor = grad.to(computed).t();
  // A bf16 product is rounded before it is added, as autograd does: adding inside the product would
  // round once. Both are bf16 arithmetic, and processors must not differ in it.
  const bool rounds_first = dtype != computed || (adds && dtype == at::kBFloat16);
  // With nothing to convert or to round, one product does.
  const int64_t tile =
      is_ready(x, computed) && !rounds_first
          ? columns
          : tile_columns(std::max(x.rows(), grad.size(1)), columns, 1);
  for (int64_t k = 0; k < columns; k += tile) {
    const int64_t count = std::min(tile, columns - k);
    Tensor target = sum.narrow(1, k, count), numbers = columns_of(x, k, count, computed);
    if (rounds_first) {
      Tensor rounded = at::mm(factor, numbers).to(dtype);
      if (adds) target.add_(rounded);
      else target.copy_(rounded);
    } else if (adds) {
      target.addmm_(factor, numbers);
    } else {
      at::mm_out(target, factor, numbers);
    }
  }
  return sum;
}

}  // namespace ct
