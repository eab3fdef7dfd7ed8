// The quantization formulas for one row or one group, sixteen numbers at a time in vectors of the
// compiler's, which it makes of what the processor has; the rest of a row number by number. `T` is the
// tensor's own element type (float, BFloat): `round_to<T>` rounds after an operation exactly where the
// reference, working in T, does.
#pragma once
#include <cstdint>
#include <cstring>

namespace ct {

constexpr float kLeastScale = 1.1920928955078125e-07f;

#define CT_INLINE __attribute__((always_inline)) inline
#define CT_INLINE_LAMBDA __attribute__((always_inline))

/// bfloat16 as its bits, converted by plain functions: clang does not emit constructors that only
/// cloned functions use.
struct BFloat {
  uint16_t bits;
};
/// Stands for fp16 where a scale is rounded to it.
struct HalfPrecision {};
float round_to_half(float v);
/// Stands for a scale that fp32, bf16 and fp16 all hold.
struct Portable {};

CT_INLINE float widen(float v) { return v; }
CT_INLINE float widen(BFloat b) {
  uint32_t u = static_cast<uint32_t>(b.bits) << 16;
  float v;
  std::memcpy(&v, &u, 4);
  return v;
}
CT_INLINE float widen(int8_t v) { return static_cast<float>(v); }
CT_INLINE float widen(uint8_t v) { return static_cast<float>(v); }
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
template <>
CT_INLINE float round_to<Portable>(float v) {
  float size = round_to<BFloat>(__builtin_fabsf(v));  // a NaN stays one
  size = size < 0x1p-14f ? 0x1p-14f : size;
  size = size > 8160.0f ? 8160.0f : size;
  return v < 0 ? -size : size;
}

// Vectors are handed to functions that are always inlined: no calling convention is involved.
#pragma clang diagnostic ignored "-Wpsabi"

/// Sixteen numbers. Smallest and largest need lanes of their own: a compiler may not reorder a chain.
constexpr int64_t kLanes = 16;
typedef float Lanes __attribute__((ext_vector_type(16)));
typedef int32_t IntegerLanes __attribute__((ext_vector_type(16)));
typedef uint32_t BitLanes __attribute__((ext_vector_type(16)));
typedef uint16_t HalfLanes __attribute__((ext_vector_type(16)));
typedef int16_t ShortLanes __attribute__((ext_vector_type(16)));
typedef uint8_t ByteLanes __attribute__((ext_vector_type(16)));
typedef int8_t SignedByteLanes __attribute__((ext_vector_type(16)));

CT_INLINE Lanes lanes_at(const float *p) {
  Lanes v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CT_INLINE Lanes lanes_at(const BFloat *p) {
  HalfLanes h;
  __builtin_memcpy(&h, p, sizeof h);
  return __builtin_bit_cast(Lanes, __builtin_convertvector(h, BitLanes) << 16);
}
CT_INLINE Lanes lanes_at(const uint8_t *p) {
  ByteLanes b;
  __builtin_memcpy(&b, p, sizeof b);
  return __builtin_convertvector(__builtin_convertvector(b, IntegerLanes), Lanes);
}
CT_INLINE Lanes lanes_at(const int8_t *p) {
  SignedByteLanes b;
  __builtin_memcpy(&b, p, sizeof b);
  return __builtin_convertvector(__builtin_convertvector(b, IntegerLanes), Lanes);
}
CT_INLINE void put(float *p, Lanes v) { __builtin_memcpy(p, &v, sizeof v); }
CT_INLINE BitLanes bfloat_bits(Lanes v) {
  BitLanes u = __builtin_bit_cast(BitLanes, v);
  BitLanes rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return v != v ? BitLanes(0x7fc0u) : rounded;
}
CT_INLINE void put(BFloat *p, Lanes v) {
  HalfLanes h = __builtin_convertvector(bfloat_bits(v), HalfLanes);
  __builtin_memcpy(p, &h, sizeof h);
}
/// Numbers known to be numbers are stored without asking.
CT_INLINE void put_finite(float *p, Lanes v) { put(p, v); }
CT_INLINE void put_finite(BFloat *p, Lanes v) {
  BitLanes u = __builtin_bit_cast(BitLanes, v);
  HalfLanes h = __builtin_convertvector((u + 0x7fffu + ((u >> 16) & 1u)) >> 16, HalfLanes);
  __builtin_memcpy(p, &h, sizeof h);
}
/// As integers that fit into a byte; what is not a number becomes 0.
CT_INLINE void put(uint8_t *p, Lanes v) {
  ByteLanes b = __builtin_convertvector(
      __builtin_convertvector(v == v ? v : Lanes(0.0f), IntegerLanes), ByteLanes);
  __builtin_memcpy(p, &b, sizeof b);
}
CT_INLINE void put(int8_t *p, Lanes v) { put(reinterpret_cast<uint8_t *>(p), v); }

CT_INLINE void put_one(float *p, float v) { *p = v; }
CT_INLINE void put_one(BFloat *p, float v) { *p = narrow<BFloat>(v); }
CT_INLINE void put_one(uint8_t *p, float v) { *p = v == v ? static_cast<uint8_t>(v) : uint8_t(0); }
CT_INLINE void put_one(int8_t *p, float v) { *p = v == v ? static_cast<int8_t>(v) : int8_t(0); }

/// Rounded as `round_to` does, for vectors too.
template <class T>
CT_INLINE float rounded(float v) {
  return round_to<T>(v);
}
template <class T>
CT_INLINE Lanes rounded(Lanes v) {
  if constexpr (sizeof(T) == 4) return v;
  return __builtin_bit_cast(Lanes, bfloat_bits(v) << 16);
}

/// y = f(x) over a row; `f` is written once for vectors and for numbers.
template <class T, class U, class F>
CT_INLINE void map_row(const T *__restrict x, U *__restrict y, int64_t n, const F &f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) put(y + i, f(lanes_at(x + i)));
  for (; i < n; i++) put_one(y + i, f(widen(x[i])));
}

/// `map_row` where all of f(x) are numbers.
template <class T, class U, class F>
CT_INLINE void map_finite_row(const T *__restrict x, U *__restrict y, int64_t n, const F &f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) put_finite(y + i, f(lanes_at(x + i)));
  for (; i < n; i++) put_one(y + i, f(widen(x[i])));
}
CT_INLINE bool is_finite(float v) { return v - v == 0; }

