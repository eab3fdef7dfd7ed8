// Making codes and turning them back into numbers: parallel passes over rows, compiled for AVX-512,
// AVX2 and the baseline and chosen at run time.
#include "coded.h"
#include "integer_vector.h"

#include <ATen/core/Tensor.h>

#include "parallel.h"
#include "quantize_rows.h"
#include "row_kernels.h"

using at::Tensor;

namespace ct {

namespace {

template <class T>
CT_INLINE void code_rows(const T *x, uint8_t *u, float *s, int32_t *o, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) code_row(x + r * n, u + r * n, s + r, o + r, n);
}

template <class T, class S>
CT_INLINE void code_weight_row(
    const T *w, int8_t *q, uint8_t *packed, float *s, int64_t groups, int64_t group,
    CodeRange range) {
  quantize_groups<T, S>(w, q, s, groups, group, range);
  if (packed) pack_nibbles(q, packed, groups *group);
}

template <class T, class Stored>
CT_INLINE void decode_rows(
    const uint8_t *u, int64_t stride, const float *s, const int32_t *o, Stored *y, int64_t rows,
    int64_t n) {
  for (int64_t r = 0; r < rows; r++) decode_row<T>(u + r * stride, s[r], o[r], y + r * n, n);
}

template <class T, class Stored>
CT_INLINE void decode_weight_row(
    const uint8_t *codes, int8_t *q, const float *s, Stored *y, int64_t groups, int64_t group,
    bool packed) {
  const int8_t *from = reinterpret_cast<const int8_t *>(codes);
  if (packed) {
    unpack_nibbles(codes, q, groups *group);
    from = q;
  }
  for (int64_t g = 0; g < groups; g++)
    decode_group<T>(from + g * group, s[g], y + g * group, group);
}

template <class T>
auto weight_coder(int32_t scale) {
  switch (scale) {
    case ct_scale_portable: return kernel<code_weight_row<T, Portable>>();
    case ct_scale_float16: return kernel<code_weight_row<T, HalfPrecision>>();
    case ct_scale_bfloat16: return kernel<code_weight_row<T, BFloat>>();
    default: return kernel<code_weight_row<T, float>>();
  }
}

template <class T>
void code_all(const Tensor &w, const WeightCodes &into, const ct_scheme &scheme) {
  const PackedWeight v = into.view();
  const auto *from = static_cast<const T *>(w.const_data_ptr());
  auto *codes = static_cast<uint8_t *>(into.codes.mutable_data_ptr());
  auto *scales = static_cast<float *>(into.scales.mutable_data_ptr());
  auto coder = weight_coder<T>(scheme.scale);
  const CodeRange range = code_range(v.bits, scheme.is_full_range);
  parallel_for(0, v.n, kGrainElements / v.k, [&](int64_t begin, int64_t end) {
    std::vector<int8_t> row(static_cast<size_t>(v.k));
    for (int64_t n = begin; n < end; n++) {
      uint8_t *to = codes + n * v.code_stride;
      coder(
          from + n * v.k, v.is_packed() ? row.data() : reinterpret_cast<int8_t *>(to),
          v.is_packed() ? to : nullptr, scales + n * v.scale_stride, v.k / v.group, v.group, range);
    }
  });
}

bool is_float(const Tensor &t) { return t.scalar_type() == at::kFloat; }

}  // namespace

CodedTokens TokenCodes::view() const {
  return {
      static_cast<const uint8_t *>(codes.const_data_ptr()),
      static_cast<const float *>(scales.const_data_ptr()),
      static_cast<const int32_t *>(offsets.const_data_ptr()), codes.size(0)};
}

TokenCodes code_tokens(const Tensor &given) {
  TORCH_CHECK(
      given.is_cpu() && (is_float(given) || given.scalar_type() == at::kBFloat16),
      "only fp32 and bf16 tensors on the CPU have token codes here");
  Tensor x = given.contiguous();
  const int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
  TokenCodes result{
      x.new_empty({rows, n}, x.options().dtype(at::kByte)),
      x.new_empty({rows}, x.options().dtype(at::kFloat)),
      x.new_empty({rows}, x.options().dtype(at::kInt))};
  auto *codes = static_cast<uint8_t *>(result.codes.mutable_data_ptr());
  auto *scales = static_cast<float *>(result.scales.mutable_data_ptr());
  auto *offsets = static_cast<int32_t *>(result.offsets.mutable_data_ptr());
  parallel_for(0, rows, kGrainElements / (n ? n : 1), [&](int64_t b, int64_t e) {
    if (is_float(x))
      kernel<code_rows<float>>()(
          static_cast<const float *>(x.const_data_ptr()) + b * n, codes + b * n, scales + b,
          offsets + b, e - b, n);
    else
      kernel<code_rows<BFloat>>()(
          static_cast<const BFloat *>(x.const_data_ptr()) + b * n, codes + b * n, scales + b,
          offsets + b, e - b, n);
  });
  return result;
}

PackedWeight WeightCodes::view() const {
  return {
      static_cast<const uint8_t *>(codes.const_data_ptr()),
      codes.stride(0),
      static_cast<const float *>(scales.const_data_ptr()),
      scales.stride(0),
      codes.size(0),
      inputs(),
      group,
      static_cast<int>(bits)};
}

