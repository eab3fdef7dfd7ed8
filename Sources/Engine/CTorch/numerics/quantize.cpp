// The fused CPU kernels of quantization: one parallel pass over memory each, compiled for AVX-512,
// AVX2 and the baseline and chosen at run time. What they compute is said in Quantization, by formulas.
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "bridge.h"
#include "ccodes.h"
#include "integer_product.h"
#include "parallel.h"
#include "quantize_rows.h"
#include "row_kernels.h"

using namespace ct;
using at::Tensor;

float ct::round_to_half(float v) { return static_cast<float>(static_cast<at::Half>(v)); }

namespace {

bool has_kernel(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16; }

Tensor checked(ct_tensor h) {
  Tensor t = retained(h);
  TORCH_CHECK(
      t.is_cpu() && has_kernel(t.scalar_type()), "no kernel rounds ", t.scalar_type(), " on ", t.device());
  return t.contiguous();
}

template <class T>
CT_INLINE void fake_rows(const T *x, T *y, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) fake_quantize_row(x + r * n, y + r * n, n);
}
template <class T>
CT_INLINE void code_rows(const T *x, int8_t *q, float *s, float *z, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) quantize_row(x + r * n, q + r * n, s + r, z + r, n);
}

template <class T>
auto fake_groups(const ct_scheme &scheme) {
  switch (scheme.scale) {
    case ct_scale_portable: return kernel<fake_quantize_groups<T, Portable>>();
    case ct_scale_float16: return kernel<fake_quantize_groups<T, HalfPrecision>>();
    case ct_scale_bfloat16: return kernel<fake_quantize_groups<T, BFloat>>();
    default: return kernel<fake_quantize_groups<T, float>>();
  }
}
template <class T>
auto code_groups(const ct_scheme &scheme) {
  switch (scheme.scale) {
    case ct_scale_portable: return kernel<quantize_groups<T, Portable>>();
    case ct_scale_float16: return kernel<quantize_groups<T, HalfPrecision>>();
    case ct_scale_bfloat16: return kernel<quantize_groups<T, BFloat>>();
    default: return kernel<quantize_groups<T, float>>();
  }
}

void check_group(const Tensor &w, const ct_scheme &scheme) {
  const int64_t bits = scheme.weight_bits, group = scheme.group;
  TORCH_CHECK(bits >= 2 && bits <= 8, "bits must be 2 to 8, not ", bits);
  TORCH_CHECK(w.dim() >= 1 && group > 0 && w.size(-1) % group == 0, "group size ", group,
              " does not divide the input width ", w.dim() ? w.size(-1) : 0);
}

CodeRange range_of(const ct_scheme &scheme) {
  return code_range(scheme.weight_bits, scheme.is_full_range);
}

template <class T>
void fake_quantize_all(const Tensor &w, const Tensor &y, const ct_scheme &scheme) {
  const T *from = elements<T>(w);
  T *to = mutable_elements<T>(y);
  auto round = fake_groups<T>(scheme);
  const CodeRange range = range_of(scheme);
  const int64_t group = scheme.group;
  parallel_for(0, w.numel() / group, kGrainElements / group, [&](int64_t b, int64_t e) {
    round(from + b * group, to + b * group, e - b, group, range);
  });
}

template <class T>
void quantize_all(const Tensor &w, const Tensor &q, const Tensor &s, const ct_scheme &scheme) {
  const T *from = elements<T>(w);
  int8_t *to = mutable_elements<int8_t>(q);
  float *scales = mutable_elements<float>(s);
  auto round = code_groups<T>(scheme);
  const CodeRange range = range_of(scheme);
  const int64_t group = scheme.group;
  parallel_for(0, w.numel() / group, kGrainElements / group, [&](int64_t b, int64_t e) {
    round(from + b * group, to + b * group, scales + b, e - b, group, range);
  });
}

/// Codes of the full range are made by division only.
bool has_rounding(const ct_scheme &scheme) {
  return !scheme.is_full_range || scheme.scale == ct_scale_portable;
}

}  // namespace

