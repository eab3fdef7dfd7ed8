// The plain-C face of linear layers whose weights are codes, on the CPU. Errors as in ctorch.h.
//
// A weight [N, K] of `bits` bits (2 to 7) in groups of `group` (a multiple of 32) is two tensors, which
// may be views with gaps between rows:
//   codes  uint8 [N, K / 2] up to 4 bits: code + 8, the even input in the low half; else int8 as bytes [N, K]
//   scales fp32 [N, K / group]
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Whether such codes can be multiplied in integers, and this processor is quick at it.
bool ct_has_integer_product(int32_t bits, int64_t group);
/// What integer products are computed with, all to the same bits: 0 portable, 1 AVX2, 2 AVX-512,
/// 3 AVX-512 VNNI. -1 where TUNE_KERNELS names none that this processor has: ct_last_error().
int32_t ct_instruction_set(void);
const char *ct_instruction_set_name(int32_t set);
/// For tests and benchmarks; false where the processor lacks it.
bool ct_choose_instruction_set(int32_t set);

/// Writes the codes and scales of `w` [N, K], fp32 or bf16.
bool ct_code_weight(
    ct_tensor w, ct_tensor codes, ct_tensor scales, int32_t bits, int64_t group,
    int32_t scale_dtype);
/// [N, K] of `dtype`, fp32 or bf16.
ct_tensor ct_decode_weight(
    ct_tensor codes, ct_tensor scales, int32_t bits, int64_t group, int32_t dtype);

/// x [.., K] through `count` layers (1 to 3): outputs [.., N] of x's dtype. x is rounded per token, and
/// the graph keeps its codes. `leaves` (NULL, or an entry NULL) are where the slopes at the weights go:
/// tensors of the weights' shapes whose values are not read. Outputs that are not read are left out of a
/// graph: zeros.
bool ct_linear_of_codes(
    ct_tensor x, const ct_tensor *codes, const ct_tensor *scales, const ct_tensor *leaves,
    int32_t count, int32_t bits, int64_t group, bool is_read, ct_tensor *outputs);

// The slopes of a linear layer one by one, for a head that is computed in chunks.
/// grad [M, N] times weight [N, K].
ct_tensor ct_slope_at_input(ct_tensor grad, ct_tensor weight);
ct_tensor ct_slope_at_input_of_codes(
    ct_tensor grad, ct_tensor codes, ct_tensor scales, int32_t bits, int64_t group);
/// grad [M, N] transposed times x [M, K], x rounded per token first if asked; added to `sum` unless
/// that is NULL.
ct_tensor ct_slope_at_weight(ct_tensor grad, ct_tensor x, bool rounds_input, ct_tensor sum);

#ifdef __cplusplus
}
#endif
