// Four outputs at a time, codes taken out of their bytes on the way (AVX2). With p = code + 8, the
// stored half byte, and q and z the token's code and zero point as signed bytes, a group's exact sum is
//   sum (q - z) w = sum (q - z) p - 8 sum q + 8 g z,
// of which the last two depend on the token only; |q - z| p of four inputs fits into 16 bits. The float
// sums go over the groups one after the other, as in integer_product.cpp, and so have its bits.
#include "integer_vector.h"

#include <atomic>
#include <vector>

#include "parallel.h"
#include "nibbles.h"
#include "quantize_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ct {

bool has_vector_product(const CodedTokens &x, const PackedWeight &w, InstructionSet set) {
  constexpr int64_t kMostTokens = 12;
  return set != InstructionSet::portable && x.m <= kMostTokens && w.is_packed() &&
         (w.group == 32 || w.group % 64 == 0);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

namespace {

constexpr int64_t kRows = 4;

/// One token in the order of the weights' bytes: of 64 inputs the even ones, then the odd ones.
struct Split {
  std::vector<int8_t> codes;
  int32_t zero_point;
  /// For each group: 8 g z - 8 sum q.
  std::vector<int32_t> constants;

  AVX2 Split(const uint8_t *u, int32_t offset, const PackedWeight &w)
      : codes(static_cast<size_t>((w.k + 63) / 64 * 64)),
        zero_point(offset - 128),
        constants(static_cast<size_t>(w.k / w.group)) {
    int8_t *to = codes.data();
    int64_t i = 0;
    for (; i + 64 <= w.k; i += 64)
      for (int64_t j = 0; j < 32; j++) {
        to[i + j] = static_cast<int8_t>(u[i + 2 * j] ^ 0x80);
        to[i + j + 32] = static_cast<int8_t>(u[i + 2 * j + 1] ^ 0x80);
      }
    for (int64_t j = 0; i + j < w.k; j++)
      to[i + j % 2 * 32 + j / 2] = static_cast<int8_t>(u[i + j] ^ 0x80);
    for (int64_t g = 0; g < w.k / w.group; g++) {
      int32_t sum = 0;
      for (int64_t n = 0; n < w.group; n++) sum += u[g * w.group + n];
      constants[static_cast<size_t>(g)] = 8 * (static_cast<int32_t>(w.group) * offset - sum);
    }
  }
};

AVX2 inline __m256i loaded(const void *p) {
  return _mm256_loadu_si256(static_cast<const __m256i *>(p));
}

/// 64 inputs of a row: sums of four (q - z) p in 16 bits, at most 15300, of which two fit.
AVX2 inline __m256i block(__m256i bytes, const int8_t *q, __m256i z) {
  const __m256i low = _mm256_set1_epi8(15);
  __m256i even = _mm256_and_si256(bytes, low);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
  __m256i pairs = _mm256_add_epi16(
      _mm256_maddubs_epi16(even, loaded(q)), _mm256_maddubs_epi16(odd, loaded(q + 32)));
  return _mm256_sub_epi16(pairs, _mm256_maddubs_epi16(_mm256_add_epi8(even, odd), z));
}

AVX2 inline __m256i in_32_bits(__m256i pairs) {
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/// The four rows' sums over the lower lanes, then over the upper ones.
AVX2 inline __m256i across(const __m256i (&rows)[kRows]) {
  return _mm256_hadd_epi32(
      _mm256_hadd_epi32(rows[0], rows[1]), _mm256_hadd_epi32(rows[2], rows[3]));
}

AVX2 inline __m128 scales_of(const float *const *scales, int64_t g) {
  return _mm_setr_ps(scales[0][g], scales[1][g], scales[2][g], scales[3][g]);
}

AVX2 inline __m128 add_group(__m128 sum, __m128i exact, int32_t constant, __m128 scale) {
  exact = _mm_add_epi32(exact, _mm_set1_epi32(constant));
  return _mm_add_ps(sum, _mm_mul_ps(_mm_cvtepi32_ps(exact), scale));
}

/// Two groups of 32, one in each half of the vectors.
AVX2 inline __m256i two_groups(const uint8_t *const *rows, const Split &x, __m256i z, int64_t g) {
  __m256i of_row[kRows];
  for (int64_t r = 0; r < kRows; r++)
    of_row[r] = in_32_bits(block(loaded(rows[r] + 16 * g), x.codes.data() + 32 * g, z));
  return across(of_row);
}

/// Rows are short, and the processor's own prefetching starts anew with each: the same place of the row
/// that comes eight later is asked for. Past the last row that is in vain, and allowed.
inline void fetch_next(const uint8_t *p, const PackedWeight &w) {
  __builtin_prefetch(p + 2 * kRows * w.code_stride);
}
inline void fetch_next(const float *scales, const PackedWeight &w) {
  __builtin_prefetch(scales + 2 * kRows * w.scale_stride);
}

/// Groups of 32.
AVX2 __m128 narrow_groups(
    const uint8_t *const *rows, const float *const *scales, const Split &x, const PackedWeight &w) {
  __m128 sum = _mm_setzero_ps();
  const __m256i z = _mm256_set1_epi8(static_cast<char>(x.zero_point));
  const int32_t *constants = x.constants.data();
  const int64_t groups = w.k / 32;
  int64_t g = 0;
  for (; g + 4 <= groups; g += 4) {
    for (int64_t r = 0; r < kRows; r++) {
      fetch_next(rows[r] + 16 * g, w);
      if (g % 16 == 0) fetch_next(scales[r] + g, w);
    }
    __m128 s0 = _mm_loadu_ps(scales[0] + g), s1 = _mm_loadu_ps(scales[1] + g);
    __m128 s2 = _mm_loadu_ps(scales[2] + g), s3 = _mm_loadu_ps(scales[3] + g);
    _MM_TRANSPOSE4_PS(s0, s1, s2, s3);
    __m256i first = two_groups(rows, x, z, g), second = two_groups(rows, x, z, g + 2);
    sum = add_group(sum, _mm256_castsi256_si128(first), constants[g], s0);
    sum = add_group(sum, _mm256_extracti128_si256(first, 1), constants[g + 1], s1);
    sum = add_group(sum, _mm256_castsi256_si128(second), constants[g + 2], s2);
    sum = add_group(sum, _mm256_extracti128_si256(second, 1), constants[g + 3], s3);
  }
  for (; g < groups; g++) {
    // Alone, a group may end with the row's memory.
    __m256i of_row[kRows];
    int8_t inputs[64] = {};
    const int8_t *q = x.codes.data() + g / 2 * 64 + g % 2 * 16;
    __builtin_memcpy(inputs, q, 16);
    __builtin_memcpy(inputs + 32, q + 32, 16);
    for (int64_t r = 0; r < kRows; r++) {
      const auto *p = reinterpret_cast<const __m128i *>(rows[r] + 16 * g);
      of_row[r] = in_32_bits(block(_mm256_zextsi128_si256(_mm_loadu_si128(p)), inputs, z));
    }
    sum = add_group(
        sum, _mm256_castsi256_si128(across(of_row)), constants[g], scales_of(scales, g));
  }
  return sum;
}

/// Groups of whole blocks of 64.
AVX2 __m128 wide_groups(
    const uint8_t *const *rows, const float *const *scales, const Split &x, const PackedWeight &w) {
  __m128 sum = _mm_setzero_ps();
  const __m256i z = _mm256_set1_epi8(static_cast<char>(x.zero_point));
  const int64_t groups = w.k / w.group, blocks = w.group / 64;
  for (int64_t g = 0; g < groups; g++) {
    __m256i of_row[kRows];
    for (int64_t r = 0; r < kRows; r++) {
      const uint8_t *p = rows[r] + g * w.group / 2;
      const int8_t *q = x.codes.data() + g * w.group;
      __m256i products = _mm256_setzero_si256();
      for (int64_t b = 0; b < blocks; b += 2) {
        fetch_next(p + 32 * b, w);
        __m256i pairs = block(loaded(p + 32 * b), q + 64 * b, z);
        if (b + 1 < blocks)
          pairs = _mm256_add_epi16(pairs, block(loaded(p + 32 * b + 32), q + 64 * b + 64, z));
        products = _mm256_add_epi32(products, in_32_bits(pairs));
      }
      of_row[r] = products;
    }
    __m256i both = across(of_row);
    __m128i exact =
        _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = add_group(sum, exact, x.constants[static_cast<size_t>(g)], scales_of(scales, g));
  }
  return sum;
}

AVX2 void four_outputs(
    const CodedTokens &x, const std::vector<Split> &split, const PackedWeight &w, int64_t n,
    float (*values)[kRows]) {
  const uint8_t *rows[kRows];
  const float *scales[kRows];
  for (int64_t r = 0; r < kRows; r++) {
    // Past the last output the last one is computed again and thrown away.
    const int64_t row = n + r < w.n ? n + r : w.n - 1;
    rows[r] = w.codes + row * w.code_stride;
    scales[r] = w.scales + row * w.scale_stride;
  }
  for (int64_t m = 0; m < x.m; m++) {
    const Split &token = split[static_cast<size_t>(m)];
    __m128 sum = w.group == 32 ? narrow_groups(rows, scales, token, w)
                               : wide_groups(rows, scales, token, w);
    _mm_storeu_ps(values[m], _mm_mul_ps(sum, _mm_set1_ps(x.scales[m])));
  }
}

/// Outputs `first` ..< `last` of one weight.
void some_outputs(
    const CodedTokens &x, const std::vector<Split> &split, const PackedWeight &w, void *y,
    Stored stored, int64_t first, int64_t last, std::vector<float> &memory) {
  auto *values = reinterpret_cast<float(*)[kRows]>(memory.data());
  for (int64_t n = first; n < last; n += kRows) {
    four_outputs(x, split, w, n, values);
    const int64_t count = last - n < kRows ? last - n : kRows;
    for (int64_t m = 0; m < x.m; m++)
      for (int64_t r = 0; r < count; r++) {
        const int64_t at = m * w.n + n + r;
        if (stored == Stored::float32) static_cast<float *>(y)[at] = values[m][r];
        else static_cast<BFloat *>(y)[at] = narrow<BFloat>(values[m][r]);
      }
  }
}

}  // namespace

void vector_products(
    const CodedTokens &x, const PackedWeight *weights, void *const *ys, int count, Stored stored) {
  std::vector<Split> split;
  split.reserve(static_cast<size_t>(x.m));
  for (int64_t m = 0; m < x.m; m++)
    split.emplace_back(x.codes + m * weights[0].k, x.offsets[m], weights[0]);
  // Threads take pieces as they come to them: memory does not serve all of them equally fast. Longer
  // pieces lose less of what was asked for ahead, whose last rows another thread takes.
  const int64_t rows = ((1 << 18) / weights[0].k + kRows) / kRows * kRows;
  int64_t pieces = 0;
  for (int i = 0; i < count; i++) pieces += (weights[i].n + rows - 1) / rows;
  std::atomic<int64_t> next{0};
  // A single piece is not worth a second thread.
  constexpr int64_t kMostThreads = 256;
  parallel_for(0, kMostThreads, pieces < 2 ? kMostThreads : 1, [&](int64_t, int64_t) {
    std::vector<float> memory(static_cast<size_t>(x.m * kRows));
    for (int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      int i = 0;
      for (; piece >= (weights[i].n + rows - 1) / rows; i++) piece -= (weights[i].n + rows - 1) / rows;
      const int64_t first = piece * rows, end = first + rows;
      some_outputs(
          x, split, weights[i], ys[i], stored, first, end < weights[i].n ? end : weights[i].n, memory);
    }
  });
}

#else

void vector_products(
    const CodedTokens &x, const PackedWeight *weights, void *const *ys, int count, Stored stored) {
  for (int i = 0; i < count; i++)
    integer_product(x, weights[i], ys[i], stored, InstructionSet::portable);
}

#endif

}  // namespace ct
