// Optimizer steps that libtorch lacks or hides: AdamW with block-wise 8-bit state, fused on the CPU;
// torch's fused SGD; the sum of squares of gradients.
//
// The fp32 arithmetic is written without fused multiply-adds and in the order of torchao's compiled
// step, which it equals bit for bit.
#include "coptimizers.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/searchsorted.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "bridge.h"
#include "codebook.h"
#include "parallel.h"
#include "quantize_rows.h"
#include "row_kernels.h"

using namespace ct;
using at::Tensor;

namespace {

constexpr float kLeastBlockScale = 1e-12f;

struct Coefficients {
  float rate, decay, mean_weight, square_weight, mean_correction, root_correction, epsilon;

  explicit Coefficients(const ct_adamw_options &o)
      : rate(static_cast<float>(o.learning_rate)),
        decay(rate * static_cast<float>(o.weight_decay)),
        mean_weight(static_cast<float>(1 - o.beta1)),
        square_weight(static_cast<float>(1 - o.beta2)),
        mean_correction(1.0f - power(o.beta1, o.step)),
        root_correction(std::sqrt(1.0f - power(o.beta2, o.step))),
        epsilon(static_cast<float>(o.epsilon)) {}

 private:
  /// libtorch's own fp32 power: another one could round otherwise.
  static float power(double base, int64_t step) {
    return at::pow(at::Scalar(base), at::full({}, static_cast<double>(step), at::kFloat))
        .item<float>();
  }
};

void step_by_ops(
    const Tensor &p, const Tensor &grad, const Tensor &m, const Tensor &v, const Coefficients &c) {
  Tensor g = grad.to(at::kFloat), x = p.to(at::kFloat);
  x = x - x * c.decay;
  Tensor mean = m.to(at::kFloat), square = v.to(at::kFloat);
  mean = mean + (g - mean) * c.mean_weight;
  square = square + (g * g - square) * c.square_weight;
  m.copy_(mean);
  v.copy_(square);
  // libtorch's fp32 square root is not always the nearest number; by way of fp64 it is.
  Tensor root = square.to(at::kDouble).sqrt().to(at::kFloat);
  p.copy_(x - (mean / c.mean_correction) * c.rate / (root / c.root_correction + c.epsilon));
}

Tensor table(const float *values, int64_t count, const Tensor &like) {
  Tensor t = at::empty({count}, at::kFloat);
  std::copy(values, values + count, static_cast<float *>(t.mutable_data_ptr()));
  return t.to(like.device());
}

/// Blocks of `x`, the last one filled up with zeros.
Tensor in_blocks(const Tensor &x, int64_t block) {
  Tensor flat = x.reshape({-1});
  int64_t missing = (block - flat.numel() % block) % block;
  return (missing ? at::constant_pad_nd(flat, {0, missing}) : flat).reshape({-1, block});
}

std::pair<Tensor, Tensor> quantize_by_ops(const Tensor &x, int64_t block, bool is_signed) {
  Tensor blocks = in_blocks(x, block);
  Tensor scales = blocks.abs().amax(-1).clamp_min(kLeastBlockScale);
  Tensor thresholds = table(Codebook::of(is_signed).thresholds, 255, x);
  Tensor codes = at::searchsorted(
      thresholds, (blocks / scales.unsqueeze(-1)).contiguous(), /*out_int32=*/true, /*right=*/true);
  return {codes.to(at::kByte).reshape({-1}).narrow(0, 0, x.numel()).reshape(x.sizes()), scales};
}

Tensor dequantize_by_ops(
    const Tensor &codes, const Tensor &scales, int64_t block, bool is_signed) {
  Tensor values = table(Codebook::of(is_signed).values, 256, codes);
  Tensor blocks = values.index_select(0, in_blocks(codes, block).reshape({-1}).to(at::kInt));
  return (blocks.reshape({-1, block}) * scales.unsqueeze(-1))
      .reshape({-1})
      .narrow(0, 0, codes.numel());
}

/// One of the two moments of a stretch of blocks.
struct Moment {
  uint8_t *codes;
  float *scales;
  const Codebook *book;
};

CT_INLINE uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }
CT_INLINE uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

