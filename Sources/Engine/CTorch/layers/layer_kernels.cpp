// The fused CPU kernels of the layers: the loops of layer_rows.h compiled for AVX-512, AVX2 and the
// baseline, chosen at run time, and spread over libtorch's threads.
#include "layer_kernels.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "bridge.h"
#include "layer_rows.h"
#include "parallel.h"
#include "row_kernels.h"

using namespace ct;
using at::Tensor;

namespace {

template <class T>
CT_INLINE void turn_heads(
    const T *x, const float *cosine, const float *sine, T *y, int64_t heads, int64_t stride,
    int64_t pairs, float sign) {
  for (int64_t h = 0; h < heads; h++)
    turn_pairs(x + h * stride, cosine, sine, y + h * 2 * pairs, pairs, sign);
}
CT_INLINE void exponentials(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = exponential(x[i]);
}

CT_INLINE void square_roots(const float *x, float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = __builtin_sqrtf(x[i]);
}

/// Calls `body` with a value of the tensor's element type.
template <class F>
void with_elements_of(const Tensor &t, const F &body) {
  if (t.scalar_type() == at::kFloat)
    body(float());
  else
    body(BFloat());
}

/// Rows are taken in blocks of a fixed number, so that sums over them do not depend on the threads.
int64_t rows_of_block(int64_t width) { return std::max<int64_t>(1, kGrainElements / width); }

/// Sums [blocks, n] over the blocks, in their order.
Tensor sum_of_blocks(const Tensor &partial) {
  int64_t blocks = partial.size(0), n = partial.size(1);
  Tensor sum = partial.new_empty({n});
  auto *from = elements<float>(partial);
  auto *to = mutable_elements<float>(sum);
  std::vector<double> total(static_cast<size_t>(n), 0.0);
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t i = 0; i < n; i++)
      total[static_cast<size_t>(i)] += static_cast<double>(from[b * n + i]);
  for (int64_t i = 0; i < n; i++) to[i] = static_cast<float>(total[static_cast<size_t>(i)]);
  return sum;
}

}  // namespace

bool ct::has_kernel(const Tensor &t) {
  return t.is_cpu() && t.numel() > 0 &&
         (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16);
}

std::tuple<Tensor, Tensor> ct::rms_norm_rows(const Tensor &x, const Tensor &w, double epsilon) {
  int64_t n = x.size(-1), rows = x.numel() / n;
  Tensor y = x.new_empty(x.sizes());
  Tensor roots = x.new_empty({rows}, x.options().dtype(at::kFloat));
  with_elements_of(x, [&](auto type) {
    using T = decltype(type);
    parallel_for(0, rows, kGrainElements / n, [&](int64_t b, int64_t e) {
      kernel<norm_rows<T>>()(
          elements<T>(x) + b * n, elements<float>(w), mutable_elements<T>(y) + b * n,
          mutable_elements<float>(roots) + b, e - b, n, static_cast<float>(epsilon));
    });
  });
  return {y, roots};
}

std::tuple<Tensor, Tensor> ct::rms_norm_gradients(
    const Tensor &dy, const Tensor &x, const Tensor &w, const Tensor &roots) {
  int64_t n = x.size(-1), rows = x.numel() / n, size = rows_of_block(n);
  int64_t blocks = (rows + size - 1) / size;
  Tensor dx = x.new_empty(x.sizes());
  Tensor partial = w.new_zeros({blocks, n});
  with_elements_of(x, [&](auto type) {
    using T = decltype(type);
    parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; block++) {
        int64_t b = block * size, e = std::min(rows, b + size);
        kernel<norm_gradient_rows<T>>()(
            elements<T>(dy) + b * n, elements<T>(x) + b * n, elements<float>(w),
            elements<float>(roots) + b, mutable_elements<T>(dx) + b * n,
            mutable_elements<float>(partial) + block * n, e - b, n);
      }
    });
  });
  return {dx, sum_of_blocks(partial)};
}

Tensor ct::swiglu_elements(const Tensor &gate, const Tensor &up) {
  Tensor y = gate.new_empty(gate.sizes());
  with_elements_of(gate, [&](auto type) {
    using T = decltype(type);
    parallel_for(0, gate.numel(), kGrainElements, [&](int64_t b, int64_t e) {
      kernel<gate_elements<T>>()(elements<T>(gate) + b, elements<T>(up) + b, mutable_elements<T>(y) + b, e - b);
    });
  });
  return y;
}