// The same words for vectors and numbers. A NaN goes through `clamp`.
CT_INLINE Lanes nearest(Lanes v) { return __builtin_elementwise_roundeven(v); }
CT_INLINE float nearest(float v) { return __builtin_nearbyintf(v); }
template <class V>
CT_INLINE V clamp(V q, float low, float high) {
  q = q < low ? V(low) : q;
  return q > high ? V(high) : q;
}

struct RowScale {
  float scale, zero_point;
};

/// The smallest and the largest number of a row and 0, both NaN where one of them is.
struct Extent {
  float low, high;
};
CT_INLINE Extent extent(const float *__restrict x, int64_t n) {
  Lanes lows = 0.0f, highs = 0.0f, nans = 0.0f;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes v = lanes_at(x + i);
    lows = v < lows ? v : lows;
    highs = v > highs ? v : highs;
    nans = v != v ? v : nans;  // min and max of libtorch hand a NaN on
  }
  float low = 0, high = 0, nan = 0;
  for (int l = 0; l < kLanes; l++) {
    low = lows[l] < low ? lows[l] : low;
    high = highs[l] > high ? highs[l] : high;
    nan += nans[l];
  }
  for (; i < n; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    nan = x[i] != x[i] ? x[i] : nan;
  }
  return {low + nan, high + nan};
}
/// As integers, without being widened: with the other bits of negative numbers turned round, bfloat16's
/// bits stand in the order of the numbers, and NaNs beyond the infinities at both ends.
CT_INLINE Extent extent(const BFloat *__restrict x, int64_t n) {
  ShortLanes lows = 0, highs = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    ShortLanes v;
    __builtin_memcpy(&v, x + i, sizeof v);
    v ^= (v >> 15) & 0x7fff;
    lows = __builtin_elementwise_min(lows, v);
    highs = __builtin_elementwise_max(highs, v);
  }
  int16_t low = 0, high = 0;
  const auto take = [&](int16_t v) CT_INLINE_LAMBDA {
    low = v < low ? v : low;
    high = v > high ? v : high;
  };
  for (int l = 0; l < kLanes; l++) take(lows[l]), take(highs[l]);
  for (; i < n; i++) {
    const auto v = static_cast<int16_t>(x[i].bits);
    take(static_cast<int16_t>(v ^ ((v >> 15) & 0x7fff)));
  }
  const auto number = [](int16_t v) CT_INLINE_LAMBDA {
    return widen(BFloat{static_cast<uint16_t>(v ^ ((v >> 15) & 0x7fff))});
  };
  // Infinities of both signs are numbers; a NaN at one end is handed on to the other.
  constexpr int16_t kInfinity = 0x7f80;
  if (high > kInfinity) return {number(high), number(high)};
  if (low < ~kInfinity) return {number(low), number(low)};
  return {number(low), number(high)};
}

