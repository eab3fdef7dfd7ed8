// Codes of four bits, two to a byte.
#pragma once
#include "quantize_rows.h"

namespace ct {

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

}  // namespace ct