std::tuple<Tensor, Tensor> ct::swiglu_gradients(
    const Tensor &dy, const Tensor &gate, const Tensor &up) {
  Tensor dgate = gate.new_empty(gate.sizes()), dup = dgate.new_empty(dgate.sizes());
  with_elements_of(gate, [&](auto type) {
    using T = decltype(type);
    parallel_for(0, gate.numel(), kGrainElements, [&](int64_t b, int64_t e) {
      kernel<gate_gradient_elements<T>>()(
          elements<T>(dy) + b, elements<T>(gate) + b, elements<T>(up) + b,
          mutable_elements<T>(dgate) + b, mutable_elements<T>(dup) + b, e - b);
    });
  });
  return {dgate, dup};
}

Tensor ct::rotary_pairs(
    const Tensor &x, const Tensor &cosines, const Tensor &sines, float sign) {
  int64_t tokens = x.size(1), heads = x.size(2), width = x.size(3), pairs = width / 2;
  Tensor y = x.new_empty(x.sizes());
  int64_t batch_angles = cosines.size(0) == 1 ? 0 : tokens * pairs;
  with_elements_of(x, [&](auto type) {
    using T = decltype(type);
    int64_t count = x.size(0) * tokens, row = heads * width;
    parallel_for(0, count, kGrainElements / row, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; i++) {
        int64_t angle = (i / tokens) * batch_angles + (i % tokens) * pairs;
        kernel<turn_heads<T>>()(
            elements<T>(x) + (i / tokens) * x.stride(0) + (i % tokens) * x.stride(1),
            elements<float>(cosines) + angle, elements<float>(sines) + angle,
            mutable_elements<T>(y) + i * row, heads, x.stride(2), pairs, sign);
      }
    });
  });
  return y;
}

Tensor ct::cross_entropy_rows(
    const Tensor &logits, const Tensor &targets, int64_t ignore, float seed,
    const Tensor &gradients) {
  int64_t rows = logits.size(0), n = logits.size(1);
  auto *target = elements<int64_t>(targets);
  for (int64_t r = 0; r < rows; r++)
    TORCH_CHECK(
        target[r] == ignore || (target[r] >= 0 && target[r] < n), "target ", target[r],
        " of a vocabulary of ", n);
  std::vector<double> losses(static_cast<size_t>(rows), 0.0);
  with_elements_of(logits, [&](auto type) {
    using T = decltype(type);
    auto *to = gradients.defined() ? mutable_elements<T>(gradients) : nullptr;
    parallel_for(0, rows, kGrainElements / n, [&](int64_t b, int64_t e) {
      std::unique_ptr<float[]> terms(new float[static_cast<size_t>(n)]);
      for (int64_t r = b; r < e; r++) {
        auto *row = elements<T>(logits) + r * n;
        if (target[r] == ignore) {
          if (to) std::fill(to + r * n, to + (r + 1) * n, T());
          continue;
        }
        float largest = kernel<largest_of_row<T>>()(row, n);
        double sum = kernel<sum_of_exponentials<T>>()(row, terms.get(), largest, n);
        losses[static_cast<size_t>(r)] =
            std::log(sum) + static_cast<double>(largest) - static_cast<double>(widen(row[target[r]]));
        if (to) kernel<softmax_gradients<T>>()(terms.get(), sum, seed, target[r], to + r * n, n);
      }
    });
  });
  double total = 0;
  for (double loss : losses) total += loss;
  return logits.new_full({}, total, logits.options().dtype(at::kFloat));
}

Tensor ct::exponential_elements(const Tensor &x) {
  Tensor y = x.new_empty(x.sizes());
  parallel_for(0, x.numel(), kGrainElements, [&](int64_t b, int64_t e) {
    kernel<exponentials>()(elements<float>(x) + b, mutable_elements<float>(y) + b, e - b);
  });
  return y;
}

Tensor ct::square_root(const Tensor &given) {
  if (!given.is_cpu() || given.scalar_type() != at::kFloat || given.requires_grad())
    return given.sqrt();
  Tensor x = given.contiguous(), y = x.new_empty(x.sizes());
  parallel_for(0, x.numel(), kGrainElements, [&](int64_t b, int64_t e) {
    kernel<square_roots>()(elements<float>(x) + b, mutable_elements<float>(y) + b, e - b);
  });
  return y;
}
