// The integer product for each instruction set.
#include "integer_product.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "integer_vector.h"
#include "parallel.h"
#include "nibbles.h"
#include "quantize_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ct {
namespace {

void store(const float *from, void *y, int64_t at, int64_t count, Stored stored) {
  if (stored == Stored::float32) {
    __builtin_memcpy(static_cast<float *>(y) + at, from, static_cast<size_t>(count) * 4);
  } else {
    auto *to = static_cast<BFloat *>(y) + at;
    for (int64_t i = 0; i < count; i++) to[i] = narrow<BFloat>(from[i]);
  }
}

namespace portable {

/// Plain loops over lanes: every processor has this, and the others are tested against it.
struct Vector {
  static constexpr int64_t kLanes = 8;
  static constexpr int kTokens = 4;
  static constexpr bool kSumsIn32Bits = true;
  struct Integers { int32_t at[kLanes]; };
  struct Floats { float at[kLanes]; };
  struct Codes { const int8_t *at; };
  struct Four { int32_t at[4]; };
  using Partial = Integers;

  static Floats zero_floats() { return {}; }
  static Codes load(const int8_t *w) { return {w}; }
  static Four broadcast(const uint8_t *u) { return {{u[0], u[1], u[2], u[3]}}; }
  static Partial dot(Partial sum, const Four &u, Codes w) {
    for (int l = 0; l < kLanes; l++)
      for (int i = 0; i < 4; i++) sum.at[l] += u.at[i] * w.at[4 * l + i];
    return sum;
  }
  static Partial product(const Four &u, Codes w) { return dot({}, u, w); }
  static Integers minus_product(int32_t offset, const int32_t *sums) {
    Integers r;
    for (int l = 0; l < kLanes; l++) r.at[l] = -offset * sums[l];
    return r;
  }
  static Integers add(Integers a, const Partial &b) {
    for (int l = 0; l < kLanes; l++) a.at[l] += b.at[l];
    return a;
  }
  static Floats load_floats(const float *p) {
    Floats r;
    for (int l = 0; l < kLanes; l++) r.at[l] = p[l];
    return r;
  }
  static Floats add_product(Floats sum, const Integers &exact, const Floats &scale) {
    for (int l = 0; l < kLanes; l++) sum.at[l] += static_cast<float>(exact.at[l]) * scale.at[l];
    return sum;
  }
  static void store_scaled(float *to, const Floats &sum, float scale) {
    for (int l = 0; l < kLanes; l++) to[l] = sum.at[l] * scale;
  }
};
#include "integer_kernel.h"

}  // namespace portable

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
namespace avx2 {

struct Vector {
  static constexpr int64_t kLanes = 8;
  static constexpr int kTokens = 4;
  static constexpr bool kSumsIn32Bits = false;
  using Integers = __m256i;
  using Floats = __m256;
  /// 16-bit sums of pairs.
  using Partial = __m256i;

  static Floats zero_floats() { return _mm256_setzero_ps(); }
  static __m256i load(const int8_t *w) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(w));
  }
  static __m256i broadcast(const uint8_t *u) {
    int32_t four;
    __builtin_memcpy(&four, u, 4);
    return _mm256_set1_epi32(four);
  }
  /// A pair of products is at most 2 * 255 * 2^(bits-1): eight of them fit for four bits.
  static Partial product(__m256i u, __m256i w) { return _mm256_maddubs_epi16(u, w); }
  static Partial dot(Partial sum, __m256i u, __m256i w) {
    sum = _mm256_add_epi16(sum, product(u, w));
    __asm__("" : "+x"(sum));  // Sums in another order need more registers than there are.
    return sum;
  }
  static Integers minus_product(int32_t offset, const int32_t *sums) {
    return _mm256_mullo_epi32(
        _mm256_set1_epi32(-offset),
        _mm256_loadu_si256(reinterpret_cast<const __m256i *>(sums)));
  }
  static Integers add(Integers a, Partial b) {
    return _mm256_add_epi32(a, _mm256_madd_epi16(b, _mm256_set1_epi16(1)));
  }
  static Floats load_floats(const float *p) { return _mm256_loadu_ps(p); }
  static Floats add_product(Floats sum, Integers exact, Floats scale) {
    return _mm256_add_ps(sum, _mm256_mul_ps(_mm256_cvtepi32_ps(exact), scale));
  }
  static void store_scaled(float *to, Floats sum, float scale) {
    _mm256_storeu_ps(to, _mm256_mul_ps(sum, _mm256_set1_ps(scale)));
  }
};
#include "integer_kernel.h"

}  // namespace avx2
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))), apply_to = function)
namespace avx512 {

struct Vector {
  static constexpr int64_t kLanes = 16;
  static constexpr int kTokens = 8;
  static constexpr bool kSumsIn32Bits = true;
  using Integers = __m512i;
  using Floats = __m512;
  using Partial = __m512i;

