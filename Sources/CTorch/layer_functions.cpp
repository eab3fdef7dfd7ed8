// The layers between the products as differentiable functions: the fused kernels where there are
// any, libtorch's operations elsewhere.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "bridge.h"
#include "include/clayers.h"
#include "layer_kernels.h"

using namespace ct;
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

Tensor in_float(const Tensor &t) { return t.to(at::kFloat).contiguous(); }

struct RootMeanSquareNorm : torch::autograd::Function<RootMeanSquareNorm> {
  static Tensor forward(
      AutogradContext *context, const Tensor &x, const Tensor &w, double epsilon) {
    auto [y, roots] = rms_norm_rows(x.contiguous(), in_float(w), epsilon);
    context->save_for_backward({x, w, roots});
    return y;
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1];
    auto [dx, dw] = rms_norm_slopes(
        grads[0].to(x.scalar_type()).contiguous(), x.contiguous(), in_float(w), saved[2]);
    return {dx, dw.to(w.scalar_type()), Tensor()};
  }
};

struct SwiGLU : torch::autograd::Function<SwiGLU> {
  static Tensor forward(AutogradContext *context, const Tensor &gate, const Tensor &up) {
    context->save_for_backward({gate, up});
    return swiglu_elements(gate.contiguous(), up.contiguous());
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    auto [dgate, dup] = swiglu_slopes(
        grads[0].contiguous(), saved[0].contiguous(), saved[1].contiguous());
    return {dgate, dup};
  }
};

struct TurnPairs : torch::autograd::Function<TurnPairs> {
  static Tensor forward(
      AutogradContext *context, const Tensor &x, const Tensor &cosines, const Tensor &sines) {
    Tensor c = cosines.contiguous(), s = sines.contiguous();
    context->save_for_backward({c, s});
    return turned_pairs(x.stride(3) == 1 ? x : x.contiguous(), c, s, 1);
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    const Tensor &dy = grads[0];
    Tensor rows = dy.stride(3) == 1 ? dy : dy.contiguous();
    return {turned_pairs(rows, saved[0], saved[1], -1), Tensor(), Tensor()};
  }
};

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
  static Tensor forward(
      AutogradContext *context, const Tensor &logits, const Tensor &targets, int64_t ignore) {
    context->save_for_backward({logits, targets});
    context->saved_data["ignore"] = ignore;
    return cross_entropy_rows(logits.contiguous(), targets.contiguous(), ignore, 1, Tensor());
  }
  static variable_list backward(AutogradContext *context, variable_list grads) {
    auto saved = context->get_saved_variables();
    Tensor logits = saved[0].contiguous(), slopes = at::empty_like(logits);
    cross_entropy_rows(
        logits, saved[1].contiguous(), context->saved_data["ignore"].toInt(),
        grads[0].item<float>(), slopes);
    return {slopes, Tensor(), Tensor()};
  }
};

Tensor cross_entropy_by_ops(const Tensor &logits, const Tensor &targets, int64_t ignore) {
  return at::cross_entropy_loss(logits.to(at::kFloat), targets, {}, at::Reduction::Sum, ignore);
}

void check_pairs(const Tensor &x, const Tensor &cosines, const Tensor &sines) {
  TORCH_CHECK(
      x.dim() == 4 && x.size(3) % 2 == 0 && cosines.dim() == 4 && sines.sizes() == cosines.sizes() &&
          (cosines.size(0) == 1 || cosines.size(0) == x.size(0)) && cosines.size(1) == x.size(1) &&
          cosines.size(2) == 1 && cosines.size(3) == x.size(3) / 2,
      "angles ", cosines.sizes(), " for ", x.sizes());
}

}  // namespace

extern "C" {

ct_tensor ct_root_mean_square_norm(ct_tensor hx, ct_tensor hw, double epsilon) {
  return tensor_or_null([&] {
    Borrowed bx(hx), bw(hw);
    const Tensor &x = bx, &w = bw;
    TORCH_CHECK(
        x.dim() > 0 && w.dim() == 1 && w.size(0) == x.size(-1), "norm of ", x.sizes(),
        " with a weight ", w.sizes());
    if (has_kernel(x)) return RootMeanSquareNorm::apply(x, w, epsilon);
    // The weight in fp32 too: libtorch's fused path wants one dtype.
    return at::rms_norm(x.to(at::kFloat), w.sizes(), w.to(at::kFloat), epsilon)
        .to(x.scalar_type());
  });
}

ct_tensor ct_swiglu(ct_tensor hgate, ct_tensor hup) {
  return tensor_or_null([&] {
    Borrowed bg(hgate), bu(hup);
    const Tensor &gate = bg, &up = bu;
    bool fused = has_kernel(gate) && up.device() == gate.device() &&
                 up.scalar_type() == gate.scalar_type() && up.sizes() == gate.sizes();
    return fused ? SwiGLU::apply(gate, up) : at::silu(gate) * up;
  });
}

ct_tensor ct_turn_pairs(ct_tensor hx, ct_tensor hc, ct_tensor hs) {
  return tensor_or_null([&] {
    Borrowed bx(hx), bc(hc), bs(hs);
    const Tensor &x = bx, &cosines = bc, &sines = bs;
    check_pairs(x, cosines, sines);
    if (has_kernel(x)) return TurnPairs::apply(x, cosines, sines);
    Tensor pairs = x.to(at::kFloat).unflatten(-1, {x.size(3) / 2, 2});
    Tensor a = pairs.select(-1, 0), b = pairs.select(-1, 1);
    return at::stack({a * cosines - b * sines, b * cosines + a * sines}, -1)
        .flatten(3, 4)
        .to(x.scalar_type());
  });
}

ct_tensor ct_cross_entropy(ct_tensor hlogits, ct_tensor htargets, int64_t ignore) {
  return tensor_or_null([&] {
    Borrowed bl(hlogits), bt(htargets);
    const Tensor &logits = bl, &targets = bt;
    if (has_kernel(logits)) return CrossEntropy::apply(logits, targets, ignore);
    return cross_entropy_by_ops(logits, targets, ignore);
  });
}

ct_tensor ct_cross_entropy_into_slopes(
    ct_tensor hlogits, ct_tensor htargets, int64_t ignore, double seed) {
  return tensor_or_null([&] {
    Tensor logits = retained(hlogits).detach(), targets = retained(htargets);
    if (has_kernel(logits) && logits.is_contiguous()) {
      c10::NoGradGuard no_grad;
      return cross_entropy_rows(
          logits, targets.contiguous(), ignore, static_cast<float>(seed), logits);
    }
    c10::AutoGradMode with_graph(true);
    Tensor leaf = logits.clone().requires_grad_();
    Tensor loss = cross_entropy_by_ops(leaf, targets, ignore);
    auto slopes = torch::autograd::grad({loss}, {leaf}, {at::full_like(loss, seed)});
    c10::NoGradGuard no_grad;
    logits.copy_(slopes[0]);
    return loss.detach();
  });
}

ct_tensor ct_kernel_exponential(ct_tensor x) {
  return tensor_or_null([&] { return exponential_elements(in_float(Borrowed(x))); });
}

}  // extern "C"
