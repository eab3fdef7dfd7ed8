// Packing of integer codes into bits, and stochastic rounding: small loops over bytes.
#include <ATen/core/Tensor.h>

#include "bridge.h"
#include "parallel.h"

using namespace ct;
using at::Tensor;

namespace {

/// One row: code + 2^(bits-1), `bits` bits each, low bits first.
void pack_row(const int8_t *q, uint8_t *out, int64_t n, int bits) {
  uint32_t waiting = 0;
  int filled = 0;
  for (int64_t i = 0; i < n; i++) {
    waiting |= static_cast<uint32_t>(q[i] + (1 << (bits - 1))) << filled;
    filled += bits;
    while (filled >= 8) {
      *out++ = static_cast<uint8_t>(waiting);
      waiting >>= 8;
      filled -= 8;
    }
  }
  if (filled) *out = static_cast<uint8_t>(waiting);
}

void unpack_row(const uint8_t *packed, int8_t *q, int64_t n, int bits) {
  const uint32_t mask = (1u << bits) - 1;
  uint32_t waiting = 0;
  int filled = 0;
  for (int64_t i = 0; i < n; i++) {
    if (filled < bits) {
      waiting |= static_cast<uint32_t>(*packed++) << filled;
      filled += 8;
    }
    q[i] = static_cast<int8_t>(static_cast<int>(waiting & mask) - (1 << (bits - 1)));
    waiting >>= bits;
    filled -= bits;
  }
}

/// A cheap counter-based generator (splitmix64's finalizer): the same bits for a seed and place.
uint32_t random_bits(uint64_t seed, uint64_t place) {
  uint64_t z = seed + (place + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 32);
}

}  // namespace

extern "C" {

ct_tensor ct_pack_codes(ct_tensor h, int32_t bits) {
  return tensor_or_null([&] {
    Tensor q = retained(h).to(at::kCPU).contiguous();
    TORCH_CHECK(q.dim() == 2 && q.scalar_type() == at::kChar, "codes must be a matrix of int8");
    int64_t rows = q.size(0), n = q.size(1), bytes = (n * bits + 7) / 8;
    Tensor packed = q.new_empty({rows, bytes}, q.options().dtype(at::kByte));
    auto *from = static_cast<const int8_t *>(q.const_data_ptr());
    auto *to = static_cast<uint8_t *>(packed.mutable_data_ptr());
    parallel_for(0, rows, 32768 / (n ? n : 1), [&](int64_t b, int64_t e) {
      for (int64_t r = b; r < e; r++) pack_row(from + r * n, to + r * bytes, n, bits);
    });
    return packed;
  });
}

ct_tensor ct_unpack_codes(ct_tensor h, int32_t bits, int64_t columns) {
  return tensor_or_null([&] {
    Tensor packed = retained(h).to(at::kCPU).contiguous();
    TORCH_CHECK(
        packed.dim() == 2 && packed.scalar_type() == at::kByte &&
            packed.size(1) == (columns * bits + 7) / 8,
        "packed codes do not fit ", columns, " columns of ", bits, " bits");
    int64_t rows = packed.size(0), bytes = packed.size(1);
    Tensor q = packed.new_empty({rows, columns}, packed.options().dtype(at::kChar));
    auto *from = static_cast<const uint8_t *>(packed.const_data_ptr());
    auto *to = static_cast<int8_t *>(q.mutable_data_ptr());
    parallel_for(0, rows, 32768 / (columns ? columns : 1), [&](int64_t b, int64_t e) {
      for (int64_t r = b; r < e; r++) unpack_row(from + r * bytes, to + r * columns, columns, bits);
    });
    return q;
  });
}

ct_tensor ct_round_stochastically_to_bfloat16(ct_tensor h, uint64_t seed) {
  return tensor_or_null([&] {
    Tensor t = retained(h).to(at::kCPU).contiguous();
    TORCH_CHECK(t.scalar_type() == at::kFloat, "stochastic rounding is from fp32");
    Tensor out = t.new_empty(t.sizes(), t.options().dtype(at::kBFloat16));
    auto *from = static_cast<const uint32_t *>(t.const_data_ptr());
    auto *to = static_cast<uint16_t *>(out.mutable_data_ptr());
    parallel_for(0, t.numel(), 32768, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; i++) {
        bool finite = (from[i] & 0x7f800000u) != 0x7f800000u;
        uint32_t noise = random_bits(seed, static_cast<uint64_t>(i)) & 0xffffu;
        to[i] = static_cast<uint16_t>((finite ? from[i] + noise : from[i]) >> 16);
      }
    });
    return out.to(retained(h).device());
  });
}

}  // extern "C"
