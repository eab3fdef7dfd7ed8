// The plain-C face of libtorch: tensors, the operations in use, local autograd, packing. No C++ type
// and no exception crosses it: a function that fails returns NULL (or false, or a negative count) and
// ct_last_error() says why, per thread.
//
// A ct_tensor that a function returns is owned by the caller (ct_release). Arguments are borrowed.
// A NULL ct_tensor argument means "no tensor" where the comment says so.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_tensor_opaque *ct_tensor;
typedef struct ct_generator_opaque *ct_generator;

/// libtorch's own scalar type numbers.
enum ct_dtype {
  ct_uint8 = 0, ct_int8 = 1, ct_int16 = 2, ct_int32 = 3, ct_int64 = 4, ct_float16 = 5,
  ct_float32 = 6, ct_float64 = 7, ct_bool = 11, ct_bfloat16 = 15
};

const char *ct_last_error(void);
/// Whether that call failed for want of memory, of the host or of a device.
bool ct_last_error_is_of_memory(void);
const char *ct_version(void);

// --- Process-wide settings
void ct_set_threads(int32_t count);
int32_t ct_threads(void);
/// Keeps freed blocks of large CPU tensors for the next ones, never more than was once in use at
/// once. Call it before the first tensor is made.
void ct_keep_freed_memory(void);
/// Hands memory that is kept back to the system, and forgets what was in use before.
void ct_return_freed_memory(void);
/// Bytes of large CPU tensors: in use, kept for the next ones, and the most that were in use.
void ct_block_memory(int64_t *in_use, int64_t *idle, int64_t *most_in_use);

// --- Devices. Device indices are 0 ..< count; -1 is the CPU.
/// Loads libtorch_cuda from libtorch_cpu's folder. Must come before any other question about CUDA.
bool ct_load_cuda(void);
int32_t ct_cuda_count(void);
bool ct_cuda_set_device(int32_t index);
/// Bytes of the caching allocator: allocated now, its peak, reserved now, its peak.
bool ct_cuda_memory(int32_t index, int64_t *out4);
bool ct_cuda_reset_peak(int32_t index);

// --- Life and attributes
void ct_release(ct_tensor t);
int32_t ct_dim(ct_tensor t);
void ct_sizes(ct_tensor t, int64_t *out);
int64_t ct_numel(ct_tensor t);
int32_t ct_dtype_of(ct_tensor t);
/// -1 for the CPU, else the CUDA device index.
int32_t ct_device_of(ct_tensor t);
bool ct_is_contiguous(ct_tensor t);
void *ct_data(ct_tensor t);
int64_t ct_storage_bytes(ct_tensor t);
/// Frees (0) or reallocates the storage under a tensor and all its views; content is lost.
bool ct_storage_resize(ct_tensor t, int64_t bytes);

// --- Making tensors
ct_tensor ct_empty(const int64_t *sizes, int32_t dim, int32_t dtype, int32_t device);
ct_tensor ct_full(const int64_t *sizes, int32_t dim, double v, int32_t dtype, int32_t device);
ct_tensor ct_arange(int64_t count, int32_t dtype, int32_t device);
/// A tensor over the caller's memory; `release(context)` is called when its last view dies.
ct_tensor ct_over_memory(
    void *data, const int64_t *sizes, int32_t dim, int32_t dtype, void (*release)(void *),
    void *context);
ct_tensor ct_normal(
    const int64_t *sizes, int32_t dim, double mean, double std, int32_t dtype, ct_generator g);
ct_tensor ct_uniform(
    const int64_t *sizes, int32_t dim, double low, double high, int32_t dtype, ct_generator g);
ct_tensor ct_randint(
    const int64_t *sizes, int32_t dim, int64_t low, int64_t high, ct_generator g);
ct_tensor ct_multinomial(ct_tensor probabilities, int64_t samples, ct_generator g);
ct_generator ct_generator_new(uint64_t seed);
void ct_generator_free(ct_generator g);

