// Linear layers of numbers, and roundings that gradients pass straight through, as differentiable functions.
#include <ATen/ops/linear.h>

#include <memory>

#include "bridge.h"
#include "differentiable.h"
#include "products.h"

using namespace ct;
using at::Tensor;

namespace {

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
        grad_x = gradient_at_input({grad}, {Factor::of(seen(pass.kept[1]))}).reshape_as(x);
      if (pass.wanted[1]) grad_w = gradient_at_weight(grad, Factor::of(as_matrix(x)));
      return Tensors{grad_x, grad_w};
    }};
  })[0];
}

ct_tensor borrowed(const Tensor &t) { return reinterpret_cast<ct_tensor>(t.unsafeGetTensorImpl()); }

const auto as_it_is = [](const Tensor &w) { return w; };

}  // namespace

at::Tensor ct::linear(const Tensor &x, const Tensor &w) {
  return lacks_product(x) ? linear_of(x, w, true, as_it_is) : at::linear(x, w);
}

extern "C" {

ct_tensor ct_straight_through(ct_tensor hx, ct_tensor hvalue) {
  return tensor_or_null([&] {
    Tensor value = retained(hvalue);
    return differentiable({retained(hx)}, [&] {
      return ForwardPass{{value}, {}, [](const BackwardPass &pass) { return pass.gradients; }};
    })[0];
  });
}
ct_tensor ct_linear_rounding_weight(
    ct_tensor x, ct_tensor w, ct_rounding rounding, bool is_read) {
  std::shared_ptr<void> context(rounding.context, rounding.release);
  return tensor_or_null([&] {
    return linear_of(
        retained(x), retained(w), is_read, [context, call = rounding.call](const Tensor &weight) {
          Borrowed rounded(call(context.get(), borrowed(weight)));
          Tensor result = rounded.tensor;
          ct_release(borrowed(result));
          return result;
        });
  });
}
ct_tensor ct_linear_graph_only(ct_tensor x, ct_tensor w) {
  return tensor_or_null([&] { return linear_of(retained(x), retained(w), false, as_it_is); });
}

}  // extern "C"
