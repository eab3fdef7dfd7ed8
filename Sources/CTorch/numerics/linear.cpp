// Linear layers of numbers, and the roundings of QAT, as differentiable functions.
#include <ATen/ops/linear.h>

#include "bridge.h"
#include "differentiable.h"
#include "products.h"

using namespace ct;
using at::Tensor;

namespace {

/// The tensor of a handle that is owned here.
Tensor owned(ct_tensor h) {
  TORCH_CHECK(h, ct_last_error());
  Tensor result = retained(h);
  ct_release(h);
  return result;
}
ct_tensor borrowed(const Tensor &t) { return reinterpret_cast<ct_tensor>(t.unsafeGetTensorImpl()); }

Tensor fake_quantized(const Tensor &w, int32_t bits, int64_t group, int32_t scale_dtype) {
  return owned(ct_fake_quantize_per_group(borrowed(w), bits, group, scale_dtype));
}

/// grad_x = grad_y W' and grad_W = grad_y^T x, where W' is `seen` of W. It is computed again in the
/// backward pass: one pass over the weight is cheap beside the product, a second copy of every weight is
/// not.
template <class F>
Tensor linear_of(const Tensor &x, const Tensor &w, bool is_read, const F &seen) {
  return differentiable({x, w}, [&] {
    Tensor y = is_read ? product_transposed(x, seen(w)) : unread_output(x, w.size(0));
    return ForwardPass{{y}, {x, w}, [seen](const BackwardPass &pass) {
      const Tensor &x = pass.kept[0], grad = as_matrix(pass.gradients[0]);
      Tensor grad_x, grad_w;
      if (pass.wanted[0])
        grad_x = slope_at_input({grad}, {Factor::of(seen(pass.kept[1]))}).reshape_as(x);
      if (pass.wanted[1]) grad_w = slope_at_weight(grad, Factor::of(as_matrix(x)));
      return Tensors{grad_x, grad_w};
    }};
  })[0];
}

const auto as_it_is = [](const Tensor &w) { return w; };

}  // namespace

at::Tensor ct::linear(const Tensor &x, const Tensor &w) {
  return lacks_product(x) ? linear_of(x, w, true, as_it_is) : at::linear(x, w);
}

extern "C" {

ct_tensor ct_fake_quantize_per_token_straight_through(ct_tensor h) {
  return tensor_or_null([&] {
    Tensor x = retained(h);
    // The clamp mask of the reference is true for every finite value: the gradient is 1 everywhere.
    return differentiable({x}, [&] {
      return ForwardPass{
          {owned(ct_fake_quantize_per_token(borrowed(x)))},
          {},
          [](const BackwardPass &pass) { return pass.gradients; }};
    })[0];
  });
}
ct_tensor ct_linear_fake_quantized_weight(
    ct_tensor x, ct_tensor w, int32_t bits, int64_t group, int32_t scale_dtype, bool is_read) {
  return tensor_or_null([&] {
    return linear_of(retained(x), retained(w), is_read, [=](const Tensor &weight) {
      return fake_quantized(weight, bits, group, scale_dtype);
    });
  });
}
ct_tensor ct_linear_unread(ct_tensor x, ct_tensor w) {
  return tensor_or_null([&] { return linear_of(retained(x), retained(w), false, as_it_is); });
}

}  // extern "C"
