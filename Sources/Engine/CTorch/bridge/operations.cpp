// The operations in use, one line each: libtorch computes, this file only translates.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/all.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/div.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_not.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/where.h>

#include "bridge.h"
#include "layer_kernels.h"
#include "products.h"

using namespace ct;
using at::Tensor;

#define UNARY(name, expression)                                       \
  ct_tensor ct_##name(ct_tensor ha) {                                 \
    return tensor_or_null([&] {                                       \
      Borrowed ba(ha);                                                \
      const Tensor &a = ba.tensor;                                    \
      return expression;                                              \
    });                                                               \
  }
#define BINARY(name, expression)                                      \
  ct_tensor ct_##name(ct_tensor ha, ct_tensor hb) {                   \
    return tensor_or_null([&] {                                       \
      Borrowed ba(ha), bb(hb);                                        \
      const Tensor &a = ba.tensor, &b = bb.tensor;                    \
      return expression;                                              \
    });                                                               \
  }
#define SCALAR(name, expression)                                      \
  ct_tensor ct_##name(ct_tensor ha, double s) {                       \
    return tensor_or_null([&] {                                       \
      Borrowed ba(ha);                                                \
      const Tensor &a = ba.tensor;                                    \
      return expression;                                              \
    });                                                               \
  }
#define ALONG(name, expression)                                       \
  ct_tensor ct_##name(ct_tensor ha, int64_t dim) {                    \
    return tensor_or_null([&] {                                       \
      Borrowed ba(ha);                                                \
      const Tensor &a = ba.tensor;                                    \
      return expression;                                              \
    });                                                               \
  }
#define REDUCTION(name, expression)                                   \
  ct_tensor ct_##name(ct_tensor ha, int64_t dim, bool keep) {         \
    return tensor_or_null([&] {                                       \
      Borrowed ba(ha);                                                \
      const Tensor &a = ba.tensor;                                    \
      return expression;                                              \
    });                                                               \
  }

/// A factor that is not rounded to the tensor's dtype first, as libtorch's own product of a bf16
/// tensor and a C++ number does: 0.9 would become 0.8984.
static Tensor exact(double s) { return at::scalar_tensor(s, at::kDouble); }

extern "C" {

BINARY(add, at::add(a, b))
BINARY(sub, at::sub(a, b))
BINARY(mul, at::mul(a, b))
BINARY(div, at::div(a, b))
BINARY(maximum, at::maximum(a, b))
BINARY(eq, at::eq(a, b))
BINARY(gt, at::gt(a, b))
BINARY(logical_and, at::logical_and(a, b))
BINARY(matmul, product(a, b))
SCALAR(add_scalar, at::add(a, s))
SCALAR(mul_scalar, at::mul(a, exact(s)))
SCALAR(div_scalar, at::div(a, exact(s)))
SCALAR(pow_scalar, at::pow(a, s))
SCALAR(eq_scalar, at::eq(a, s))
SCALAR(ne_scalar, at::ne(a, s))
SCALAR(lt_scalar, at::lt(a, s))
SCALAR(gt_scalar, at::gt(a, s))
ct_tensor ct_scalar_pow(double s, ct_tensor a) {
  return tensor_or_null([&] { return at::pow(at::Scalar(s), Borrowed(a)); });
}
ct_tensor ct_clamp(ct_tensor a, double low, double high) {
  return tensor_or_null([&] { return at::clamp(Borrowed(a), low, high); });
}
UNARY(neg, at::neg(a))
UNARY(abs, at::abs(a))
UNARY(exp, at::exp(a))
UNARY(log, at::log(a))
UNARY(sqrt, square_root(a))
UNARY(rsqrt, at::rsqrt(a))
UNARY(reciprocal, at::reciprocal(a))
UNARY(power_of_two, at::bitwise_and(a.contiguous().view(at::kInt), 0x7f800000).view(at::kFloat))
UNARY(sin, at::sin(a))
UNARY(cos, at::cos(a))
UNARY(silu, at::silu(a))
UNARY(tanh, at::tanh(a))
UNARY(round, at::round(a))
UNARY(isfinite, at::isfinite(a))
UNARY(logical_not, at::logical_not(a))
ct_tensor ct_where(ct_tensor c, ct_tensor a, ct_tensor b) {
  return tensor_or_null([&] { return at::where(Borrowed(c), Borrowed(a), Borrowed(b)); });
}
ct_tensor ct_masked_fill(ct_tensor a, ct_tensor mask, double v) {
  return tensor_or_null([&] { return at::masked_fill(Borrowed(a), Borrowed(mask), v); });
}

UNARY(sum, at::sum(a))
UNARY(mean, at::mean(a))
UNARY(amax, at::amax(a))
UNARY(all, at::all(a))
UNARY(nonzero, at::nonzero(a))
UNARY(squared_norm, at::linalg_vector_norm(a, 2, std::nullopt, false, at::kFloat).square())
REDUCTION(sum_dim, at::sum(a, dim, keep))
REDUCTION(mean_dim, at::mean(a, dim, keep))
REDUCTION(amax_dim, at::amax(a, dim, keep))
REDUCTION(amin_dim, at::amin(a, dim, keep))
ALONG(argmax_dim, at::argmax(a, dim))
ALONG(tril, at::tril(a, dim))
ALONG(softmax, at::softmax(a, dim))
ALONG(log_softmax, at::log_softmax(a, dim))
ct_tensor ct_index_select(ct_tensor a, int64_t dim, ct_tensor index) {
  return tensor_or_null([&] { return at::index_select(Borrowed(a), dim, Borrowed(index)); });
}
ct_tensor ct_gather(ct_tensor a, int64_t dim, ct_tensor index) {
  return tensor_or_null([&] { return at::gather(Borrowed(a), dim, Borrowed(index)); });
}
ct_tensor ct_topk(ct_tensor a, int64_t k, ct_tensor *indices) {
  return tensor_or_null([&] {
    auto [values, where] = at::topk(Borrowed(a), k);
    *indices = handle(where);
    return values;
  });
}

ct_tensor ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias) {
  return tensor_or_null([&] {
    if (!bias) return linear(Borrowed(x), Borrowed(weight));
    return at::linear(
        Borrowed(x), Borrowed(weight), bias ? std::optional<Tensor>(retained(bias)) : std::nullopt);
  });
}
ct_tensor ct_embedding(ct_tensor weight, ct_tensor index) {
  return tensor_or_null([&] { return at::embedding(Borrowed(weight), Borrowed(index)); });
}
ct_tensor ct_embedding_gradient(ct_tensor grad, ct_tensor index, int64_t rows) {
  return tensor_or_null([&] {
    return at::embedding_dense_backward(Borrowed(grad), Borrowed(index), rows, -1, false);
  });
}

