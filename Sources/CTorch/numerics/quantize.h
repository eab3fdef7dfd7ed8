// What the two quantization files share.
#pragma once
#include <tuple>

#include "bridge.h"

namespace ct {

/// Codes stay in fp32 here; scale and zero point keep a last dimension of 1.
std::tuple<at::Tensor, at::Tensor, at::Tensor> quantize_per_token_by_ops(const at::Tensor &x);
at::Tensor fake_quantize_per_token_by_ops(const at::Tensor &x);
std::tuple<at::Tensor, at::Tensor> quantize_per_group_by_ops(
    const at::Tensor &w, int64_t bits, int64_t group, at::ScalarType scale_dtype);
at::Tensor dequantize_per_group_by_ops(
    const at::Tensor &q, const at::Tensor &scale, int64_t group, at::ScalarType dtype);

}  // namespace ct