/// The largest magnitude comes as bits: their order is that of the numbers, and NaN is the largest.
CT_INLINE void quantize_block(
    const float *x, uint32_t largest, uint8_t *codes, float *scale, int64_t n,
    const Codebook &book) {
  float amax = __builtin_bit_cast(float, largest);
  float s = amax < kLeastBlockScale ? kLeastBlockScale : amax;
  *scale = s;
  for (int64_t i = 0; i < n; i++) {
    float y = x[i] / s;
    uint8_t code = book.first[bits_of(y) >> 16];
    codes[i] = static_cast<uint8_t>(code + (y >= book.thresholds[code]));
  }
}

template <class T>
CT_INLINE void step_blocks(
    T *p, const float *grad, Moment m, Moment v, int64_t blocks, int64_t n, const Coefficients &c,
    float *mean, float *square) {
  for (int64_t b = 0; b < blocks; b++, p += n, grad += n, m.codes += n, v.codes += n) {
    const float mean_scale = m.scales[b], square_scale = v.scales[b];
    uint32_t largest_mean = 0, largest_square = 0;
    for (int64_t i = 0; i < n; i++) {
      float g = grad[i];
      float old_mean = m.book->values[m.codes[i]] * mean_scale;
      float old_square = v.book->values[v.codes[i]] * square_scale;
      mean[i] = old_mean + c.mean_weight * (g - old_mean);
      square[i] = old_square + c.square_weight * (g * g - old_square);
      largest_mean = larger(largest_mean, bits_of(mean[i]) & 0x7fffffffu);
      largest_square = larger(largest_square, bits_of(square[i]) & 0x7fffffffu);
    }
    for (int64_t i = 0; i < n; i++) {
      float x = widen(p[i]);
      x = x - c.decay * x;
      float denominator = __builtin_sqrtf(square[i]) / c.root_correction + c.epsilon;
      p[i] = narrow<T>(x - c.rate * (mean[i] / c.mean_correction) / denominator);
    }
    quantize_block(mean, largest_mean, m.codes, m.scales + b, n, *m.book);
    quantize_block(square, largest_square, v.codes, v.scales + b, n, *v.book);
  }
}

/// The tensors of one 8-bit step, checked.
struct EightBitStep {
  Tensor p, grad, m_codes, m_scales, v_codes, v_scales;
  int64_t block;
  Coefficients c;

  void check() const {
    int64_t n = p.numel();
    TORCH_CHECK(block > 0 && n % block == 0, "blocks of ", block, " do not divide ", n, " elements");
    for (const Tensor *t : {&p, &grad, &m_codes, &v_codes})
      TORCH_CHECK(t->is_contiguous() && t->numel() == n, "8-bit AdamW: tensors do not match");
    for (const Tensor *t : {&m_scales, &v_scales})
      TORCH_CHECK(
          t->is_contiguous() && t->numel() == n / block && t->scalar_type() == at::kFloat,
          "8-bit AdamW: a scale for each block of ", block, " is needed");
    TORCH_CHECK(
        m_codes.scalar_type() == at::kByte && v_codes.scalar_type() == at::kByte &&
            grad.scalar_type() == at::kFloat,
        "8-bit AdamW: codes are uint8 and the gradient is fp32");
  }

  template <class T, class Kernel>
  void run_fused(Kernel kernel) const {
    T *parameters = static_cast<T *>(p.mutable_data_ptr());
    auto *gradients = static_cast<const float *>(grad.const_data_ptr());
    Moment m = moment(m_codes, m_scales, true), v = moment(v_codes, v_scales, false);
    parallel_for(0, p.numel() / block, kGrainElements / block, [&](int64_t b, int64_t e) {
      std::vector<float> mean(static_cast<size_t>(block)), square(static_cast<size_t>(block));
      kernel(
          parameters + b * block, gradients + b * block,
          Moment{m.codes + b * block, m.scales + b, m.book},
          Moment{v.codes + b * block, v.scales + b, v.book}, e - b, block, c, mean.data(),
          square.data());
    });
  }

