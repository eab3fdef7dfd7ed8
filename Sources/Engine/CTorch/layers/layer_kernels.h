// The fused CPU kernels of the layers, over whole tensors: parallel, one pass over memory each, the
// same bits for any number of threads. Tensors are contiguous, fp32 or bf16 alike (`has_kernel`).
#pragma once
#include <ATen/core/Tensor.h>

#include <tuple>

namespace ct {

/// On the CPU, in fp32 or bf16, not empty.
bool has_kernel(const at::Tensor &t);

/// y, and a root a row in fp32; rows are over the last dimension, `w` fp32.
std::tuple<at::Tensor, at::Tensor> rms_norm_rows(
    const at::Tensor &x, const at::Tensor &w, double epsilon);
/// Gradients at x and at w (fp32).
std::tuple<at::Tensor, at::Tensor> rms_norm_gradients(
    const at::Tensor &dy, const at::Tensor &x, const at::Tensor &w, const at::Tensor &roots);

at::Tensor swiglu_elements(const at::Tensor &gate, const at::Tensor &up);
/// Gradients at gate and up.
std::tuple<at::Tensor, at::Tensor> swiglu_gradients(
    const at::Tensor &dy, const at::Tensor &gate, const at::Tensor &up);

/// x [B, T, N, H] with any strides but the last, angles [B or 1, T, 1, H/2] fp32.
at::Tensor rotary_pairs(
    const at::Tensor &x, const at::Tensor &cosines, const at::Tensor &sines, float sign);

/// The sum of the cross entropies of logits [M, V], an fp32 scalar; rows whose target is `ignore`
/// are left out. Gradients times `seed` go to `gradients`, which may be the logits, if it is defined.
at::Tensor cross_entropy_rows(
    const at::Tensor &logits, const at::Tensor &targets, int64_t ignore, float seed,
    const at::Tensor &gradients);

/// The nearest number to the square root, on the CPU in fp32 too: there libtorch's (MKL's) differs by
/// an ulp from processor to processor.
at::Tensor square_root(const at::Tensor &x);
/// e^x, fp32.
at::Tensor exponential_elements(const at::Tensor &x);

}  // namespace ct
