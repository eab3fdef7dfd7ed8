// The plain-C face of the optimizers: torch's fused SGD, AdamW whose state is kept in 8 bits, and
// the sum of squares that a gradient norm is made of. Errors as in ctorch.h.
//
// 8-bit state: a code for each element, an index into a codebook of 256 numbers from -1 (or 0) to 1,
// and for each block of elements its largest magnitude as an fp32 scale.
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  /// The number of this step, from 1.
  int64_t step;
} ct_adamw_options;

/// `buffer` may be NULL where momentum is 0; `first` fills it.
bool ct_fused_sgd_(
    ct_tensor p, ct_tensor grad, ct_tensor buffer, double lr, double momentum, double dampening,
    double weight_decay, bool nesterov, bool first);

/// AdamW computed in fp32 and rounded back to each tensor's own dtype.
bool ct_adamw_in_float32_(
    ct_tensor p, ct_tensor grad, ct_tensor m, ct_tensor v, ct_adamw_options options);
/// As above with 8-bit state: `grad` is fp32, codes are uint8, scales fp32, a scale for `block`
/// elements. One fused parallel pass on the CPU, operation by operation elsewhere.
bool ct_adamw_8bit_(
    ct_tensor p, ct_tensor grad, ct_tensor m_codes, ct_tensor m_scales, ct_tensor v_codes,
    ct_tensor v_scales, int64_t block, ct_adamw_options options);
/// The same formula as a sequence of libtorch operations, the check on the kernel.
bool ct_adamw_8bit_by_ops_(
    ct_tensor p, ct_tensor grad, ct_tensor m_codes, ct_tensor m_scales, ct_tensor v_codes,
    ct_tensor v_scales, int64_t block, ct_adamw_options options);

/// The 256 numbers that codes stand for, ascending.
ct_tensor ct_codebook(bool is_signed);
/// Codes of an fp32 tensor; their scales go to `scales`.
ct_tensor ct_quantize_blocks(ct_tensor x, int64_t block, bool is_signed, ct_tensor *scales);
/// Flat fp32 values; the last block may be short.
ct_tensor ct_dequantize_blocks(ct_tensor codes, ct_tensor scales, int64_t block, bool is_signed);

/// Sum of squares in fp64, the same for any number of threads. NaN for a failure.
bool ct_sum_of_squares(ct_tensor t, double *out);
/// The largest absolute value; NaN where there is one, 0 of an empty tensor.
bool ct_largest_magnitude(ct_tensor t, double *out);

#ifdef __cplusplus
}
#endif