  void run_by_ops() const {
    Tensor m = dequantize_by_ops(m_codes, m_scales, block, true).reshape(p.sizes());
    Tensor v = dequantize_by_ops(v_codes, v_scales, block, false).reshape(p.sizes());
    step_by_ops(p, grad, m, v, c);
    auto [mc, ms] = quantize_by_ops(m, block, true);
    auto [vc, vs] = quantize_by_ops(v, block, false);
    m_codes.copy_(mc);
    m_scales.copy_(ms);
    v_codes.copy_(vc);
    v_scales.copy_(vs);
  }

 private:
  static Moment moment(const Tensor &codes, const Tensor &scales, bool is_signed) {
    return {
        static_cast<uint8_t *>(codes.mutable_data_ptr()),
        static_cast<float *>(scales.mutable_data_ptr()), &Codebook::of(is_signed)};
  }
};

constexpr int64_t kSumChunk = 1 << 16;

/// Sums of fixed chunks, then their sum in order: threads do not change the result.
template <class T>
double sum_of_squares(const T *x, int64_t n) {
  std::vector<double> sums(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk));
  parallel_for(0, static_cast<int64_t>(sums.size()), 1, [&](int64_t b, int64_t e) {
    for (int64_t chunk = b; chunk < e; chunk++) {
      const T *from = x + chunk * kSumChunk;
      int64_t count = std::min(kSumChunk, n - chunk * kSumChunk), i = 0;
      double lanes[8] = {};
      for (; i + 8 <= count; i += 8)
        for (int lane = 0; lane < 8; lane++) {
          double value = widen(from[i + lane]);
          lanes[lane] += value * value;
        }
      for (; i < count; i++) {
        double value = widen(from[i]);
        lanes[0] += value * value;
      }
      for (double lane : lanes) sums[static_cast<size_t>(chunk)] += lane;
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

/// The largest of the numbers' bits without their signs: magnitudes are in the order of their bits, and
/// what is not finite lies above all that is. One pass of integers, so that a check costs next to nothing.
template <class Bits>
Bits largest_bits(const void *x, int64_t n) {
  const auto *bits = static_cast<const Bits *>(x);
  std::vector<Bits> largest(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk));
  parallel_for(0, static_cast<int64_t>(largest.size()), 1, [&](int64_t b, int64_t e) {
    for (int64_t chunk = b; chunk < e; chunk++) {
      const int64_t end = std::min(n, (chunk + 1) * kSumChunk);
      Bits found = 0;
      for (int64_t i = chunk * kSumChunk; i < end; i++)
        found = std::max(found, static_cast<Bits>(bits[i] & std::numeric_limits<Bits>::max()));
      largest[static_cast<size_t>(chunk)] = found;
    }
  });
  return largest.empty() ? 0 : *std::max_element(largest.begin(), largest.end());
}

}  // namespace

extern "C" {

bool ct_fused_sgd_(
    ct_tensor p, ct_tensor grad, ct_tensor buffer, double lr, double momentum, double dampening,
    double weight_decay, bool nesterov, bool first) {
  return succeeded([&] {
    Tensor ps[] = {retained(p)}, gs[] = {retained(grad)};
    std::vector<Tensor> buffers;
    if (buffer) buffers.push_back(retained(buffer));
    at::_fused_sgd_(
        ps, gs, buffers, weight_decay, momentum, lr, dampening, nesterov, /*maximize=*/false, first);
  });
}

bool ct_adamw_in_float32_(
    ct_tensor p, ct_tensor grad, ct_tensor m, ct_tensor v, ct_adamw_options options) {
  return succeeded([&] {
    step_by_ops(retained(p), retained(grad), retained(m), retained(v), Coefficients(options));
  });
}

bool ct_adamw_8bit_(
    ct_tensor p, ct_tensor grad, ct_tensor m_codes, ct_tensor m_scales, ct_tensor v_codes,
    ct_tensor v_scales, int64_t block, ct_adamw_options options) {
  return succeeded([&] {
    EightBitStep step{
        retained(p), retained(grad), retained(m_codes), retained(m_scales), retained(v_codes),
        retained(v_scales), block, Coefficients(options)};
    step.check();
    if (step.p.is_cpu() && step.p.scalar_type() == at::kFloat)
      step.run_fused<float>(kernel<step_blocks<float>>());
    else if (step.p.is_cpu() && step.p.scalar_type() == at::kBFloat16)
      step.run_fused<BFloat>(kernel<step_blocks<BFloat>>());
    else
      step.run_by_ops();
  });
}

bool ct_adamw_8bit_by_ops_(
    ct_tensor p, ct_tensor grad, ct_tensor m_codes, ct_tensor m_scales, ct_tensor v_codes,
    ct_tensor v_scales, int64_t block, ct_adamw_options options) {
  return succeeded([&] {
    EightBitStep step{
        retained(p), retained(grad), retained(m_codes), retained(m_scales), retained(v_codes),
        retained(v_scales), block, Coefficients(options)};
    step.check();
    step.run_by_ops();
  });
}

ct_tensor ct_codebook(bool is_signed) {
  return tensor_or_null([&] {
    return table(Codebook::of(is_signed).values, 256, at::empty({0}, at::kFloat));
  });
}

ct_tensor ct_quantize_blocks(ct_tensor x, int64_t block, bool is_signed, ct_tensor *scales) {
  return tensor_or_null([&] {
    TORCH_CHECK(block > 0, "a block of ", block, " elements");
    auto [codes, made] = quantize_by_ops(retained(x).to(at::kFloat), block, is_signed);
    *scales = handle(made);
    return codes;
  });
}

ct_tensor ct_dequantize_blocks(ct_tensor codes, ct_tensor scales, int64_t block, bool is_signed) {
  return tensor_or_null([&] {
    Tensor c = retained(codes), s = retained(scales);
    TORCH_CHECK(
        block > 0 && s.numel() == (c.numel() + block - 1) / block, "scales do not fit ", c.numel(),
        " codes in blocks of ", block);
    return dequantize_by_ops(c, s, block, is_signed);
  });
}

static double sum_of_squares(Tensor t) {
  t = t.contiguous();
  if (!t.is_cpu())
    return at::linalg_vector_norm(t, 2, std::nullopt, false, at::kDouble).square().item<double>();
  if (t.scalar_type() == at::kBFloat16)
    return sum_of_squares(static_cast<const BFloat *>(t.const_data_ptr()), t.numel());
  t = t.to(at::kFloat);
  return sum_of_squares(static_cast<const float *>(t.const_data_ptr()), t.numel());
}

bool ct_sum_of_squares(ct_tensor t, double *out) {
  return succeeded([&] { *out = sum_of_squares(retained(t)); });
}

static double largest_magnitude(Tensor t) {
  t = t.contiguous();
  if (t.numel() == 0) return 0;
  if (!t.is_cpu()) return t.abs().amax().item<double>();
  if (t.scalar_type() == at::kBFloat16) {
    const int32_t bits = largest_bits<int16_t>(t.const_data_ptr(), t.numel());
    return std::bit_cast<float>(bits << 16);
  }
  t = t.to(at::kFloat);
  return std::bit_cast<float>(largest_bits<int32_t>(t.const_data_ptr(), t.numel()));
}

bool ct_largest_magnitude(ct_tensor t, double *out) {
  return succeeded([&] { *out = largest_magnitude(retained(t)); });
}

}  // extern "C"
