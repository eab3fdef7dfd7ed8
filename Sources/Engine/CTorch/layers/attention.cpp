// Attention with grouped key and value heads, of whole rows or of each sample in packed ones.
// libtorch's flash kernel for the CPU takes fewer key heads than query heads as they are; elsewhere
// they are repeated. Packed samples go through it one by one, on views: no mask, no copies of
// what is kept.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "bridge.h"
#include "clayers.h"
#include "differentiable.h"
#include "layer_kernels.h"
#include "products.h"

using namespace ct;
using at::Tensor;

namespace {

/// Rows `first` ..< `first` + `rows` of the batch, tokens `start` ..< `start` + `length`.
struct Stretch {
  int64_t first, rows, start, length;
  Tensor of(const Tensor &t) const { return t.narrow(0, first, rows).narrow(2, start, length); }
};

std::vector<Stretch> stretches_of(at::IntArrayRef lengths, const Tensor &q) {
  int64_t batch = q.size(0), tokens = q.size(2), row = 0, start = 0;
  if (lengths.empty()) return {{0, batch, 0, tokens}};
  std::vector<Stretch> found;
  for (int64_t length : lengths) {
    TORCH_CHECK(
        row < batch && length > 0 && length <= tokens - start, "a sample of ", length,
        " tokens does not fit into its row of ", tokens);
    found.push_back({row, 1, start, length});
    start += length;
    if (start == tokens) {
      row++;
      start = 0;
    }
  }
  TORCH_CHECK(row == batch, "samples for ", row, " of ", batch, " rows");
  return found;
}

/// In fp32 where bf16 has no fast product: the kernel's would take five times as long.
std::tuple<Tensor, Tensor, Tensor> flash_gradients(
    const Tensor &dy, const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &y,
    const Tensor &roots, bool causal, std::optional<double> scale) {
  auto run = [&](auto &&seen) {
    return at::_scaled_dot_product_flash_attention_for_cpu_backward(
        seen(dy), seen(q), seen(k), seen(v), seen(y), roots, 0.0, causal, {}, scale);
  };
  if (!lacks_product(q)) return run([](const Tensor &t) -> const Tensor & { return t; });
  auto [dq, dk, dv] = run([](const Tensor &t) { return t.to(at::kFloat); });
  auto type = q.scalar_type();
  return {dq.to(type), dk.to(type), dv.to(type)};
}

Tensors flash_backward(
    const BackwardPass &pass, bool causal, std::optional<double> scale,
    const std::vector<int64_t> &lengths) {
  const Tensor &q = pass.kept[0], &k = pass.kept[1], &v = pass.kept[2], &y = pass.kept[3];
  const Tensor &roots = pass.kept[4], &dy = pass.gradients[0];
  if (lengths.empty()) {
    auto [dq, dk, dv] = flash_gradients(dy, q, k, v, y, roots, causal, scale);
    return {dq, dk, dv};
  }
  auto like = [](const Tensor &t) {
    return at::empty({t.size(0), t.size(2), t.size(1), t.size(3)}, t.options()).transpose(1, 2);
  };
  Tensor dq = like(q), dk = like(k), dv = like(v);
  for (auto &s : stretches_of(lengths, q)) {
    auto [a, b, c] =
        flash_gradients(
            s.of(dy), s.of(q), s.of(k), s.of(v), s.of(y), s.of(roots), causal, scale);
    s.of(dq).copy_(a);
    s.of(dk).copy_(b);
    s.of(dv).copy_(c);
  }
  return {dq, dk, dv};
}

ForwardPass flash_forward(
    const Tensor &q, const Tensor &k, const Tensor &v, bool causal, std::optional<double> scale,
    const std::vector<int64_t> &lengths) {
  auto stretches = stretches_of(lengths, q);
  Tensor y, roots;  // roots: log of the softmax's sum, a query
  if (lengths.empty()) {
    std::tie(y, roots) =
        at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, {}, scale);
  } else {
    y = at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2);
    roots = at::empty({q.size(0), q.size(2), q.size(1)}, q.options().dtype(at::kFloat))
                .transpose(1, 2);
    for (auto &s : stretches) {
      auto [part, part_roots] = at::_scaled_dot_product_flash_attention_for_cpu(
          s.of(q), s.of(k), s.of(v), 0.0, causal, {}, scale);
      s.of(y).copy_(part);
      s.of(roots).copy_(part_roots);
    }
  }
  return {{y}, {q, k, v, y, roots}, [=](const BackwardPass &pass) {
            return flash_backward(pass, causal, scale, lengths);
          }};
}

/// The flash kernel of 2.13 takes grouped heads; an earlier one is not known to.
bool has_flash(const Tensor &q, const Tensor &k, const Tensor &v) {
  bool takes_groups = TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 13;
  auto rows = [](const Tensor &t) { return t.stride(3) == 1; };
  return has_kernel(q) && (takes_groups || q.size(1) == k.size(1)) && rows(q) && rows(k) && rows(v);
}