// --- Conversions and views. A dtype of -1 keeps the dtype, a device of -2 the device.
ct_tensor ct_to(ct_tensor t, int32_t dtype, int32_t device, bool non_blocking);
ct_tensor ct_clone(ct_tensor t);
ct_tensor ct_contiguous(ct_tensor t);
ct_tensor ct_detach(ct_tensor t);
/// Same storage, own version counter: a write through it is not seen by saved graphs' checks.
ct_tensor ct_unversioned(ct_tensor t);
bool ct_set_requires_grad(ct_tensor t, bool on);
ct_tensor ct_reshape(ct_tensor t, const int64_t *sizes, int32_t dim);
ct_tensor ct_view_as_dtype(ct_tensor t, int32_t dtype);
ct_tensor ct_transpose(ct_tensor t, int64_t a, int64_t b);
ct_tensor ct_narrow(ct_tensor t, int64_t dim, int64_t start, int64_t length);
ct_tensor ct_select(ct_tensor t, int64_t dim, int64_t index);
ct_tensor ct_unsqueeze(ct_tensor t, int64_t dim);
ct_tensor ct_squeeze(ct_tensor t, int64_t dim);
ct_tensor ct_expand(ct_tensor t, const int64_t *sizes, int32_t dim);
ct_tensor ct_flatten(ct_tensor t, int64_t first, int64_t last);
ct_tensor ct_cat(const ct_tensor *ts, int32_t count, int64_t dim);
ct_tensor ct_stack(const ct_tensor *ts, int32_t count, int64_t dim);

// --- Element-wise
ct_tensor ct_add(ct_tensor a, ct_tensor b);
ct_tensor ct_sub(ct_tensor a, ct_tensor b);
ct_tensor ct_mul(ct_tensor a, ct_tensor b);
ct_tensor ct_div(ct_tensor a, ct_tensor b);
ct_tensor ct_maximum(ct_tensor a, ct_tensor b);
ct_tensor ct_eq(ct_tensor a, ct_tensor b);
ct_tensor ct_gt(ct_tensor a, ct_tensor b);
ct_tensor ct_logical_and(ct_tensor a, ct_tensor b);
ct_tensor ct_add_scalar(ct_tensor a, double s);
ct_tensor ct_mul_scalar(ct_tensor a, double s);
ct_tensor ct_div_scalar(ct_tensor a, double s);
ct_tensor ct_pow_scalar(ct_tensor a, double s);
ct_tensor ct_scalar_pow(double s, ct_tensor a);
ct_tensor ct_eq_scalar(ct_tensor a, double s);
ct_tensor ct_ne_scalar(ct_tensor a, double s);
ct_tensor ct_lt_scalar(ct_tensor a, double s);
ct_tensor ct_gt_scalar(ct_tensor a, double s);
ct_tensor ct_clamp(ct_tensor a, double low, double high);
ct_tensor ct_neg(ct_tensor a);
ct_tensor ct_abs(ct_tensor a);
ct_tensor ct_exp(ct_tensor a);
ct_tensor ct_log(ct_tensor a);
ct_tensor ct_sqrt(ct_tensor a);
ct_tensor ct_rsqrt(ct_tensor a);
ct_tensor ct_reciprocal(ct_tensor a);
/// The largest power of two that is not above |a|, of a normal fp32 number; 0 below those.
ct_tensor ct_power_of_two(ct_tensor a);
ct_tensor ct_sin(ct_tensor a);
ct_tensor ct_cos(ct_tensor a);
ct_tensor ct_silu(ct_tensor a);
ct_tensor ct_tanh(ct_tensor a);
ct_tensor ct_round(ct_tensor a);
ct_tensor ct_isfinite(ct_tensor a);
ct_tensor ct_logical_not(ct_tensor a);
ct_tensor ct_where(ct_tensor condition, ct_tensor a, ct_tensor b);
ct_tensor ct_masked_fill(ct_tensor a, ct_tensor mask, double v);

// --- Reductions, selection
ct_tensor ct_sum(ct_tensor a);
ct_tensor ct_sum_dim(ct_tensor a, int64_t dim, bool keep);
ct_tensor ct_mean(ct_tensor a);
ct_tensor ct_mean_dim(ct_tensor a, int64_t dim, bool keep);
ct_tensor ct_amax_dim(ct_tensor a, int64_t dim, bool keep);
ct_tensor ct_amin_dim(ct_tensor a, int64_t dim, bool keep);
ct_tensor ct_amax(ct_tensor a);
ct_tensor ct_all(ct_tensor a);
/// Sum of squares in fp32 or better.
ct_tensor ct_squared_norm(ct_tensor a);
ct_tensor ct_argmax_dim(ct_tensor a, int64_t dim);
ct_tensor ct_tril(ct_tensor a, int64_t diagonal);
ct_tensor ct_nonzero(ct_tensor a);
ct_tensor ct_index_select(ct_tensor a, int64_t dim, ct_tensor index);
ct_tensor ct_gather(ct_tensor a, int64_t dim, ct_tensor index);
/// The k largest along the last dimension, sorted; their indices go to `indices`.
ct_tensor ct_topk(ct_tensor a, int64_t k, ct_tensor *indices);

