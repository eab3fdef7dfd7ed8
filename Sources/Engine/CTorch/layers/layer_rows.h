// The layers between the products, row by row, as plain loops that the compiler vectorizes.
// Everything is computed in fp32 and rounded once, on the way out. Sums go through a fixed number
// of lanes in a fixed order, and nothing is contracted, so that every instruction set gives the
// same bits.
//
// `T` is the tensors' element type (float, BFloat).
#pragma once
#include <cstring>

#include "quantize_rows.h"

namespace ct {

constexpr int kSumLanes = 16;
constexpr float kInfinity = __builtin_inff();

CT_INLINE float sum_of_lanes(const float *lanes) {
  float half[8];
  for (int l = 0; l < 8; l++) half[l] = lanes[l] + lanes[l + 8];
  return ((half[0] + half[4]) + (half[2] + half[6])) + ((half[1] + half[5]) + (half[3] + half[7]));
}

CT_INLINE float from_bits(uint32_t u) {
  float v;
  std::memcpy(&v, &u, 4);
  return v;
}

/// e^x within an ulp, denormal results included; NaN is handed on.
///
/// x = n ln 2 + r; a polynomial gives e^r, and 2^n is multiplied on in two parts, so that neither
/// overflows. Adding and taking 1.5 * 2^23 rounds to an integer without a library call.
CT_INLINE float exponential(float x) {
  constexpr float rounder = 12582912.0f;
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  float shifted = c * 1.44269504f + rounder;
  float n = shifted - rounder;
  float r = (c - n * 0.693359375f) - n * -2.12194440e-4f;
  float q = 0.0013813144f;
  q = q * r + 0.008369419f;
  q = q * r + 0.041668456f;
  q = q * r + 0.16666515f;
  q = q * r + 0.49999994f;
  float p = ((q * r) * r + r) + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, 4);
  int32_t exponent = static_cast<int32_t>(bits) - 0x4B400000;
  int32_t half = exponent >> 1;
  float first = from_bits(static_cast<uint32_t>(half + 127) << 23);
  float second = from_bits(static_cast<uint32_t>(exponent - half + 127) << 23);
  return (p * first) * second;
}

// --- RMS norm: y = x root w with root = 1 / sqrt(mean(x^2) + epsilon)

template <class T>
CT_INLINE float norm_root(const T *__restrict x, int64_t n, float epsilon) {
  float lanes[kSumLanes] = {};
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes)
    for (int l = 0; l < kSumLanes; l++) {
      float v = widen(x[i + l]);
      lanes[l] += v * v;
    }
  for (int l = 0; i < n; i++, l++) {
    float v = widen(x[i]);
    lanes[l] += v * v;
  }
  return 1.0f / __builtin_sqrtf(sum_of_lanes(lanes) / static_cast<float>(n) + epsilon);
}

template <class T>
CT_INLINE void norm_rows(
    const T *__restrict x, const float *__restrict w, T *__restrict y, float *__restrict roots,
    int64_t rows, int64_t n, float epsilon) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    float root = norm_root(x, n, epsilon);
    for (int64_t i = 0; i < n; i++) y[i] = narrow<T>((widen(x[i]) * root) * w[i]);
    roots[r] = root;
  }
}

/// Gradients at x; those at the weight are added up in `dw` [n].
template <class T>
CT_INLINE void norm_gradient_rows(
    const T *__restrict dy, const T *__restrict x, const float *__restrict w,
    const float *__restrict roots, T *__restrict dx, float *__restrict dw, int64_t rows,
    int64_t n) {
  for (int64_t r = 0; r < rows; r++, dy += n, x += n, dx += n) {
    float root = roots[r];
    float lanes[kSumLanes] = {};
    int64_t i = 0;
    for (; i + kSumLanes <= n; i += kSumLanes)
      for (int l = 0; l < kSumLanes; l++)
        lanes[l] += (widen(dy[i + l]) * w[i + l]) * (widen(x[i + l]) * root);
    for (int l = 0; i < n; i++, l++) lanes[l] += (widen(dy[i]) * w[i]) * (widen(x[i]) * root);
    float mean = sum_of_lanes(lanes) / static_cast<float>(n);
    for (int64_t j = 0; j < n; j++) {
      float d = widen(dy[j]), unit = widen(x[j]) * root;
      dx[j] = narrow<T>(root * (d * w[j] - unit * mean));
      dw[j] += d * unit;
    }
  }
}

