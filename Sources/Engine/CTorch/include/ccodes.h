// The plain-C face of the quantization kernels on the CPU: rounding, and linear layers whose weights are
// codes. The formulas are those of Quantization, which the kernels equal bit for bit. Errors as in ctorch.h.
//
// A weight [N, K] of the integer product is two tensors, which may be views with gaps between rows:
//   codes  uint8 [N, K / 2] up to 4 bits: code + 8, the even input in the low half; else int8 as bytes [N, K]
//   scales fp32 [N, K / group]
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How a scale is rounded: to a dtype, or to what fp32, bf16 and fp16 all hold (bf16 from 2^-14 to 8160).
enum ct_scale { ct_scale_float32 = 0, ct_scale_bfloat16 = 1, ct_scale_float16 = 2, ct_scale_portable = 3 };

/// What kernels are told of a scheme.
typedef struct {
  /// Weights: symmetric codes of 2 to 8 bits, a scale for `group` inputs, rounded as `scale` (ct_scale) says.
  int32_t weight_bits;
  int32_t scale;
  int64_t group;
  /// Codes from -(2^(bits-1) - 1), the largest of a group at the last of them; else from -2^(bits-1), the
  /// largest half a step beyond the last.
  bool is_full_range;
  /// Inputs: int8, asymmetric, each row on its own; false for inputs as they are.
  bool rounds_inputs;
} ct_scheme;

enum ct_kernel { ct_weight_rounding = 0, ct_input_rounding = 1, ct_integer_product = 2 };

/// Whether there is a kernel for a scheme's tensors of this dtype on this device that is quicker, on this
/// processor, than to do without. The functions below are for what has one.
bool ct_has_kernel(int32_t kernel, ct_scheme scheme, int32_t device, int32_t dtype);

/// int8 codes, and fp32 scales and zero points without the last dimension.
bool ct_quantize_input(ct_tensor x, ct_tensor *q, ct_tensor *scale, ct_tensor *zero_point);
ct_tensor ct_fake_quantize_input(ct_tensor x);
/// int8 codes, and scales in fp32.
bool ct_quantize_weight(ct_tensor w, ct_scheme scheme, ct_tensor *q, ct_tensor *scale);
ct_tensor ct_fake_quantize_weight(ct_tensor w, ct_scheme scheme);
ct_tensor ct_dequantize_weight(ct_tensor q, ct_tensor scale, ct_scheme scheme, int32_t dtype);

/// What integer products are computed with, all to the same bits: 0 portable, 1 AVX2, 2 AVX-512,
/// 3 AVX-512 VNNI. -1 where TUNE_KERNELS names none that this processor has: ct_last_error().
int32_t ct_instruction_set(void);
const char *ct_instruction_set_name(int32_t set);
/// For tests and benchmarks; false where the processor lacks it.
bool ct_choose_instruction_set(int32_t set);

/// Writes the codes and scales of `w` [N, K], fp32 or bf16.
bool ct_code_weight(ct_tensor w, ct_tensor codes, ct_tensor scales, ct_scheme scheme);
/// [N, K] of `dtype`, fp32 or bf16.
ct_tensor ct_decode_weight(ct_tensor codes, ct_tensor scales, ct_scheme scheme, int32_t dtype);

/// x [.., K] through `count` layers (1 to 3): outputs [.., N] of x's dtype. x is rounded per token, and
/// the graph keeps its codes. `leaves` (NULL, or an entry NULL) are where the gradients at the weights go:
/// tensors of the weights' shapes whose values are not read. Outputs that are not read are left out of a
/// graph: zeros.
bool ct_linear_of_codes(
    ct_tensor x, const ct_tensor *codes, const ct_tensor *scales, const ct_tensor *leaves,
    int32_t count, ct_scheme scheme, bool is_read, ct_tensor *outputs);

// The gradients of a linear layer one by one, for a head that is computed in chunks.
/// grad [M, N] times weight [N, K].
ct_tensor ct_gradient_at_input(ct_tensor grad, ct_tensor weight);
ct_tensor ct_gradient_at_input_of_codes(
    ct_tensor grad, ct_tensor codes, ct_tensor scales, ct_scheme scheme);
/// grad [M, N] transposed times x [M, K], x rounded per token first if asked; added to `sum` unless
/// that is NULL.
ct_tensor ct_gradient_at_weight(ct_tensor grad, ct_tensor x, bool rounds_input, ct_tensor sum);

#ifdef __cplusplus
}
#endif
