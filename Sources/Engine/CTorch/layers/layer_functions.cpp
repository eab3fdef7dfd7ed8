// The layers between the products as differentiable functions: the fused kernels where there are
// any, libtorch's operations elsewhere.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include "bridge.h"
#include "clayers.h"
#include "differentiable.h"
#include "layer_kernels.h"

using namespace ct;
using at::Tensor;

namespace {

Tensor in_float(const Tensor &t) { return t.to(at::kFloat).contiguous(); }

Tensor fused_norm(const Tensor &x, const Tensor &w, double epsilon) {
  return differentiable({x, w}, [&] {
    auto [y, roots] = rms_norm_rows(x.contiguous(), in_float(w), epsilon);
    return ForwardPass{{y}, {x, w, roots}, [](const BackwardPass &pass) {
      const Tensor &x = pass.kept[0], &w = pass.kept[1];
      auto [dx, dw] = rms_norm_gradients(
          pass.gradients[0].to(x.scalar_type()).contiguous(), x.contiguous(), in_float(w),
          pass.kept[2]);
      return Tensors{dx, dw.to(w.scalar_type())};
    }};
  })[0];
}

Tensor fused_swiglu(const Tensor &gate, const Tensor &up) {
  return differentiable({gate, up}, [&] {
    Tensor y = swiglu_elements(gate.contiguous(), up.contiguous());
    return ForwardPass{{y}, {gate, up}, [](const BackwardPass &pass) {
      auto [dgate, dup] = swiglu_gradients(
          pass.gradients[0].contiguous(), pass.kept[0].contiguous(), pass.kept[1].contiguous());
      return Tensors{dgate, dup};
    }};
  })[0];
}

Tensor in_rows(const Tensor &x) { return x.stride(3) == 1 ? x : x.contiguous(); }

Tensor fused_rotary(const Tensor &x, const Tensor &cosines, const Tensor &sines) {
  return differentiable({x, cosines, sines}, [&] {
    Tensor c = cosines.contiguous(), s = sines.contiguous();
    return ForwardPass{
        {rotary_pairs(in_rows(x), c, s, 1)}, {c, s}, [](const BackwardPass &pass) {
          Tensor dx = rotary_pairs(in_rows(pass.gradients[0]), pass.kept[0], pass.kept[1], -1);
          return Tensors{dx, Tensor(), Tensor()};
        }};
  })[0];
}

Tensor fused_cross_entropy(const Tensor &logits, const Tensor &targets, int64_t ignore) {
  return differentiable({logits, targets}, [&] {
    Tensor loss =
        cross_entropy_rows(logits.contiguous(), targets.contiguous(), ignore, 1, Tensor());
    return ForwardPass{{loss}, {logits, targets}, [ignore](const BackwardPass &pass) {
      Tensor logits = pass.kept[0].contiguous(), gradients = logits.new_empty(logits.sizes());
      cross_entropy_rows(
          logits, pass.kept[1].contiguous(), ignore, pass.gradients[0].item<float>(), gradients);
      return Tensors{gradients, Tensor()};
    }};
  })[0];
}

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
    if (has_kernel(x)) return fused_norm(x, w, epsilon);
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
    return fused ? fused_swiglu(gate, up) : at::silu(gate) * up;
  });
}

ct_tensor ct_tanh_gelu(ct_tensor hx) {
  return tensor_or_null([&] {
    Borrowed x(hx);
    return at::gelu(x.tensor, "tanh");
  });
}

ct_tensor ct_apply_rotary(ct_tensor hx, ct_tensor hc, ct_tensor hs) {
  return tensor_or_null([&] {
    Borrowed bx(hx), bc(hc), bs(hs);
    const Tensor &x = bx, &cosines = bc, &sines = bs;
    check_pairs(x, cosines, sines);
    if (has_kernel(x)) return fused_rotary(x, cosines, sines);
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
    if (has_kernel(logits)) return fused_cross_entropy(logits, targets, ignore);
    return cross_entropy_by_ops(logits, targets, ignore);
  });
}

ct_tensor ct_cross_entropy_into_gradients(
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
    Tensor gradients = gradient(loss, loss.new_full({}, seed), leaf);
    c10::NoGradGuard no_grad;
    logits.copy_(gradients);
    return loss.detach();
  });
}

ct_tensor ct_kernel_exponential(ct_tensor x) {
  return tensor_or_null([&] { return exponential_elements(in_float(Borrowed(x))); });
}

}  // extern "C"
