// Four outputs at a time, codes taken out of their bytes on the way (AVX2). With p = code + 8, the
// stored half byte, a group's exact sum is
//   sum (u - o) w = sum u p - o sum p - 8 sum u + 8 g o,
// of which the last two depend on the token only. The float sums go over the groups one after the other,
// as in integer_product.cpp, and so have its bits.
#include "integer_vector.h"

#include <vector>

#include "parallel.h"
#include "quantize_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ct {

bool has_vector_product(const CodedTokens &x, const CodedWeight &w, InstructionSet set) {
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
  std::vector<uint8_t> codes;
  /// For each group: 8 g o - 8 sum u.
  std::vector<int32_t> constants;

  Split(const uint8_t *u, int32_t offset, const CodedWeight &w)
      : codes(static_cast<size_t>((w.k + 63) / 64 * 64)),
        constants(static_cast<size_t>(w.k / w.group)) {
    for (int64_t i = 0; i < w.k; i++)
      codes[static_cast<size_t>(i / 64 * 64 + i % 2 * 32 + i % 64 / 2)] = u[i];
    for (int64_t g = 0; g < w.k / w.group; g++) {
      int32_t sum = 0;
      for (int64_t i = 0; i < w.group; i++) sum += u[g * w.group + i];
      constants[static_cast<size_t>(g)] = 8 * (static_cast<int32_t>(w.group) * offset - sum);
    }
  }
};

/// Sums of a row's products, and of its codes, not yet added across.
struct RowSums {
  __m256i products, codes;
};

AVX2 inline __m256i loaded(const void *p) {
  return _mm256_loadu_si256(static_cast<const __m256i *>(p));
}

/// 64 inputs of a row: pairs of products in 16 bits, at most 15300; their codes' sums.
AVX2 inline void add_block(
    __m256i bytes, const uint8_t *u, __m256i &products, __m256i &codes) {
  const __m256i low = _mm256_set1_epi8(15);
  __m256i even = _mm256_and_si256(bytes, low);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
  __m256i pairs = _mm256_add_epi16(
      _mm256_maddubs_epi16(loaded(u), even), _mm256_maddubs_epi16(loaded(u + 32), odd));
  products = _mm256_add_epi16(products, pairs);
  codes = _mm256_add_epi32(
      codes, _mm256_sad_epu8(_mm256_add_epi8(even, odd), _mm256_setzero_si256()));
}

/// sum u p - o sum p, lane by lane.
AVX2 inline __m256i combined(const RowSums &sums, __m256i offset) {
  return _mm256_sub_epi32(sums.products, _mm256_mullo_epi32(sums.codes, offset));
}

/// The four rows' sums over the lower lanes, then over the upper ones.
AVX2 inline __m256i across(__m256i a, __m256i b, __m256i c, __m256i d) {
  return _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
}

AVX2 inline __m128 scales_of(const float *const *scales, int64_t g) {
  return _mm_setr_ps(scales[0][g], scales[1][g], scales[2][g], scales[3][g]);
}

AVX2 inline __m128 add_group(__m128 sum, __m128i exact, int32_t constant, __m128 scale) {
  exact = _mm_add_epi32(exact, _mm_set1_epi32(constant));
  return _mm_add_ps(sum, _mm_mul_ps(_mm_cvtepi32_ps(exact), scale));
}