// --- Layers' operations
ct_tensor ct_matmul(ct_tensor a, ct_tensor b);
/// `bias` may be NULL.
ct_tensor ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias);
/// The graph of a linear layer whose output nobody reads: zeros.
ct_tensor ct_linear_graph_only(ct_tensor x, ct_tensor weight);
ct_tensor ct_embedding(ct_tensor weight, ct_tensor index);
/// Gradient of an embedding's weight: rows of `grad` summed by `index`.
ct_tensor ct_embedding_gradient(ct_tensor grad, ct_tensor index, int64_t rows);
ct_tensor ct_softmax(ct_tensor a, int64_t dim);
ct_tensor ct_log_softmax(ct_tensor a, int64_t dim);

// --- In place
bool ct_copy_(ct_tensor into, ct_tensor from, bool non_blocking);
bool ct_fill_(ct_tensor t, double v);
bool ct_add_(ct_tensor t, ct_tensor other, double alpha);
bool ct_mul_(ct_tensor t, double s);
bool ct_mul_tensor_(ct_tensor t, ct_tensor other);
bool ct_lerp_(ct_tensor t, ct_tensor other, double weight);
bool ct_addcmul_(ct_tensor t, ct_tensor a, ct_tensor b, double value);
bool ct_addcdiv_(ct_tensor t, ct_tensor a, ct_tensor b, double value);
bool ct_index_add_(ct_tensor t, int64_t dim, ct_tensor index, ct_tensor source);
/// torch.optim.AdamW(fused=True); `step` is the number of this step, from 1.
bool ct_fused_adamw_(
    ct_tensor p, ct_tensor grad, ct_tensor m, ct_tensor v, double lr, double beta1, double beta2,
    double eps, double weight_decay, int64_t step);

// --- Values
bool ct_equal(ct_tensor a, ct_tensor b, bool *out);
bool ct_item(ct_tensor t, double *out);
bool ct_item_int(ct_tensor t, int64_t *out);

// --- Local autograd
bool ct_grad_enabled(void);
void ct_set_grad_enabled(bool on);
/// Gradients of `outputs`, seeded (`seeds` or an entry of it may be NULL for 1), at `inputs`. An
/// entry of `gradients` is NULL where an input was not used.
bool ct_gradients(
    const ct_tensor *outputs, const ct_tensor *seeds, int32_t output_count,
    const ct_tensor *inputs, int32_t input_count, bool keep_graph, ct_tensor *gradients);

/// `value`, with a gradient that passes to `x` as it is. `value` is the caller's own: the graph is its.
ct_tensor ct_straight_through(ct_tensor x, ct_tensor value);
/// A function of a weight that the caller computes: `call` borrows `w` and hands its result over.
/// `release` is called when the last graph that needs it is gone.
typedef struct {
  void *context;
  ct_tensor (*call)(void *context, ct_tensor w);
  void (*release)(void *context);
} ct_rounding;
/// linear(x, round(w)), the gradient at w straight through. The graph keeps `x` and `w` and rounds again,
/// so that there is never a second copy of `w`. An output that is not read is left out: zeros.
ct_tensor ct_linear_rounding_weight(
    ct_tensor x, ct_tensor w, ct_rounding rounding, bool is_read);

// --- Packing
/// Codes of `bits` bits, offset to be unsigned, packed low bits first along each row into bytes.
ct_tensor ct_pack_codes(ct_tensor q, int32_t bits);
ct_tensor ct_unpack_codes(ct_tensor packed, int32_t bits, int64_t columns);
/// Rounds fp32 to bf16 up or down at random, so that the mean is exact.
ct_tensor ct_round_stochastically_to_bfloat16(ct_tensor t, uint64_t seed);

#ifdef __cplusplus
}
#endif
