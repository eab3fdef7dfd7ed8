// The quantization formulas as sequences of libtorch operations: the path of every device but the
// CPU, and the check on the fused CPU kernels, which must agree bit for bit.
// Source: torchao 0.10 (per-token asymmetric int8, per-group symmetric weights).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/round.h>
#include <ATen/ops/where.h>

#include <tuple>

#include "quantize.h"

using at::Tensor;

namespace ct {

static constexpr double kLeastScale = 1.1920928955078125e-07;  // fp32 epsilon

std::tuple<Tensor, Tensor, Tensor> quantize_per_token_by_ops(const Tensor &x) {
  // Everything in x's own dtype until the cast: bf16 rounds after each of these operations.
  Tensor low = at::clamp_max(at::amin(x, -1, true), 0);
  Tensor high = at::clamp_min(at::amax(x, -1, true), 0);
  Tensor scale = at::clamp_min((high - low) / 255.0, kLeastScale);
  Tensor at_low = low / scale, at_high = high / scale;
  Tensor zero_point = at::where(
      (at_low + -128.0) + (at_high + 127.0) > 0, -128.0 - at_low, 127.0 - at_high);
  zero_point = at::round(at::clamp(zero_point, -128, 127)).to(at::kFloat);
  scale = scale.to(at::kFloat);
  Tensor q = at::clamp(
      at::round(x.to(at::kFloat) * at::reciprocal(scale)) + zero_point, -128, 127);
  return {q, scale, zero_point};
}

Tensor fake_quantize_per_token_by_ops(const Tensor &x) {
  auto [q, scale, zero_point] = quantize_per_token_by_ops(x);
  return ((q - zero_point) * scale).to(x.scalar_type());
}

std::tuple<Tensor, Tensor> quantize_per_group_by_ops(
    const Tensor &w, int64_t bits, int64_t group, at::ScalarType scale_dtype) {
  double half = static_cast<double>(int64_t(1) << (bits - 1));
  std::vector<int64_t> shape = w.sizes().vec();
  shape.back() /= group;
  shape.push_back(group);
  Tensor grouped = w.reshape(shape);
  Tensor scale = at::clamp_min(at::amax(at::abs(grouped), -1, true) / (half - 0.5), kLeastScale);
  scale = scale.to(scale_dtype).to(at::kFloat);
  Tensor q = at::clamp(
      at::round(grouped.to(at::kFloat) * at::reciprocal(scale)), -half, half - 1);
  return {q.reshape(w.sizes()), scale.squeeze(-1)};
}

Tensor dequantize_per_group_by_ops(
    const Tensor &q, const Tensor &scale, int64_t group, at::ScalarType dtype) {
  std::vector<int64_t> shape = q.sizes().vec();
  shape.back() /= group;
  shape.push_back(group);
  return (q.to(at::kFloat).reshape(shape) * scale.unsqueeze(-1)).reshape(q.sizes()).to(dtype);
}

}  // namespace ct

using namespace ct;
extern "C" {

ct_tensor ct_fake_quantize_per_token_by_ops(ct_tensor x) {
  return tensor_or_null([&] { return fake_quantize_per_token_by_ops(Borrowed(x)); });
}
bool ct_quantize_per_token_by_ops(
    ct_tensor x, ct_tensor *q, ct_tensor *scale, ct_tensor *zero_point) {
  return succeeded([&] {
    auto [codes, s, z] = quantize_per_token_by_ops(Borrowed(x));
    *q = handle(codes.to(at::kChar));
    *scale = handle(s.squeeze(-1));
    *zero_point = handle(z.squeeze(-1));
  });
}
ct_tensor ct_fake_quantize_per_group_by_ops(
    ct_tensor w, int32_t bits, int64_t group, int32_t scale_dtype) {
  return tensor_or_null([&] {
    Borrowed b(w);
    auto [q, scale] = quantize_per_group_by_ops(b, bits, group, scalar_type(scale_dtype));
    return dequantize_per_group_by_ops(q, scale, group, b.tensor.scalar_type());
  });
}
bool ct_quantize_per_group_by_ops(
    ct_tensor w, int32_t bits, int64_t group, int32_t scale_dtype, ct_tensor *q, ct_tensor *scale) {
  return succeeded([&] {
    auto [codes, s] =
        quantize_per_group_by_ops(Borrowed(w), bits, group, scalar_type(scale_dtype));
    *q = handle(codes.to(at::kChar));
    *scale = handle(s);
  });
}

}  // extern "C"
