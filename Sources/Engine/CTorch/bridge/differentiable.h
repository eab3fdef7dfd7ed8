// Our own differentiable functions. libtorch's headers for them take 13 s to compile, so that only
// autograd.cpp includes them: elsewhere a function is two closures.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace ct {

using Tensors = std::vector<at::Tensor>;

/// What a backward pass is given.
struct BackwardPass {
  /// The tensors that the forward pass named in `kept`.
  Tensors kept;
  /// At each output.
  Tensors gradients;
  /// Whether the gradient at each input is wanted.
  std::vector<bool> wanted;
};
using Backward = std::function<Tensors(const BackwardPass &)>;

/// What a forward pass makes. The graph keeps `kept`, inputs and outputs alike, without a cycle; what
/// `backward` captures must be neither.
struct ForwardPass {
  Tensors outputs, kept;
  /// The gradient at each input, undefined where it is not wanted or there is none.
  Backward backward;
};

/// The outputs of `forward`, which runs without a graph, differentiable at `inputs`.
Tensors differentiable(const Tensors &inputs, const std::function<ForwardPass()> &forward);

/// The gradient of `output`, seeded with `seed`, at `input`.
at::Tensor gradient(const at::Tensor &output, const at::Tensor &seed, const at::Tensor &input);

}  // namespace ct