/// Asymmetric int8 of a row: its scale and zero point.
template <class T>
CT_INLINE RowScale row_scale(const T *__restrict x, int64_t n) {
  const auto [low, high] = extent(x, n);
  float scale = round_to<T>(round_to<T>(high - low) / 255.0f);
  scale = scale < kLeastScale ? kLeastScale : scale;
  float at_low = round_to<T>(low / scale), at_high = round_to<T>(high / scale);
  float balance = round_to<T>(round_to<T>(at_low + -128.0f) + round_to<T>(at_high + 127.0f));
  float zp = balance > 0 ? round_to<T>(-128.0f - at_low) : round_to<T>(127.0f - at_high);
  return {scale, __builtin_nearbyintf(clamp(zp, -128.0f, 127.0f))};
}

template <class V>
CT_INLINE V token_code(V v, float inverse, float zero_point) {
  return clamp(nearest(v * inverse) + zero_point, -128.0f, 127.0f);
}

template <class T>
CT_INLINE void fake_quantize_row(const T *__restrict x, T *__restrict y, int64_t n) {
  RowScale s = row_scale(x, n);
  float inverse = 1.0f / s.scale;
  const auto number = [=](auto v) CT_INLINE_LAMBDA {
    return (token_code(v, inverse, s.zero_point) - s.zero_point) * s.scale;
  };
  // A finite scale means a finite row.
  if (is_finite(s.scale)) map_finite_row(x, y, n, number);
  else map_row(x, y, n, number);
}

template <class T>
CT_INLINE void quantize_row(
    const T *__restrict x, int8_t *__restrict q, float *scale, float *zero_point, int64_t n) {
  RowScale s = row_scale(x, n);
  float inverse = 1.0f / s.scale;
  map_row(x, q, n, [=](auto v) CT_INLINE_LAMBDA { return token_code(v, inverse, s.zero_point); });
  *scale = s.scale;
  *zero_point = s.zero_point;
}

/// The same codes plus 128, as the integer product takes them, and the zero point plus 128.
template <class T>
CT_INLINE void code_row(
    const T *__restrict x, uint8_t *__restrict u, float *scale, int32_t *offset, int64_t n) {
  RowScale s = row_scale(x, n);
  float inverse = 1.0f / s.scale;
  map_row(x, u, n, [=](auto v) CT_INLINE_LAMBDA {
    return token_code(v, inverse, s.zero_point) + 128.0f;
  });
  *scale = s.scale;
  *offset = s.zero_point == s.zero_point ? static_cast<int32_t>(s.zero_point) + 128 : 0;
}

/// The largest magnitude of a group; NaN where one of its numbers is.
CT_INLINE float largest_magnitude(const float *__restrict w, int64_t n) {
  Lanes most = 0.0f, nans = 0.0f;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Lanes v = __builtin_elementwise_abs(lanes_at(w + i));
    most = v > most ? v : most;
    nans = v != v ? v : nans;
  }
  float largest = 0, nan = 0;
  for (int l = 0; l < kLanes; l++) {
    largest = most[l] > largest ? most[l] : largest;
    nan += nans[l];
  }
  for (; i < n; i++) {
    float v = __builtin_fabsf(w[i]);
    largest = v > largest ? v : largest;
    nan = v != v ? v : nan;
  }
  return largest + nan;
}
/// Without its sign a bfloat16's bits stand in the order of magnitudes, NaNs last.
CT_INLINE float largest_magnitude(const BFloat *__restrict w, int64_t n) {
  HalfLanes most = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    HalfLanes v;
    __builtin_memcpy(&v, w + i, sizeof v);
    most = __builtin_elementwise_max(most, v & 0x7fff);
  }
  uint16_t largest = 0;
  for (int l = 0; l < kLanes; l++) largest = most[l] > largest ? most[l] : largest;
  for (; i < n; i++) {
    const auto v = static_cast<uint16_t>(w[i].bits & 0x7fff);
    largest = v > largest ? v : largest;
  }
  return widen(BFloat{largest});
}

