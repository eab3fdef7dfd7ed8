// The integer product of a quantized linear layer: int8 codes of activations times int4 codes of
// weights, int32 sums inside a group, then scales. Plain pointers; tensors are integer_linear.cpp's.
//
// `M` tokens, `N` outputs, `K` inputs, `G` groups of K.
//   y[m, n] = s_x[m] * sum_g s_w[n, g] * (sum_{k in g} u[m, k] w[n, k] - o[m] * sum_{k in g} w[n, k])
// with u = code + 128 and o = zero point + 128. Every version adds the groups in the same order and
// rounds alike, so all of them give the same bits.
#pragma once
#include <cstdint>

#include "instruction_set.h"

namespace ct {

/// Weight codes: two to a byte (code + 8, the even input in the low half), or one to a byte (int8).
struct PackedWeight {
  const uint8_t *codes;
  int64_t code_stride;  // bytes from row to row
  const float *scales;
  int64_t scale_stride;  // floats from row to row
  int64_t n, k, group;
  /// 2 to 7; up to 4 lie two to a byte.
  int bits;
  bool is_packed() const { return bits <= 4; }
};

/// Token codes: code + 128, [M, K] without gaps.
struct CodedTokens {
  const uint8_t *codes;
  const float *scales;
  /// zero point + 128, 0 to 255
  const int32_t *offsets;
  int64_t m;
};

/// What an output is stored as.
enum class Stored { float32, bfloat16 };

/// Whether codes of so many bits in such groups can be multiplied in integers.
inline bool has_integer_product(int64_t bits, int64_t group) {
  // Seven bits times eight is the most that a pair of products holds in 16 bits, and a group is made of
  // whole vectors. Longer groups' sums would no longer be exact in fp32.
  return bits >= 2 && bits <= 7 && group > 0 && group % 32 == 0 && group << (bits + 7) <= 1 << 24;
}

/// What integer products are computed with: the process's, or what a test or benchmark has chosen.
InstructionSet chosen_instruction_set();
void choose_instruction_set(InstructionSet set);

/// y [M, N] without gaps, in parallel.
void integer_product(
    const CodedTokens &x, const PackedWeight &w, void *y, Stored stored, InstructionSet set);

}  // namespace ct
