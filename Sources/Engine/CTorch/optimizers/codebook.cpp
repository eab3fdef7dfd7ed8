// Making the codebooks. The arithmetic is the reference's, so that codes mean the same there.
#include "codebook.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace ct {
namespace {

/// n numbers from 0.1 to 1 evenly, counted from the nearer end and rounded once, as libtorch does.
std::vector<float> tenth_to_one(int n) {
  const float low = 0.1f, step = (1.0f - low) / static_cast<float>(n - 1);
  std::vector<float> out;
  for (int i = 0; i < n; i++) {
    double exact = i < n / 2 ? static_cast<double>(low) + static_cast<double>(step) * i
                             : 1.0 - static_cast<double>(step) * (n - 1 - i);
    out.push_back(static_cast<float>(exact));
  }
  return out;
}

std::vector<float> tree(bool is_signed) {
  std::vector<float> values{0.0f, 1.0f};
  const double powers[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0};
  for (int i = 0; i < 7; i++) {
    auto bounds = tenth_to_one((is_signed ? 1 << i : 2 << i) + 1);
    for (size_t k = 0; k + 1 < bounds.size(); k++) {
      float value = static_cast<float>(powers[i]) * ((bounds[k] + bounds[k + 1]) / 2.0f);
      values.push_back(value);
      if (is_signed) values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

/// The rule: the code below, or the one above from half the way on, in fp32.
int rounded(const float *values, float x) {
  int code = static_cast<int>(std::upper_bound(values, values + 256, x) - values) - 1;
  code = std::max(code, 0);
  int up = std::min(code + 1, 255);
  return x - values[code] >= (values[up] - values[code]) * 0.5f ? up : code;
}

/// Floats as integers in the same order.
int32_t ordered(float x) {
  int32_t bits = std::bit_cast<int32_t>(x);
  return bits < 0 ? static_cast<int32_t>(0x80000000u - static_cast<uint32_t>(bits)) : bits;
}
float from_ordered(int32_t key) {
  return std::bit_cast<float>(
      key < 0 ? static_cast<int32_t>(0x80000000u - static_cast<uint32_t>(key)) : key);
}

/// Between two neighbours the rule is monotonic: its step is found by halving.
float threshold(const float *values, int code) {
  int32_t low = ordered(values[code]), high = ordered(values[code + 1]);
  while (high - low > 1) {
    int32_t middle = low + (high - low) / 2;
    (rounded(values, from_ordered(middle)) > code ? high : low) = middle;
  }
  return from_ordered(high);
}

Codebook made(bool is_signed) {
  Codebook book;
  auto values = tree(is_signed);
  TORCH_CHECK(values.size() == 256, "a codebook of ", values.size(), " numbers");
  std::copy(values.begin(), values.end(), book.values);
  for (int code = 0; code < 255; code++) book.thresholds[code] = threshold(book.values, code);
  book.thresholds[255] = std::numeric_limits<float>::infinity();
  for (uint32_t upper = 0; upper < 1 << 16; upper++) {
    // Of negative numbers the one with the most lower bits is the least.
    float least = std::bit_cast<float>(upper << 16 | (upper >> 15 ? 0xffffu : 0u));
    auto *end = book.thresholds + 255;
    book.first[upper] = std::isnan(least) ? 0
                                          : static_cast<uint8_t>(std::upper_bound(
                                                book.thresholds, end, least) - book.thresholds);
  }
  return book;
}

}  // namespace

const Codebook &Codebook::of(bool is_signed) {
  static const Codebook with_sign = made(true), without = made(false);
  return is_signed ? with_sign : without;
}

}  // namespace ct