WeightCodes weight_codes(Tensor codes, Tensor scales, int64_t bits, int64_t group) {
  WeightCodes w{std::move(codes), std::move(scales), bits, group};
  TORCH_CHECK(
      w.codes.is_cpu() && w.codes.dim() == 2 && w.codes.scalar_type() == at::kByte &&
          w.codes.stride(1) == 1 && w.scales.dim() == 2 && is_float(w.scales) &&
          w.scales.stride(1) == 1 && w.scales.size(0) == w.codes.size(0),
      "codes must be bytes and scales fp32, a row an output");
  TORCH_CHECK(has_integer_product(bits, group), "no integer product for ", bits, " bits in groups of ", group);
  TORCH_CHECK(
      w.codes.size(1) == (bits <= 4 ? w.inputs() / 2 : w.inputs()), "the codes do not fit the scales");
  return w;
}

void code_weight(const Tensor &given, const WeightCodes &into, const ct_scheme &scheme) {
  Tensor w = given.contiguous();
  TORCH_CHECK(
      w.dim() == 2 && w.size(0) == into.codes.size(0) && w.size(1) == into.inputs(),
      "the weight does not fit its codes");
  if (w.numel() == 0) return;
  if (is_float(w)) return code_all<float>(w, into, scheme);
  TORCH_CHECK(w.scalar_type() == at::kBFloat16, "a weight to be coded is fp32 or bf16");
  code_all<BFloat>(w, into, scheme);
}

Tensor decoded_columns(
    const WeightCodes &w, int64_t from, int64_t count, at::ScalarType dtype, at::ScalarType stored) {
  const PackedWeight v = w.view();
  Tensor y = w.scales.new_empty({v.n, count}, w.scales.options().dtype(stored));
  const int64_t first = from / v.group, groups = count / v.group;
  parallel_for(0, v.n, kGrainElements / count, [&](int64_t begin, int64_t end) {
    std::vector<int8_t> row(static_cast<size_t>(count));
    for (int64_t n = begin; n < end; n++) {
      const uint8_t *codes = v.codes + n * v.code_stride + (v.is_packed() ? from / 2 : from);
      const float *scales = v.scales + n * v.scale_stride + first;
      auto *to = static_cast<char *>(y.mutable_data_ptr());
      if (dtype == at::kFloat)
        kernel<decode_weight_row<float, float>>()(
            codes, row.data(), scales, reinterpret_cast<float *>(to) + n * count, groups, v.group,
            v.is_packed());
      else if (stored == at::kFloat)
        kernel<decode_weight_row<BFloat, float>>()(
            codes, row.data(), scales, reinterpret_cast<float *>(to) + n * count, groups, v.group,
            v.is_packed());
      else
        kernel<decode_weight_row<BFloat, BFloat>>()(
            codes, row.data(), scales, reinterpret_cast<BFloat *>(to) + n * count, groups, v.group,
            v.is_packed());
    }
  });
  return y;
}

Tensor decoded_columns(
    const TokenCodes &x, int64_t from, int64_t count, at::ScalarType dtype, at::ScalarType stored) {
  const CodedTokens v = x.view();
  const int64_t k = x.codes.size(1);
  Tensor y = x.scales.new_empty({v.m, count}, x.scales.options().dtype(stored));
  auto *to = static_cast<char *>(y.mutable_data_ptr());
  parallel_for(0, v.m, kGrainElements / count, [&](int64_t b, int64_t e) {
    const uint8_t *codes = v.codes + b * k + from;
    if (dtype == at::kFloat)
      kernel<decode_rows<float, float>>()(
          codes, k, v.scales + b, v.offsets + b, reinterpret_cast<float *>(to) + b * count, e - b,
          count);
    else if (stored == at::kFloat)
      kernel<decode_rows<BFloat, float>>()(
          codes, k, v.scales + b, v.offsets + b, reinterpret_cast<float *>(to) + b * count, e - b,
          count);
    else
      kernel<decode_rows<BFloat, BFloat>>()(
          codes, k, v.scales + b, v.offsets + b, reinterpret_cast<BFloat *>(to) + b * count, e - b,
          count);
  });
  return y;
}

std::vector<Tensor> multiply_codes(
    const TokenCodes &x, const std::vector<WeightCodes> &weights, at::ScalarType dtype) {
  const InstructionSet set = chosen_instruction_set();
  const Stored stored = dtype == at::kFloat ? Stored::float32 : Stored::bfloat16;
  std::vector<Tensor> outputs;
  std::vector<PackedWeight> views;
  std::vector<void *> memory;
  bool are_vector_products = true;
  for (const WeightCodes &w : weights) {
    TORCH_CHECK(x.codes.size(1) == w.inputs(), "the input is ", x.codes.size(1), " wide, the weight ", w.inputs());
    outputs.push_back(x.scales.new_empty({x.codes.size(0), w.codes.size(0)}, x.scales.options().dtype(dtype)));
    views.push_back(w.view());
    memory.push_back(outputs.back().mutable_data_ptr());
    are_vector_products = are_vector_products && has_vector_product(x.view(), views.back(), set);
  }
  if (x.codes.size(0) == 0) return outputs;
  if (are_vector_products && !weights.empty()) {
    vector_products(x.view(), views.data(), memory.data(), static_cast<int>(views.size()), stored);
    return outputs;
  }
  for (size_t i = 0; i < views.size(); i++)
    if (outputs[i].numel()) integer_product(x.view(), views[i], memory[i], stored, set);
  return outputs;
}

}  // namespace ct
