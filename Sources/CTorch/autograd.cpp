// Local autograd: slopes of given outputs at given inputs, and our own differentiable functions.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "bridge.h"
#include "products.h"

using namespace ct;
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// The clamp mask of the reference is true for every finite value, so the slope is 1 everywhere.
struct FakeQuantizePerToken : torch::autograd::Function<FakeQuantizePerToken> {
  static Tensor forward(AutogradContext *, const Tensor &x) {
    Borrowed y(ct_fake_quantize_per_token(reinterpret_cast<ct_tensor>(x.unsafeGetTensorImpl())));
    TORCH_CHECK(y.tensor.defined(), ct_last_error());
    Tensor result = y.tensor;
    ct_release(reinterpret_cast<ct_tensor>(result.unsafeGetTensorImpl()));
    return result;
  }
  static variable_list backward(AutogradContext *, variable_list grads) { return {grads[0]}; }
};

Tensor fake_quantized(const Tensor &w, int64_t bits, int64_t group, int64_t scale_dtype) {
  ct_tensor h = ct_fake_quantize_per_group(
      reinterpret_cast<ct_tensor>(w.unsafeGetTensorImpl()), static_cast<int32_t>(bits), group,
      static_cast<int32_t>(scale_dtype));
  TORCH_CHECK(h, ct_last_error());
  Tensor result = retained(h);
  ct_release(h);
  return result;
}

/// grad_x = grad_y W_fq and grad_W = grad_y^T x. W_fq is computed again in the backward pass: one
/// pass over the weight is cheap beside the product, a second copy of every weight is not.
struct LinearFakeQuantizedWeight : torch::autograd::Function<LinearFakeQuantizedWeight> {
  static Tensor forward(
      AutogradContext *context, const Tensor &x, const Tensor &w, int64_t bits, int64_t group,
      int64_t scale_dtype, bool is_read) {
    context->save_for_backward({x, w});
    context->saved_data["bits"] = bits;
    context->saved_data["group"] = group;
    context->saved_data["scale_dtype"] = scale_dtype;
    if (!is_read) return unread_output(x, w.size(0));
    return product_transposed(x, fake_quantized(w, bits, group, scale_dtype));
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], grad = as_matrix(grads[0]);
    Tensor grad_x, grad_w;
    if (context->needs_input_grad(0)) {
      Tensor rounded = fake_quantized(
          w, context->saved_data["bits"].toInt(), context->saved_data["group"].toInt(),
          context->saved_data["scale_dtype"].toInt());
      grad_x = slope_at_input({grad}, {Factor::of(rounded)}).reshape_as(x);
    }
    if (context->needs_input_grad(1)) grad_w = slope_at_weight(grad, Factor::of(as_matrix(x)));
    return {grad_x, grad_w, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

struct Linear : torch::autograd::Function<Linear> {
  static Tensor forward(AutogradContext *context, const Tensor &x, const Tensor &w, bool is_read) {
    context->save_for_backward({x, w});
    return is_read ? product_transposed(x, w) : unread_output(x, w.size(0));
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], grad = as_matrix(grads[0]);
    Tensor grad_x, grad_w;
    if (context->needs_input_grad(0))
      grad_x = slope_at_input({grad}, {Factor::of(saved[1])}).reshape_as(x);
    if (context->needs_input_grad(1)) grad_w = slope_at_weight(grad, Factor::of(as_matrix(x)));
    return {grad_x, grad_w, Tensor()};
  }
};

}  // namespace

at::Tensor ct::linear(const Tensor &x, const Tensor &w) {
  return lacks_product(x) ? Linear::apply(x, w, true) : at::linear(x, w);
}

extern "C" {

bool ct_grad_enabled(void) { return at::GradMode::is_enabled(); }
void ct_set_grad_enabled(bool on) { at::GradMode::set_enabled(on); }

bool ct_gradients(
    const ct_tensor *outputs, const ct_tensor *seeds, int32_t output_count,
    const ct_tensor *inputs, int32_t input_count, bool keep_graph, ct_tensor *gradients) {
  return succeeded([&] {
    variable_list outs, slopes, ins;
    for (int32_t i = 0; i < output_count; i++) {
      outs.push_back(retained(outputs[i]));
      slopes.push_back(seeds ? retained(seeds[i]) : Tensor());
    }
    for (int32_t i = 0; i < input_count; i++) ins.push_back(retained(inputs[i]));
    auto found = torch::autograd::grad(outs, ins, slopes, keep_graph, false, true);
    for (int32_t i = 0; i < input_count; i++)
      gradients[i] = handle(std::move(found[static_cast<size_t>(i)]));
  });
}

ct_tensor ct_fake_quantize_per_token_straight_through(ct_tensor x) {
  return tensor_or_null([&] { return FakeQuantizePerToken::apply(retained(x)); });
}
ct_tensor ct_linear_fake_quantized_weight(
    ct_tensor x, ct_tensor w, int32_t bits, int64_t group, int32_t scale_dtype, bool is_read) {
  return tensor_or_null([&] {
    return LinearFakeQuantizedWeight::apply(
        retained(x), retained(w), static_cast<int64_t>(bits), group,
        static_cast<int64_t>(scale_dtype), is_read);
  });
}
ct_tensor ct_linear_unread(ct_tensor x, ct_tensor w) {
  return tensor_or_null([&] { return Linear::apply(retained(x), retained(w), false); });
}

}  // extern "C"