/// Symmetric codes: the first and the last, and the code that the largest magnitude of a group gets.
struct CodeRange {
  float low, high, largest;
};
CT_INLINE CodeRange code_range(int bits, bool is_full_range) {
  const float half = static_cast<float>(1 << (bits - 1));
  return is_full_range ? CodeRange{1 - half, half - 1, half - 1} : CodeRange{-half, half - 1, half - 0.5f};
}

/// S is what holds the scale.
template <class T, class S>
CT_INLINE float group_scale(const T *__restrict w, int64_t n, CodeRange range) {
  const float largest = largest_magnitude(w, n);
  float scale = round_to<T>(largest / range.largest);
  scale = scale < kLeastScale ? kLeastScale : scale;
  return round_to<S>(scale);
}

/// The reference multiplies by the reciprocal; where the scale is Portable, it is divided by.
template <class S>
inline constexpr bool kDivides = false;
template <>
inline constexpr bool kDivides<Portable> = true;

template <class S, class V>
CT_INLINE V group_code(V v, float scale, float inverse, CodeRange range) {
  if constexpr (kDivides<S>) return clamp(nearest(v / scale), range.low, range.high);
  else return clamp(nearest(v * inverse), range.low, range.high);
}

template <class T, class S>
CT_INLINE void fake_quantize_groups(
    const T *__restrict w, T *__restrict y, int64_t groups, int64_t group, CodeRange range) {
  for (int64_t g = 0; g < groups; g++, w += group, y += group) {
    float scale = group_scale<T, S>(w, group, range), inverse = 1.0f / scale;
    const auto number = [=](auto v) CT_INLINE_LAMBDA {
      // The reference casts the codes to T first; they are small integers and fit exactly.
      return group_code<S>(v, scale, inverse, range) * scale;
    };
    if (is_finite(scale)) map_finite_row(w, y, group, number);
    else map_row(w, y, group, number);
  }
}

template <class T, class S>
CT_INLINE void quantize_groups(
    const T *__restrict w, int8_t *__restrict q, float *__restrict scales, int64_t groups,
    int64_t group, CodeRange range) {
  for (int64_t g = 0; g < groups; g++, w += group, q += group) {
    float scale = group_scale<T, S>(w, group, range), inverse = 1.0f / scale;
    map_row(w, q, group, [=](auto v) CT_INLINE_LAMBDA {
      return group_code<S>(v, scale, inverse, range);
    });
    scales[g] = scale;
  }
}

template <class T>
CT_INLINE void dequantize_groups(
    const int8_t *__restrict q, const float *__restrict scales, T *__restrict y, int64_t groups,
    int64_t group) {
  for (int64_t g = 0; g < groups; g++, q += group, y += group) {
    float scale = scales[g];
    map_row(q, y, group, [=](auto v) CT_INLINE_LAMBDA { return v * scale; });
  }
}

/// Two codes of four bits to a byte, the even one in the low half, each plus 8; `n` is even.
CT_INLINE void pack_nibbles(const int8_t *__restrict q, uint8_t *__restrict packed, int64_t n) {
  for (int64_t i = 0; i < n / 2; i++)
    packed[i] = static_cast<uint8_t>((q[2 * i] + 8) | ((q[2 * i + 1] + 8) << 4));
}
CT_INLINE void unpack_nibbles(const uint8_t *__restrict packed, int8_t *__restrict q, int64_t n) {
  for (int64_t i = 0; i < n / 2; i++) {
    q[2 * i] = static_cast<int8_t>((packed[i] & 15) - 8);
    q[2 * i + 1] = static_cast<int8_t>((packed[i] >> 4) - 8);
  }
}

/// Part of a row of token codes back to numbers; `Stored` may be wider than the row's own type T.
template <class T, class Stored>
CT_INLINE void decode_row(
    const uint8_t *__restrict u, float scale, int32_t offset, Stored *__restrict y, int64_t n) {
  const float zero = static_cast<float>(offset);
  map_row(u, y, n, [=](auto v) CT_INLINE_LAMBDA { return rounded<T>((v - zero) * scale); });
}
template <class T, class Stored>
CT_INLINE void decode_group(
    const int8_t *__restrict q, float scale, Stored *__restrict y, int64_t n) {
  map_row(q, y, n, [=](auto v) CT_INLINE_LAMBDA { return rounded<T>(v * scale); });
}

}  // namespace ct
