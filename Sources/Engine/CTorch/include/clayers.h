// The plain-C face of the layers between the matrix products. On the CPU in fp32 and bf16 each is
// one parallel pass over memory, computed in fp32 and rounded once, the same for any number of
// threads; elsewhere it is a sequence of libtorch's operations. All are differentiable; their graphs
// keep what is named here and nothing else. Errors as in ctorch.h.
//
// `B` batch, `T` tokens, `S` tokens seen so far, `N` query heads, `M` key/value heads, `H` head
// width, `V` vocabulary.
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension, in x's dtype. Keeps x and a
/// number a row.
ct_tensor ct_root_mean_square_norm(ct_tensor x, ct_tensor weight, double epsilon);

/// gate * sigmoid(gate) * up. Keeps both.
ct_tensor ct_swiglu(ct_tensor gate, ct_tensor up);

/// Neighbours (a, b) of x [B, T, N, H] rotated by their position's angle; cosines and sines are
/// [B or 1, T, 1, H/2] fp32. Keeps only these.
ct_tensor ct_apply_rotary(ct_tensor x, ct_tensor cosines, ct_tensor sines);

/// The sum of the cross entropies of logits [M, V] against targets [M] int64, an fp32 scalar; a row
/// whose target is `ignore` is left out. Keeps the logits.
ct_tensor ct_cross_entropy(ct_tensor logits, ct_tensor targets, int64_t ignore);
/// The same sum; the logits are overwritten by its gradients times `seed`. Not differentiable.
ct_tensor ct_cross_entropy_into_gradients(
    ct_tensor logits, ct_tensor targets, int64_t ignore, double seed);

/// e^x of an fp32 tensor as the kernels above compute it, within an ulp.
ct_tensor ct_kernel_exponential(ct_tensor x);

/// What attention does besides being causal; 0 where it does not.
typedef struct {
  /// Factor of queries times keys; 0 for 1 / sqrt(H).
  double scale;
  /// c tanh(score / c) bounds the scores.
  double cap;
  /// A token attends to itself and the window - 1 tokens before it.
  int64_t window;
} ct_attention_rule;

/// Causal attention of queries [B, N, T, H], those of the last T tokens, to keys and values [B, M, S, H], to
/// [B, N, T, H]: query head n uses head n * M / N. Without cap and window, it keeps its inputs, its output and
/// a number a row; else a number for each query and key.
ct_tensor ct_grouped_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_attention_rule rule);
/// The same in each sample of packed rows: `lengths` are the samples' lengths, row by row;
/// those of each row sum to T.
ct_tensor ct_packed_attention(
    ct_tensor q, ct_tensor k, ct_tensor v, ct_attention_rule rule, const int64_t *lengths,
    int32_t count);

/// GELU by its tanh formula.
ct_tensor ct_tanh_gelu(ct_tensor x);

#ifdef __cplusplus
}
#endif