// --- SwiGLU: y = g sigmoid(g) u

CT_INLINE float sigmoid(float g) { return 1.0f / (1.0f + exponential(-g)); }

template <class T>
CT_INLINE void gate_elements(
    const T *__restrict gate, const T *__restrict up, T *__restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float g = widen(gate[i]);
    y[i] = narrow<T>((g / (1.0f + exponential(-g))) * widen(up[i]));
  }
}

template <class T>
CT_INLINE void gate_gradient_elements(
    const T *__restrict dy, const T *__restrict gate, const T *__restrict up, T *__restrict dgate,
    T *__restrict dup, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float d = widen(dy[i]), g = widen(gate[i]), s = sigmoid(g);
    dup[i] = narrow<T>(d * (g * s));
    dgate[i] = narrow<T>((d * widen(up[i])) * (s * (1.0f + g * (1.0f - s))));
  }
}

// --- Rotary embedding: each pair (a, b) rotated by an angle; sign -1 rotates back

template <class T>
CT_INLINE void turn_pairs(
    const T *__restrict x, const float *__restrict cosine, const float *__restrict sine,
    T *__restrict y, int64_t pairs, float sign) {
  for (int64_t i = 0; i < pairs; i++) {
    float a = widen(x[2 * i]), b = widen(x[2 * i + 1]), s = sign * sine[i];
    y[2 * i] = narrow<T>(a * cosine[i] - b * s);
    y[2 * i + 1] = narrow<T>(b * cosine[i] + a * s);
  }
}

// --- Cross entropy of a row of logits

template <class T>
CT_INLINE float largest_of_row(const T *__restrict x, int64_t n) {
  float lanes[kSumLanes];
  for (int l = 0; l < kSumLanes; l++) lanes[l] = -kInfinity;
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes)
    for (int l = 0; l < kSumLanes; l++) {
      float v = widen(x[i + l]);
      lanes[l] = v > lanes[l] ? v : lanes[l];
    }
  for (int l = 0; i < n; i++, l++) {
    float v = widen(x[i]);
    lanes[l] = v > lanes[l] ? v : lanes[l];
  }
  float largest = lanes[0];
  for (int l = 1; l < kSumLanes; l++) largest = lanes[l] > largest ? lanes[l] : largest;
  return largest;
}

/// The sum of e^(x - largest), its terms in `terms`; a NaN in the row makes it NaN. Lanes are emptied
/// into an fp64 sum now and then: long rows keep their accuracy.
template <class T>
CT_INLINE double sum_of_exponentials(
    const T *__restrict x, float *__restrict terms, float largest, int64_t n) {
  constexpr int64_t stretch = 64 * kSumLanes;
  double sum = 0;
  for (int64_t start = 0; start < n; start += stretch) {
    int64_t end = n - start < stretch ? n : start + stretch;
    for (int64_t i = start; i < end; i++) terms[i] = exponential(widen(x[i]) - largest);
    float lanes[kSumLanes] = {};
    int64_t i = start;
    for (; i + kSumLanes <= end; i += kSumLanes)
      for (int l = 0; l < kSumLanes; l++) lanes[l] += terms[i + l];
    for (int l = 0; i < end; i++, l++) lanes[l] += terms[i];
    sum += static_cast<double>(sum_of_lanes(lanes));
  }
  return sum;
}

/// (softmax - one at the target) * seed, from the terms and their sum.
template <class T>
CT_INLINE void softmax_gradients(
    const float *__restrict terms, double sum, float seed, int64_t target, T *__restrict gradients,
    int64_t n) {
  float inverse = static_cast<float>(1.0 / sum);
  for (int64_t i = 0; i < n; i++) gradients[i] = narrow<T>((terms[i] * inverse) * seed);
  gradients[target] = narrow<T>((terms[target] * inverse - 1.0f) * seed);
}

}  // namespace ct