extern "C" {

bool ct_has_kernel(int32_t kernel, ct_scheme scheme, int32_t device, int32_t dtype) {
  if (device >= 0 || !has_kernel(scalar_type(dtype))) return false;
  switch (kernel) {
    case ct_weight_rounding: return has_rounding(scheme);
    case ct_input_rounding: return scheme.rounds_inputs;
    case ct_integer_product:
      return scheme.rounds_inputs && has_rounding(scheme) && has_integer_product(scheme.weight_bits, scheme.group) &&
             instruction_set() >= InstructionSet::avx2;
    default: return false;
  }
}

ct_tensor ct_fake_quantize_input(ct_tensor h) {
  return tensor_or_null([&] {
    c10::NoGradGuard no_grad;
    Tensor x = checked(h);
    Tensor y = x.new_empty(x.sizes());
    int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
    parallel_for(0, rows, kGrainElements / (n ? n : 1), [&](int64_t b, int64_t e) {
      if (x.scalar_type() == at::kFloat)
        kernel<fake_rows<float>>()(elements<float>(x) + b * n, mutable_elements<float>(y) + b * n, e - b, n);
      else
        kernel<fake_rows<BFloat>>()(
            elements<BFloat>(x) + b * n, mutable_elements<BFloat>(y) + b * n, e - b, n);
    });
    return y;
  });
}

bool ct_quantize_input(ct_tensor h, ct_tensor *q, ct_tensor *scale, ct_tensor *zero_point) {
  return succeeded([&] {
    Tensor x = checked(h);
    int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
    Tensor codes = x.new_empty(x.sizes(), x.options().dtype(at::kChar));
    Tensor s = x.new_empty(
        x.sizes().slice(0, static_cast<size_t>(x.dim() - 1)), x.options().dtype(at::kFloat));
    Tensor z = s.new_empty(s.sizes());
    parallel_for(0, rows, kGrainElements / (n ? n : 1), [&](int64_t b, int64_t e) {
      auto *to = mutable_elements<int8_t>(codes) + b * n;
      auto *ps = mutable_elements<float>(s) + b, *pz = mutable_elements<float>(z) + b;
      if (x.scalar_type() == at::kFloat)
        kernel<code_rows<float>>()(elements<float>(x) + b * n, to, ps, pz, e - b, n);
      else
        kernel<code_rows<BFloat>>()(elements<BFloat>(x) + b * n, to, ps, pz, e - b, n);
    });
    *q = handle(codes);
    *scale = handle(s);
    *zero_point = handle(z);
  });
}

ct_tensor ct_fake_quantize_weight(ct_tensor h, ct_scheme scheme) {
  return tensor_or_null([&] {
    c10::NoGradGuard no_grad;
    Tensor w = checked(h);
    check_group(w, scheme);
    Tensor y = w.new_empty(w.sizes());
    if (w.scalar_type() == at::kFloat) fake_quantize_all<float>(w, y, scheme);
    else fake_quantize_all<BFloat>(w, y, scheme);
    return y;
  });
}

bool ct_quantize_weight(ct_tensor h, ct_scheme scheme, ct_tensor *q, ct_tensor *scale) {
  return succeeded([&] {
    Tensor w = checked(h);
    check_group(w, scheme);
    std::vector<int64_t> shape = w.sizes().vec();
    shape.back() /= scheme.group;
    Tensor codes = w.new_empty(w.sizes(), w.options().dtype(at::kChar));
    Tensor s = w.new_empty(shape, w.options().dtype(at::kFloat));
    if (w.scalar_type() == at::kFloat) quantize_all<float>(w, codes, s, scheme);
    else quantize_all<BFloat>(w, codes, s, scheme);
    *q = handle(codes);
    *scale = handle(s);
  });
}

ct_tensor ct_dequantize_weight(ct_tensor hq, ct_tensor hs, ct_scheme scheme, int32_t dtype) {
  return tensor_or_null([&] {
    Tensor q = retained(hq).contiguous(), s = retained(hs).contiguous();
    const int64_t group = scheme.group;
    const at::ScalarType type = scalar_type(dtype);
    check_group(q, scheme);
    TORCH_CHECK(
        q.is_cpu() && q.scalar_type() == at::kChar && s.scalar_type() == at::kFloat && has_kernel(type),
        "no kernel turns these codes into numbers");
    TORCH_CHECK(s.numel() * group == q.numel(), "scales do not fit the codes");
    Tensor y = q.new_empty(q.sizes(), q.options().dtype(type));
    parallel_for(0, s.numel(), kGrainElements / group, [&](int64_t b, int64_t e) {
      auto *from = elements<int8_t>(q) + b * group;
      auto *scales = elements<float>(s) + b;
      if (type == at::kFloat)
        kernel<dequantize_groups<float>>()(from, scales, mutable_elements<float>(y) + b * group, e - b, group);
      else
        kernel<dequantize_groups<BFloat>>()(
            from, scales, mutable_elements<BFloat>(y) + b * group, e - b, group);
    });
    return y;
  });
}

}  // extern "C"
