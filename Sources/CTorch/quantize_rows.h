// The quantization formulas for one row or one group, element by element, as plain loops that the
// compiler vectorizes. `T` is the tensor's own element type (float, BFloat): `round_to<T>` rounds
// after an operation exactly where the reference, working in T, does.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace ct {

constexpr float kLeastScale = 1.1920928955078125e-07f;

#define CT_INLINE __attribute__((always_inline)) inline

/// bfloat16 as its bits, converted by plain functions: clang does not emit constructors that only
/// cloned functions use.
struct BFloat {
  uint16_t bits;
};
/// Stands for fp16 where a scale is rounded to it.
struct HalfPrecision {};
float round_to_half(float v);

CT_INLINE float widen(float v) { return v; }
CT_INLINE float widen(BFloat b) {
  uint32_t u = static_cast<uint32_t>(b.bits) << 16;
  float v;
  std::memcpy(&v, &u, 4);
  return v;
}
template <class T>
CT_INLINE T narrow(float v) {
  return v;
}
template <>
CT_INLINE BFloat narrow<BFloat>(float v) {
  uint32_t u;
  std::memcpy(&u, &v, 4);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;  // to nearest, halves to even
  return {static_cast<uint16_t>(v != v ? 0x7fc0u : rounded)};
}
template <class T>
CT_INLINE float round_to(float v) {
  return widen(narrow<T>(v));
}
template <>
CT_INLINE float round_to<HalfPrecision>(float v) {
  return round_to_half(v);
}

struct RowScale {
  float scale, zero_point;
};

/// Asymmetric int8 of a row: its scale and zero point.
template <class T>
CT_INLINE RowScale row_scale(const T *__restrict x, int64_t n) {
  float low = 0, high = 0, nan = 0;
  for (int64_t i = 0; i < n; i++) {
    float v = widen(x[i]);
    low = v < low ? v : low;
    high = v > high ? v : high;
    nan = v != v ? v : nan;  // min and max of libtorch hand a NaN on
  }
  low += nan;
  high += nan;
  float scale = round_to<T>(round_to<T>(high - low) / 255.0f);
  scale = scale < kLeastScale ? kLeastScale : scale;
  float at_low = round_to<T>(low / scale), at_high = round_to<T>(high / scale);
  float balance = round_to<T>(round_to<T>(at_low + -128.0f) + round_to<T>(at_high + 127.0f));
  float zp = balance > 0 ? round_to<T>(-128.0f - at_low) : round_to<T>(127.0f - at_high);
  zp = zp < -128.0f ? -128.0f : (zp > 127.0f ? 127.0f : zp);
  return {scale, std::nearbyint(zp)};
}

CT_INLINE float token_code(float v, float inverse, float zero_point) {
  float q = __builtin_nearbyintf(v * inverse) + zero_point;
  q = q < -128.0f ? -128.0f : q;
  return q > 127.0f ? 127.0f : q;
}

template <class T>
CT_INLINE void fake_quantize_row(const T *__restrict x, T *__restrict y, int64_t n) {
  RowScale s = row_scale(x, n);
  float inverse = 1.0f / s.scale;
  for (int64_t i = 0; i < n; i++)
    y[i] = narrow<T>(
        (token_code(widen(x[i]), inverse, s.zero_point) - s.zero_point) * s.scale);
}

CT_INLINE int8_t as_code(float q) { return q == q ? static_cast<int8_t>(q) : int8_t(0); }

template <class T>
CT_INLINE void quantize_row(
    const T *__restrict x, int8_t *__restrict q, float *scale, float *zero_point, int64_t n) {
  RowScale s = row_scale(x, n);
  float inverse = 1.0f / s.scale;
  for (int64_t i = 0; i < n; i++)
    q[i] = as_code(token_code(widen(x[i]), inverse, s.zero_point));
  *scale = s.scale;
  *zero_point = s.zero_point;
}

/// Symmetric codes of a group: `half` is 2^(bits-1); S is the dtype that holds the scale.
template <class T, class S>
CT_INLINE float group_scale(const T *__restrict w, int64_t n, float half) {
  float largest = 0, nan = 0;
  for (int64_t i = 0; i < n; i++) {
    float v = __builtin_fabsf(widen(w[i]));
    largest = v > largest ? v : largest;
    nan = v != v ? v : nan;
  }
  largest += nan;
  float scale = round_to<T>(largest / (half - 0.5f));
  scale = scale < kLeastScale ? kLeastScale : scale;
  return round_to<S>(scale);
}

CT_INLINE float group_code(float v, float inverse, float half) {
  float q = __builtin_nearbyintf(v * inverse);
  q = q < -half ? -half : q;
  return q > half - 1 ? half - 1 : q;
}

template <class T, class S>
CT_INLINE void fake_quantize_groups(
    const T *__restrict w, T *__restrict y, int64_t groups, int64_t group, float half) {
  for (int64_t g = 0; g < groups; g++, w += group, y += group) {
    float scale = group_scale<T, S>(w, group, half), inverse = 1.0f / scale;
    for (int64_t i = 0; i < group; i++)
      y[i] = narrow<T>(group_code(widen(w[i]), inverse, half) * scale);
  }
}

template <class T, class S>
CT_INLINE void quantize_groups(
    const T *__restrict w, int8_t *__restrict q, float *__restrict scales, int64_t groups,
    int64_t group, float half) {
  for (int64_t g = 0; g < groups; g++, w += group, q += group) {
    float scale = group_scale<T, S>(w, group, half), inverse = 1.0f / scale;
    for (int64_t i = 0; i < group; i++)
      q[i] = as_code(group_code(widen(w[i]), inverse, half));
    scales[g] = scale;
  }
}

template <class T>
CT_INLINE void dequantize_groups(
    const int8_t *__restrict q, const float *__restrict scales, T *__restrict y, int64_t groups,
    int64_t group) {
  for (int64_t g = 0; g < groups; g++, q += group, y += group) {
    float scale = scales[g];
    for (int64_t i = 0; i < group; i++)
      y[i] = narrow<T>(static_cast<float>(q[i]) * scale);
  }
}

}  // namespace ct