  static Floats zero_floats() { return _mm512_setzero_ps(); }
  static __m512i load(const int8_t *w) { return _mm512_loadu_si512(w); }
  static __m512i broadcast(const uint8_t *u) {
    int32_t four;
    __builtin_memcpy(&four, u, 4);
    return _mm512_set1_epi32(four);
  }
  static Partial product(__m512i u, __m512i w) { return dot(_mm512_setzero_si512(), u, w); }
  static Partial dot(Partial sum, __m512i u, __m512i w) { return _mm512_dpbusd_epi32(sum, u, w); }
  static Integers minus_product(int32_t offset, const int32_t *sums) {
    return _mm512_mullo_epi32(_mm512_set1_epi32(-offset), _mm512_loadu_si512(sums));
  }
  static Integers add(Integers a, Partial b) { return _mm512_add_epi32(a, b); }
  static Floats load_floats(const float *p) { return _mm512_loadu_ps(p); }
  static Floats add_product(Floats sum, Integers exact, Floats scale) {
    return _mm512_add_ps(sum, _mm512_mul_ps(_mm512_cvtepi32_ps(exact), scale));
  }
  static void store_scaled(float *to, Floats sum, float scale) {
    _mm512_storeu_ps(to, _mm512_mul_ps(sum, _mm512_set1_ps(scale)));
  }
};
#include "integer_kernel.h"

}  // namespace avx512
#pragma clang attribute pop

#endif

/// The tiles of a product and the memory that one thread needs for them.
struct Blocks {
  int64_t panel, panels, bytes;

  Blocks(int64_t width, int64_t one_panel, const PackedWeight &w) : panel(width) {
    // As many panels as the second-level cache holds beside the tokens, at least one.
    panels = 192 * 1024 / one_panel;
    panels = panels < 1 ? 1 : (panels > 8 ? 8 : panels);
    bytes = panels * one_panel + w.k;
  }
};

using ProductBlock = void (*)(
    const CodedTokens &, const PackedWeight &, void *, Stored, int64_t, int64_t, int64_t, int64_t,
    uint8_t *, int64_t);

void in_parallel(
    const CodedTokens &x, const PackedWeight &w, void *y, Stored stored, const Blocks &blocks,
    ProductBlock body) {
  const int64_t columns = blocks.panel * blocks.panels;
  const int64_t across = (w.n + columns - 1) / columns;
  // A narrow layer is cut along the tokens too, so that every thread has work.
  const int64_t down = across >= 8 ? 1 : (x.m + 255) / 256;
  const int64_t tokens = (x.m + down - 1) / down;
  parallel_for(0, across * down, 1, [&](int64_t begin, int64_t end) {
    std::unique_ptr<uint8_t, void (*)(void *)> memory(
        static_cast<uint8_t *>(std::aligned_alloc(64, static_cast<size_t>((blocks.bytes + 63) / 64 * 64))),
        std::free);
    if (!memory) throw std::bad_alloc();
    for (int64_t task = begin; task < end; task++) {
      const int64_t n = task / down * columns, m = task % down * tokens;
      const int64_t last = m + tokens < x.m ? m + tokens : x.m;
      if (m < last)
        body(
            x, w, y, stored, n, n + columns < w.n ? n + columns : w.n, m, last, memory.get(),
            blocks.panels);
    }
  });
}

}  // namespace

namespace {
std::atomic<InstructionSet> &choice() {
  static std::atomic<InstructionSet> chosen = instruction_set();
  return chosen;
}
}  // namespace
InstructionSet chosen_instruction_set() { return choice().load(std::memory_order_relaxed); }
void choose_instruction_set(InstructionSet set) { choice().store(set, std::memory_order_relaxed); }

void integer_product(
    const CodedTokens &x, const PackedWeight &w, void *y, Stored stored, InstructionSet set) {
  if (has_vector_product(x, w, set)) return vector_products(x, &w, &y, 1, stored);
  const int64_t groups = w.k / w.group;
#define RUN(name)                                                                                \
  in_parallel(                                                                                   \
      x, w, y, stored, Blocks(name::kPanel, name::panel_bytes(w.k, groups), w),                   \
      name::product_block)
  switch (set) {
#if defined(__x86_64__)
    case InstructionSet::avx2:
    case InstructionSet::avx512: return RUN(avx2);
    case InstructionSet::avx512_vnni: return RUN(avx512);
#endif
    default: return RUN(portable);
  }
#undef RUN
}

}  // namespace ct
