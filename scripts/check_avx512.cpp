// The cases of scripts/check-avx512: the AVX-512 version of the integer product, emulated, beside the
// formula of integer_product.h, the portable version and the AVX2 version, bit for bit. `emulated` is
// Sources/Engine/CTorch/numerics/integer_product.cpp compiled with SIMDe, `ct` the same file as the program has it.
//
// Memory is as large as the arguments say and not a byte larger, so that the sanitizer sees a read or
// write beyond it; gaps between rows hold what would spoil the sums.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "integer_vector.h"

using namespace ct;

namespace emulated {
struct CodedTokens;
struct CodedWeight;
enum class Stored;
enum class InstructionSet : int32_t;
void integer_product(
    const CodedTokens &, const CodedWeight &, void *, Stored, InstructionSet);
// Few tokens would be multiplied by the AVX2 kernel of integer_vector.cpp: here they are not.
bool has_vector_product(const CodedTokens &, const CodedWeight &, InstructionSet) { return false; }
void vector_products(const CodedTokens &, const CodedWeight *, void *const *, int, Stored) {
  std::abort();
}
}  // namespace emulated

namespace ct {
bool has_vector_product(const CodedTokens &, const CodedWeight &, InstructionSet) { return false; }
/// What integer_vector.cpp says itself.
bool would_take_vector_product(const CodedTokens &, const CodedWeight &, InstructionSet);
}  // namespace ct

/// In place of libtorch's: three pieces at most, the last one first.
extern "C" void torch_parallel_for(
    int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void *),
    void *context) {
  const int64_t piece = std::max(grain, (end - begin + 2) / 3);
  for (int64_t at = (end - begin - 1) / piece * piece + begin; at >= begin; at -= piece)
    body(at, std::min(at + piece, end), context);
}

namespace {

std::mt19937 generator(1);
int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

/// Where codes, zero points and scales come from.
enum class Contents { random, extremes, hardScales };

struct Case {
  int64_t m, n, k, group;
  int bits;
  Stored stored;
  Contents contents = Contents::random;
  int64_t gap = 0;
  /// For extremes: which ones, two bits for each of weights, activations and zero points.
  int which = 0;

  std::string description() const {
    char text[160];
    std::snprintf(
        text, sizeof text, "%ld tokens, %ld outputs, %ld inputs in groups of %ld, %d bits, %s",
        m, n, k, group, bits, stored == Stored::float32 ? "fp32" : "bf16");
    if (contents != Contents::extremes) return text;
    return text + (", extremes " + std::to_string(which));
  }
};

/// Of two ends the lower, the upper, both in turn, or either at random.
int one_of(int low, int high, int which, int64_t at) {
  switch (which & 3) {
    case 0: return low;
    case 1: return high;
    case 2: return at % 2 ? high : low;
    default: return between(0, 1) ? high : low;
  }
}

float scale(Contents contents) {
  constexpr float hard[] = {
      0, 1e-41f, std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity(), -3, 1};
  if (contents == Contents::hardScales && between(0, 3) == 0) return hard[between(0, 5)];
  return std::ldexp(1 + 1e-6f * static_cast<float>(between(0, 999999)), between(-12, 3));
}

struct Operands {
  std::vector<uint8_t> weights, tokens;
  std::vector<int8_t> codes;  // [N, K], not packed
  std::vector<float> weight_scales, token_scales;
  std::vector<int32_t> offsets;
  CodedWeight w;
  CodedTokens x;

