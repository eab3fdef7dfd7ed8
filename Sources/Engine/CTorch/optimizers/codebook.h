// The codebook of 8-bit optimizer state: a dynamic tree of numbers, in which each power of ten has
// as many fraction bits as its exponent leaves over (Dettmers et al., "8-bit Optimizers via
// Block-wise Quantization"). A code is found with one table look-up and one comparison.
#pragma once
#include <cstdint>

namespace ct {

struct Codebook {
  /// What a code stands for, ascending.
  float values[256];
  /// thresholds[c] is the least number that rounds above code c; infinity for the last.
  float thresholds[256];
  /// By a number's upper 16 bits: the code of the least number that begins with them. No two
  /// thresholds share their upper 16 bits, so the code is this one or the next.
  uint8_t first[1 << 16];

  /// The codebook of numbers in [-1, 1] or in [0, 1], made once.
  static const Codebook &of(bool is_signed);
};

}  // namespace ct
