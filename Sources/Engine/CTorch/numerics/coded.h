// Tensors of codes for the integer product: activations as a byte each, weights as they are stored,
// and either back as numbers, some columns at a time.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "ccodes.h"
#include "integer_product.h"

namespace ct {

/// The codes of x [M, K], made in one pass.
struct TokenCodes {
  at::Tensor codes;    // uint8 [M, K], code + 128
  at::Tensor scales;   // fp32 [M]
  at::Tensor offsets;  // int32 [M], zero point + 128
  CodedTokens view() const;
};
/// x [.., K] fp32 or bf16 on the CPU.
TokenCodes code_tokens(const at::Tensor &x);

/// A weight's codes and scales, possibly views with gaps between rows.
struct WeightCodes {
  at::Tensor codes;   // uint8 [N, K / 2] (bits <= 4) or [N, K]
  at::Tensor scales;  // fp32 [N, K / group]
  int64_t bits, group;
  int64_t inputs() const { return scales.size(1) * group; }
  PackedWeight view() const;
};
/// - Throws: where the shapes do not fit together.
WeightCodes weight_codes(at::Tensor codes, at::Tensor scales, int64_t bits, int64_t group);

/// Writes the codes and scales of w [N, K] into `into`.
void code_weight(const at::Tensor &w, const WeightCodes &into, const ct_scheme &scheme);

/// Columns `from` ..< `from + count` as numbers of `dtype`, stored as `stored` (which holds them exactly);
/// `from` and `count` are multiples of the group.
at::Tensor decoded_columns(
    const WeightCodes &w, int64_t from, int64_t count, at::ScalarType dtype, at::ScalarType stored);
at::Tensor decoded_columns(
    const TokenCodes &x, int64_t from, int64_t count, at::ScalarType dtype, at::ScalarType stored);

/// x times each weight transposed: [M, N] of `dtype`. The weights are grouped alike.
std::vector<at::Tensor> multiply_codes(
    const TokenCodes &x, const std::vector<WeightCodes> &weights, at::ScalarType dtype);

}  // namespace ct