  explicit Operands(const Case &c) {
    const bool packed = c.bits <= 4, random = c.contents != Contents::extremes;
    const int low = -(1 << (c.bits - 1)), high = -low - 1;
    const int64_t groups = c.k / c.group, width = packed ? c.k / 2 : c.k;
    const int64_t stride = width + c.gap, scale_stride = groups + c.gap;
    codes.resize(static_cast<size_t>(c.n * c.k));
    for (size_t i = 0; i < codes.size(); i++)
      codes[i] = static_cast<int8_t>(
          random ? between(low, high) : one_of(low, high, c.which, static_cast<int64_t>(i)));
    // The last row has no gap behind it.
    weights.assign(static_cast<size_t>((c.n - 1) * stride + width), 0x7f);
    weight_scales.assign(
        static_cast<size_t>((c.n - 1) * scale_stride + groups),
        std::numeric_limits<float>::quiet_NaN());
    for (int64_t n = 0; n < c.n; n++) {
      for (int64_t k = 0; k < width; k++) {
        const int8_t *from = codes.data() + n * c.k + (packed ? 2 * k : k);
        weights[static_cast<size_t>(n * stride + k)] = static_cast<uint8_t>(
            packed ? (from[0] + 8) | ((from[1] + 8) << 4) : from[0]);
      }
      for (int64_t g = 0; g < groups; g++)
        weight_scales[static_cast<size_t>(n * scale_stride + g)] = scale(c.contents);
    }
    for (int64_t i = 0; i < c.m * c.k; i++)
      tokens.push_back(
          static_cast<uint8_t>(random ? between(0, 255) : one_of(0, 255, c.which >> 2, i)));
    for (int64_t i = 0; i < c.m; i++) {
      offsets.push_back(random ? between(0, 255) : one_of(0, 255, c.which >> 4, i));
      token_scales.push_back(scale(c.contents));
    }
    w = {weights.data(), stride, weight_scales.data(), scale_stride, c.n, c.k, c.group, c.bits};
    x = {tokens.data(), token_scales.data(), offsets.data(), c.m};
  }
};

/// The outputs' bits.
using Bits = std::vector<uint32_t>;

uint32_t stored_bits(float y, Stored stored) {
  uint32_t bits = std::bit_cast<uint32_t>(y);
  if (stored == Stored::float32) return bits;
  return y != y ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// The formula as integer_product.h has it, output by output.
Bits formula(const Operands &o, Stored stored) {
  Bits found;
  const CodedWeight &w = o.w;
  for (int64_t m = 0; m < o.x.m; m++)
    for (int64_t n = 0; n < w.n; n++) {
      float sum = 0;
      for (int64_t g = 0; g < w.k / w.group; g++) {
        int64_t exact = 0;
        const int8_t *codes = o.codes.data() + n * w.k + g * w.group;
        const uint8_t *tokens = o.x.codes + m * w.k + g * w.group;
        for (int64_t i = 0; i < w.group; i++) exact += (tokens[i] - o.x.offsets[m]) * codes[i];
        sum += static_cast<float>(exact) * w.scales[n * w.scale_stride + g];
      }
      found.push_back(stored_bits(sum * o.x.scales[m], stored));
    }
  return found;
}

/// What a version writes. It finds memory full of other values.
template <class F>
Bits outputs(const Operands &o, Stored stored, const F &multiply) {
  const size_t count = static_cast<size_t>(o.x.m * o.w.n);
  if (stored == Stored::float32) {
    Bits found(count, 0xdeadbeef);
    multiply(found.data());
    return found;
  }
  std::vector<uint16_t> halves(count, 0xbeef);
  multiply(halves.data());
  return Bits(halves.begin(), halves.end());
}

Bits of_version(const Operands &o, Stored stored, InstructionSet set) {
  return outputs(o, stored, [&](void *y) { integer_product(o.x, o.w, y, stored, set); });
}
Bits of_emulation(const Operands &o, Stored stored) {
  return outputs(o, stored, [&](void *y) {
    // The same structures under another name.
    emulated::integer_product(
        reinterpret_cast<const emulated::CodedTokens &>(o.x),
        reinterpret_cast<const emulated::CodedWeight &>(o.w), y,
        static_cast<emulated::Stored>(stored),
        static_cast<emulated::InstructionSet>(InstructionSet::avx512_vnni));
  });
}

/// A case kind: counts, and says what it found in one line.
struct Kind {
  const char *name;
  int64_t cases = 0, outputs = 0, beside_avx2 = 0, wrong = 0;
  std::string first = {};

  void compare(const Case &c, const Bits &found, const Bits &expected, const char *with) {
    for (size_t i = 0; i < expected.size(); i++) {
      if (found[i] == expected[i]) continue;
      if (first.empty()) {
        char text[96];
        std::snprintf(
            text, sizeof text, ": token %zu, output %zu is %08x, %s has %08x",
            i / static_cast<size_t>(c.n), i % static_cast<size_t>(c.n), found[i], with, expected[i]);
        first = c.description() + text;
      }
      wrong++;
      return;
    }
  }

  void run(const Case &c) {
    const Operands o(c);
    const Bits found = of_emulation(o, c.stored);
    cases++;
    outputs += c.m * c.n;
    const int64_t before = wrong;
    compare(c, found, formula(o, c.stored), "the formula");
    compare(c, found, of_version(o, c.stored, InstructionSet::portable), "the portable version");
    // Pairs of products of eight bits do not fit into AVX2's 16.
    if (has_integer_product(c.bits, c.group)) {
      compare(c, found, of_version(o, c.stored, InstructionSet::avx2), "the AVX2 version");
      beside_avx2++;
    }
    wrong = std::min(wrong, before + 1);
  }

  /// The kernel for few tokens, which needs no more than AVX2 and is taken on every processor.
  void run_few(const Case &c) {
    const Operands o(c);
    if (!would_take_vector_product(o.x, o.w, InstructionSet::avx512_vnni)) {
      wrong++;
      first = c.description() + ": not taken";
      return;
    }
    cases++, beside_avx2++;
    outputs += c.m * c.n;
    const Bits found =
        ::outputs(o, c.stored, [&](void *y) { vector_products(o.x, &o.w, &y, 1, c.stored); });
    compare(c, found, of_emulation(o, c.stored), "the emulated AVX-512 version");
  }

  bool report() const {
    std::printf("%-58s %5ld cases %8ld outputs", name, cases, outputs);
    if (wrong) std::printf("  DIFFERENT in %ld; first %s\n", wrong, first.c_str());
    else if (beside_avx2 == cases) std::printf("  same bits\n");
    else std::printf("  same bits (%ld of them not in AVX2)\n", cases - beside_avx2);
    std::fflush(stdout);
    return wrong == 0 && cases > 0;
  }
};

constexpr Stored kStored[] = {Stored::float32, Stored::bfloat16};
/// Fewer, as many and more than a vector and a panel hold.
constexpr int64_t kOutputs[] = {1, 15, 16, 17, 31, 32, 33, 50, 70};

/// Whether AVX-512 sums are exact: what the program takes, and eight bits.
bool is_exact(int bits, int64_t group) { return group << (bits + 7) <= 1 << 24; }

bool check_tiles() {
  Kind kind{"1 to 40 tokens, outputs that fill no panel"};
  for (int64_t m = 1; m <= 40; m++)
    for (int64_t n : kOutputs)
      for (int bits : {4, 7})
        for (Stored stored : kStored) kind.run({m, n, 128, m % 2 ? 32 : 64, bits, stored});
  return kind.report();
}

bool check_groups() {
  Kind kind{"groups of 32 to 256 and one a row, 2 to 8 bits"};
  for (int bits = 2; bits <= 8; bits++)
    for (int64_t group : {32, 64, 96, 128, 256, 0})
      for (int64_t m : {1, 2, 3, 4, 7, 8, 9, 19})
        for (Stored stored : kStored) {
          const int64_t k = group ? 3 * group : 512;
          kind.run({m, 41, k, group ? group : k, bits, stored});
        }
  return kind.report();
}

bool check_many_tokens() {
  Kind kind{"hundreds of tokens"};
  for (int64_t m : {100, 255, 256, 257, 300, 513, 777})
    for (int64_t n : {1, 37, 100})
      for (int bits : {4, 6})
        for (Stored stored : kStored) kind.run({m, n, 96, 32, bits, stored});
  return kind.report();
}

/// Enough outputs for several blocks of eight panels, and inputs of which fewer panels fit the cache.
bool check_blocks() {
  Kind kind{"several panels and blocks, long rows"};
  for (int64_t n : {255, 256, 257, 511, 1000, 2049, 2100})
    for (int64_t m : {5, 21, 300})
      for (Stored stored : kStored) kind.run({m, n, 64, 32, 4, stored});
  for (int64_t k : {1024, 2048, 3072, 5632, 8192})
    for (int64_t group : {int64_t(32), int64_t(256), k})
      for (int bits : {4, 5, 7, 8})
        if (k % group == 0 && is_exact(bits, group)) kind.run({11, 75, k, group, bits, kStored[0]});
  return kind.report();
}

bool check_extremes() {
  Kind kind{"extreme codes, activations and zero points"};
  for (int bits = 2; bits <= 8; bits++)
    for (int64_t group : {int64_t(32), int64_t(256), int64_t(1) << (17 - bits)})
      for (int which = 0; which < 64; which++) {
        Case c{9, 35, std::max<int64_t>(group, 256), group, bits, kStored[which % 2]};
        c.contents = Contents::extremes;
        c.which = which;
        kind.run(c);
      }
  return kind.report();
}

bool check_scales() {
  Kind kind{"scales of zero, subnormal, largest, infinite, negative"};
  for (int64_t m : {1, 8, 13})
    for (int64_t n : kOutputs)
      for (int bits : {3, 4, 5, 8})
        for (Stored stored : kStored)
          kind.run({m, n, 192, 64, bits, stored, Contents::hardScales});
  return kind.report();
}

bool check_gaps() {
  Kind kind{"gaps between the weight's rows"};
  for (int64_t gap : {1, 5, 64})
    for (int64_t m : {1, 8, 13})
      for (int64_t n : kOutputs)
        for (int bits : {2, 4, 6, 8})
          kind.run({m, n, 128, 64, bits, kStored[n % 2], Contents::random, gap});
  return kind.report();
}

bool check_few_tokens() {
  Kind kind{"the kernel for 1 to 12 tokens, which AVX-512 takes too"};
  for (int64_t m = 1; m <= 12; m++)
    for (int64_t n : kOutputs)
      for (int64_t group : {32, 64, 192, 256})
        for (int which = 0; which < 8; which++) {
          Case c{m, n, 3 * group, group, 4 - which % 3, kStored[which % 2]};
          c.contents = which < 4 ? Contents::random : Contents::extremes;
          c.which = 21 * (which % 4);
          c.gap = which == 2 ? 3 : 0;
          kind.run_few(c);
        }
  return kind.report();
}

}  // namespace

int main() {
  bool holds = true;
  for (auto check :
       {check_tiles, check_groups, check_many_tokens, check_blocks, check_extremes, check_scales,
        check_gaps, check_few_tokens})
    holds = check() && holds;
  return holds ? 0 : 1;
}