bool ct_copy_(ct_tensor into, ct_tensor from, bool non_blocking) {
  return succeeded([&] { Borrowed(into).tensor.copy_(Borrowed(from), non_blocking); });
}
bool ct_fill_(ct_tensor t, double v) {
  return succeeded([&] { Borrowed(t).tensor.fill_(v); });
}
bool ct_add_(ct_tensor t, ct_tensor other, double alpha) {
  return succeeded([&] { Borrowed(t).tensor.add_(Borrowed(other), alpha); });
}
bool ct_mul_(ct_tensor t, double s) {
  return succeeded([&] { Borrowed(t).tensor.mul_(exact(s)); });
}
bool ct_mul_tensor_(ct_tensor t, ct_tensor other) {
  return succeeded([&] { Borrowed(t).tensor.mul_(Borrowed(other)); });
}
bool ct_lerp_(ct_tensor t, ct_tensor other, double weight) {
  return succeeded([&] { Borrowed(t).tensor.lerp_(Borrowed(other), weight); });
}
bool ct_addcmul_(ct_tensor t, ct_tensor a, ct_tensor b, double value) {
  return succeeded([&] { Borrowed(t).tensor.addcmul_(Borrowed(a), Borrowed(b), value); });
}
bool ct_addcdiv_(ct_tensor t, ct_tensor a, ct_tensor b, double value) {
  return succeeded([&] { Borrowed(t).tensor.addcdiv_(Borrowed(a), Borrowed(b), value); });
}
bool ct_index_add_(ct_tensor t, int64_t dim, ct_tensor index, ct_tensor source) {
  return succeeded(
      [&] { Borrowed(t).tensor.index_add_(dim, Borrowed(index), Borrowed(source)); });
}
bool ct_fused_adamw_(
    ct_tensor p, ct_tensor grad, ct_tensor m, ct_tensor v, double lr, double beta1, double beta2,
    double eps, double weight_decay, int64_t step) {
  return succeeded([&] {
    Tensor ps[] = {retained(p)}, gs[] = {retained(grad)}, ms[] = {retained(m)}, vs[] = {retained(v)};
    Tensor steps[] = {
        at::full({}, static_cast<double>(step), ps[0].options().dtype(at::kFloat))};
    at::_fused_adamw_(
        ps, gs, ms, vs, {}, steps, lr, beta1, beta2, weight_decay, eps, /*amsgrad=*/false,
        /*maximize=*/false);
  });
}

bool ct_equal(ct_tensor a, ct_tensor b, bool *out) {
  return succeeded([&] { *out = at::equal(Borrowed(a), Borrowed(b)); });
}
bool ct_item(ct_tensor t, double *out) {
  return succeeded([&] { *out = Borrowed(t).tensor.item().toDouble(); });
}
bool ct_item_int(ct_tensor t, int64_t *out) {
  return succeeded([&] { *out = Borrowed(t).tensor.item().toLong(); });
}

}  // extern "C"