/// Groups of 32: 64 inputs hold two, one in each half of the vectors.
AVX2 __m128 narrow_groups(
    const uint8_t *const *rows, const float *const *scales, const Split &x, int32_t offset,
    const CodedWeight &w) {
  __m128 sum = _mm_setzero_ps();
  const __m256i o = _mm256_set1_epi32(offset), ones = _mm256_set1_epi16(1);
  const int64_t groups = w.k / 32;
  for (int64_t g = 0; g < groups; g += 2) {
    const bool has_two = g + 1 < groups;
    __m256i of_row[kRows];
    for (int64_t r = 0; r < kRows; r++) {
      const uint8_t *p = rows[r] + 16 * g;
      // The last 32 inputs of an odd number of groups end with the row's memory.
      __m256i bytes = has_two ? loaded(p)
                              : _mm256_zextsi128_si256(
                                    _mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
      RowSums sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
      add_block(bytes, x.codes.data() + 32 * g, sums.products, sums.codes);
      sums.products = _mm256_madd_epi16(sums.products, ones);
      of_row[r] = combined(sums, o);
    }
    __m256i both = across(of_row[0], of_row[1], of_row[2], of_row[3]);
    sum = add_group(
        sum, _mm256_castsi256_si128(both), x.constants[static_cast<size_t>(g)],
        scales_of(scales, g));
    if (has_two)
      sum = add_group(
          sum, _mm256_extracti128_si256(both, 1), x.constants[static_cast<size_t>(g + 1)],
          scales_of(scales, g + 1));
  }
  return sum;
}

/// Groups of whole blocks of 64.
AVX2 __m128 wide_groups(
    const uint8_t *const *rows, const float *const *scales, const Split &x, int32_t offset,
    const CodedWeight &w) {
  __m128 sum = _mm_setzero_ps();
  const __m256i o = _mm256_set1_epi32(offset), ones = _mm256_set1_epi16(1);
  const int64_t groups = w.k / w.group, blocks = w.group / 64;
  for (int64_t g = 0; g < groups; g++) {
    __m256i of_row[kRows];
    for (int64_t r = 0; r < kRows; r++) {
      const uint8_t *p = rows[r] + g * w.group / 2, *u = x.codes.data() + g * w.group;
      RowSums sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
      for (int64_t b = 0; b < blocks; b += 2) {
        // Two blocks fit into 16 bits.
        __m256i pairs = _mm256_setzero_si256();
        add_block(loaded(p + 32 * b), u + 64 * b, pairs, sums.codes);
        if (b + 1 < blocks)
          add_block(loaded(p + 32 * b + 32), u + 64 * b + 64, pairs, sums.codes);
        sums.products = _mm256_add_epi32(sums.products, _mm256_madd_epi16(pairs, ones));
      }
      of_row[r] = combined(sums, o);
    }
    __m256i both = across(of_row[0], of_row[1], of_row[2], of_row[3]);
    __m128i exact =
        _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    sum = add_group(
        sum, exact, x.constants[static_cast<size_t>(g)], scales_of(scales, g));
  }
  return sum;
}

AVX2 void four_outputs(
    const CodedTokens &x, const std::vector<Split> &split, const CodedWeight &w, int64_t n,
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
    __m128 sum = w.group == 32 ? narrow_groups(rows, scales, token, x.offsets[m], w)
                               : wide_groups(rows, scales, token, x.offsets[m], w);
    _mm_storeu_ps(values[m], _mm_mul_ps(sum, _mm_set1_ps(x.scales[m])));
  }
}

}  // namespace

void vector_product(const CodedTokens &x, const CodedWeight &w, void *y, Stored stored) {
  std::vector<Split> split;
  for (int64_t m = 0; m < x.m; m++) split.emplace_back(x.codes + m * w.k, x.offsets[m], w);
  const int64_t quads = (w.n + kRows - 1) / kRows;
  // A thread is worth a few hundred thousand codes.
  parallel_for(0, quads, (1 << 18) / (kRows * w.k * x.m) + 1, [&](int64_t begin, int64_t end) {
    std::vector<float> memory(static_cast<size_t>(x.m * kRows));
    auto *values = reinterpret_cast<float(*)[kRows]>(memory.data());
    for (int64_t n = begin * kRows; n < end * kRows; n += kRows) {
      four_outputs(x, split, w, n, values);
      const int64_t count = w.n - n < kRows ? w.n - n : kRows;
      for (int64_t m = 0; m < x.m; m++)
        for (int64_t r = 0; r < count; r++) {
          const int64_t at = m * w.n + n + r;
          if (stored == Stored::float32) static_cast<float *>(y)[at] = values[m][r];
          else static_cast<BFloat *>(y)[at] = narrow<BFloat>(values[m][r]);
        }
    }
  });
}

#else

void vector_product(const CodedTokens &x, const CodedWeight &w, void *y, Stored stored) {
  integer_product(x, w, y, stored, InstructionSet::portable);
}

#endif

}  // namespace ct
