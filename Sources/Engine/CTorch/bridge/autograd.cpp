// Local autograd: gradients of given outputs at given inputs, and the node of our own functions.
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "bridge.h"
#include "differentiable.h"

using namespace ct;
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Closure : torch::CustomClassHolder {
  Backward backward;
  explicit Closure(Backward b) : backward(std::move(b)) {}
};

struct Node : torch::autograd::Function<Node> {
  static variable_list forward(
      AutogradContext *context, at::TensorList inputs, const std::function<ForwardPass()> *forward) {
    ForwardPass pass = (*forward)();
    context->save_for_backward(std::move(pass.kept));
    context->saved_data["count"] = static_cast<int64_t>(inputs.size());
    context->saved_data["backward"] =
        c10::IValue::make_capsule(c10::make_intrusive<Closure>(std::move(pass.backward)));
    return pass.outputs;
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    BackwardPass pass{context->get_saved_variables(), std::move(gradients), {}};
    const auto count = static_cast<size_t>(context->saved_data["count"].toInt());
    for (size_t i = 0; i < count; i++) pass.wanted.push_back(context->needs_input_grad(i));
    auto closure = context->saved_data["backward"].toCapsule();
    variable_list found = static_cast<Closure *>(closure.get())->backward(pass);
    found.resize(count + 1);  // one for `forward`
    return found;
  }
};

}  // namespace

Tensors ct::differentiable(const Tensors &inputs, const std::function<ForwardPass()> &forward) {
  return Node::apply(at::TensorList(inputs), &forward);
}

Tensor ct::gradient(const Tensor &output, const Tensor &seed, const Tensor &input) {
  return torch::autograd::grad({output}, {input}, {seed})[0];
}

extern "C" {

bool ct_grad_enabled(void) { return at::GradMode::is_enabled(); }
void ct_set_grad_enabled(bool on) { at::GradMode::set_enabled(on); }

bool ct_gradients(
    const ct_tensor *outputs, const ct_tensor *seeds, int32_t output_count,
    const ct_tensor *inputs, int32_t input_count, bool keep_graph, ct_tensor *gradients) {
  return succeeded([&] {
    variable_list outs, at_outs, ins;
    for (int32_t i = 0; i < output_count; i++) {
      outs.push_back(retained(outputs[i]));
      at_outs.push_back(seeds ? retained(seeds[i]) : Tensor());
    }
    for (int32_t i = 0; i < input_count; i++) ins.push_back(retained(inputs[i]));
    auto found = torch::autograd::grad(outs, ins, at_outs, keep_graph, false, true);
    for (int32_t i = 0; i < input_count; i++)
      gradients[i] = handle(std::move(found[static_cast<size_t>(i)]));
  });
}

}  // extern "C"