Tensor repeated(const Tensor &t, int64_t times) {
  if (times == 1) return t;
  return t.unsqueeze(2)
      .expand({t.size(0), t.size(1), times, t.size(2), t.size(3)})
      .flatten(1, 2);
}

/// What is left of the rule for one stretch of tokens.
struct Rule {
  std::optional<double> scale;
  double cap;
  int64_t window;
};

/// Which of the last `tokens` of `seen` tokens attends to which: [tokens, seen].
Tensor reach(const Tensor &q, int64_t tokens, int64_t seen, int64_t window) {
  int64_t before = seen - tokens;
  Tensor mask = at::ones({tokens, seen}, q.options().dtype(at::kBool)).tril_(before);
  return window > 0 ? mask.triu_(before - window + 1) : mask;
}

/// Scores as a tensor, which the flash kernel does not bound.
Tensor capped_attention(
    const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &mask, const Rule &rule) {
  double scale = rule.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
  Tensor scores = at::matmul(q, k.transpose(2, 3)) * scale;
  scores = at::tanh(scores / rule.cap) * rule.cap;
  if (mask.defined())
    scores = scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
  auto wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::matmul(at::softmax(scores, -1, wide).to(q.scalar_type()), v);
}

/// Causal attention of the last tokens, with as many key heads as query heads, by libtorch's operations.
Tensor masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Rule &rule) {
  int64_t tokens = q.size(2), seen = k.size(2);
  if (tokens == 1 && rule.window > 0 && seen > rule.window) {
    auto last = [&](const Tensor &t) { return t.narrow(2, seen - rule.window, rule.window); };
    return masked_attention(q, last(k), last(v), {rule.scale, rule.cap, 0});
  }
  bool cuts = rule.window > 0 && seen > rule.window;
  bool plain = !cuts && (tokens == seen || tokens == 1);
  if (rule.cap > 0) {
    Tensor mask = tokens == 1 ? Tensor() : reach(q, tokens, seen, cuts ? rule.window : 0);
    return capped_attention(q, k, v, mask, rule);
  }
  if (plain)
    return at::scaled_dot_product_attention(q, k, v, {}, 0.0, tokens > 1, rule.scale);
  Tensor mask = reach(q, tokens, seen, cuts ? rule.window : 0);
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, false, rule.scale);
}

Tensor attention(
    const Tensor &q, const Tensor &k, const Tensor &v, ct_attention_rule given,
    at::IntArrayRef lengths) {
  TORCH_CHECK(
      q.dim() == 4 && k.dim() == 4 && k.sizes() == v.sizes() && k.size(1) > 0 &&
          q.size(1) % k.size(1) == 0 && q.size(0) == k.size(0) && q.size(3) == k.size(3) &&
          q.size(2) <= k.size(2) && (lengths.empty() || q.size(2) == k.size(2)),
      "attention of ", q.sizes(), " to ", k.sizes(), " and ", v.sizes());
  Rule rule{
      given.scale == 0 ? std::nullopt : std::optional<double>(given.scale), given.cap,
      given.window};
  int64_t longest = lengths.empty() ? k.size(2) : *std::max_element(lengths.begin(), lengths.end());
  bool is_plain = rule.cap == 0 && (rule.window == 0 || longest <= rule.window);
  // Causal queries of the last tokens only: no kernel's own rule, so they take a mask.
  bool continues = q.size(2) > 1 && q.size(2) < k.size(2);
  if (is_plain && !continues && has_flash(q, k, v))
    return differentiable({q, k, v}, [&] {
      return flash_forward(q, k, v, q.size(2) > 1, rule.scale, lengths.vec());
    })[0];
  int64_t times = q.size(1) / k.size(1);
  Tensor keys = repeated(k, times), values = repeated(v, times);
  if (lengths.empty()) return masked_attention(q, keys, values, rule);
  // Parts of a row are joined first, then the rows.
  std::vector<Tensor> rows, row;
  for (auto &s : stretches_of(lengths, q)) {
    row.push_back(masked_attention(s.of(q), s.of(keys), s.of(values), rule));
    if (s.start + s.length < q.size(2)) continue;
    rows.push_back(at::cat(row, 2));
    row.clear();
  }
  return at::cat(rows, 0);
}

}  // namespace

extern "C" {

ct_tensor ct_grouped_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_attention_rule rule) {
  return tensor_or_null(
      [&] { return attention(Borrowed(q), Borrowed(k), Borrowed(v), rule, {}); });
}
ct_tensor ct_packed_attention(
    ct_tensor q, ct_tensor k, ct_tensor v, ct_attention_rule rule, const int64_t *lengths,
    int32_t count) {
  return tensor_or_null([&] {
    TORCH_CHECK(count > 0, "packed rows without samples");
    return attention(
        Borrowed(q), Borrowed(k), Borrowed(v), rule, sizes_of(lengths, count));
  });
}

}  // extern "C"
