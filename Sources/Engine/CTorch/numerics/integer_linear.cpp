// The fused QAT linear: one input through up to three layers whose weights are codes. The input is
// rounded once, the products are taken in integers, and the graph keeps a byte an activation.
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "bridge.h"
#include "ccodes.h"
#include "differentiable.h"
#include "products.h"

using namespace ct;
using at::Tensor;

namespace {

constexpr int kMostLayers = 3;

Tensors multiplied(
    const Tensor &x, const TokenCodes &tokens, const std::vector<WeightCodes> &weights) {
  Tensors outputs = multiply_codes(tokens, weights, x.scalar_type());
  std::vector<int64_t> shape = x.sizes().vec();
  for (Tensor &output : outputs) {
    shape.back() = output.size(1);
    output = output.reshape(shape);
  }
  return outputs;
}

/// What the graph keeps of an input and the weights it was multiplied with: codes.
struct Kept {
  TokenCodes tokens;
  std::vector<WeightCodes> weights;
  std::vector<int64_t> shape;
  at::ScalarType dtype;

  /// grad_x = sum of grad_y W_fq, grad_W = grad_y^T x_fq: straight through both roundings. The leaves
  /// only say where the gradients at the weights go; they are not read and need no memory.
  Tensors operator()(const BackwardPass &pass) const {
    Tensors gradients(kMostLayers + 1);
    std::vector<Tensor> grads;
    std::vector<Factor> factors;
    for (size_t i = 0; i < pass.gradients.size(); i++) {
      if (!pass.gradients[i].defined()) continue;
      grads.push_back(as_matrix(pass.gradients[i]));
      factors.push_back(Factor::of(weights[i], dtype));
      if (pass.wanted[i + 1])
        gradients[i + 1] = gradient_at_weight(grads.back(), Factor::of(tokens, dtype));
    }
    if (!grads.empty() && pass.wanted[0])
      gradients[0] = gradient_at_input(grads, factors).reshape(shape);
    return gradients;
  }
};

ForwardPass forward_pass(const Tensor &x, std::vector<WeightCodes> weights, bool is_read) {
  TokenCodes tokens = code_tokens(x);
  Tensors outputs;
  if (is_read) outputs = multiplied(x, tokens, weights);
  else
    for (const WeightCodes &w : weights) outputs.push_back(unread_output(x, w.codes.size(0)));
  return {
      outputs, {}, Kept{std::move(tokens), std::move(weights), x.sizes().vec(), x.scalar_type()}};
}

WeightCodes of(ct_tensor codes, ct_tensor scales, ct_scheme scheme) {
  return weight_codes(retained(codes), retained(scales), scheme.weight_bits, scheme.group);
}

}  // namespace

extern "C" {

int32_t ct_instruction_set(void) {
  return value_or<int32_t>(-1, [] { return static_cast<int32_t>(chosen_instruction_set()); });
}
const char *ct_instruction_set_name(int32_t set) {
  return name_of(static_cast<InstructionSet>(set));
}
bool ct_choose_instruction_set(int32_t set) {
  const auto wanted = static_cast<InstructionSet>(set);
  if (set < 0 || set >= kInstructionSets || !has_instruction_set(wanted)) return false;
  choose_instruction_set(wanted);
  return true;
}

bool ct_code_weight(
    ct_tensor w, ct_tensor codes, ct_tensor scales, ct_scheme scheme) {
  return succeeded([&] {
    code_weight(retained(w), of(codes, scales, scheme), scheme);
  });
}

ct_tensor ct_decode_weight(
    ct_tensor codes, ct_tensor scales, ct_scheme scheme, int32_t dtype) {
  return tensor_or_null([&] {
    WeightCodes w = of(codes, scales, scheme);
    return decoded_columns(w, 0, w.inputs(), scalar_type(dtype), scalar_type(dtype));
  });
}

bool ct_linear_of_codes(
    ct_tensor x, const ct_tensor *codes, const ct_tensor *scales, const ct_tensor *leaves,
    int32_t count, ct_scheme scheme, bool is_read, ct_tensor *outputs) {
  return succeeded([&] {
    TORCH_CHECK(count >= 1 && count <= kMostLayers, "one to three layers at once");
    std::vector<WeightCodes> weights;
    // An undefined tensor cannot be an argument: an empty one stands for no leaf.
    Tensor targets[kMostLayers];
    for (Tensor &target : targets) target = retained(x).new_empty({0});
    for (int32_t i = 0; i < count; i++) {
      weights.push_back(of(codes[i], scales[i], scheme));
      if (leaves && leaves[i]) targets[i] = retained(leaves[i]);
    }
    Tensor input = retained(x);
    Tensors found =
        c10::GradMode::is_enabled()
            ? differentiable(
                  {input, targets[0], targets[1], targets[2]},
                  [&] { return forward_pass(input, std::move(weights), is_read); })
            : multiplied(input, code_tokens(input), weights);
    for (int32_t i = 0; i < count; i++) outputs[i] = handle(found[static_cast<size_t>(i)]);
  });
}

ct_tensor ct_gradient_at_input(ct_tensor grad, ct_tensor weight) {
  return tensor_or_null([&] {
    return gradient_at_input({retained(grad)}, {Factor::of(retained(weight))});
  });
}
ct_tensor ct_gradient_at_input_of_codes(
    ct_tensor grad, ct_tensor codes, ct_tensor scales, ct_scheme scheme) {
  return tensor_or_null([&] {
    Tensor g = retained(grad);
    return gradient_at_input({g}, {Factor::of(of(codes, scales, scheme), g.scalar_type())});
  });
}
ct_tensor ct_gradient_at_weight(ct_tensor grad, ct_tensor x, bool rounds_input, ct_tensor sum) {
  return tensor_or_null([&] {
    Tensor input = retained(x);
    return gradient_at_weight(
        retained(grad),
        rounds_input ? Factor::of(code_tokens(input), input.scalar_type()) : Factor::of(input),
        retained(sum));
  });
}

}  // extern "C"
