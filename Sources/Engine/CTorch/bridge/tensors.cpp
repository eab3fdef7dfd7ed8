// Life, attributes, making, converting and viewing tensors; threads.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <torch/version.h>

#include "bridge.h"

using namespace ct;
using at::Tensor;

namespace ct {
static thread_local std::string last_error;
static thread_local bool last_is_of_memory = false;

/// The allocators of the host throw plain errors, and those of vendors' libraries return codes that
/// libtorch makes messages of.
static bool speaks_of_memory(const std::string &text) {
  for (const char *words :
       {"not enough memory", "out of memory", "can't allocate memory", "alloc_cpu", "ALLOC_FAILED",
        "could not create a memory", "bad_alloc"})
    if (text.find(words) != std::string::npos) return true;
  return false;
}

void remember_current_exception() {
  last_is_of_memory = false;
  try {
    throw;
  } catch (const c10::OutOfMemoryError &e) {
    last_error = e.what_without_backtrace();
    last_is_of_memory = true;
  } catch (const c10::Error &e) {
    last_error = e.what_without_backtrace();
  } catch (const std::bad_alloc &) {
    last_error = "the system gives no more memory";
    last_is_of_memory = true;
  } catch (const std::exception &e) {
    last_error = e.what();
  } catch (...) {
    last_error = "unknown C++ exception";
  }
  last_is_of_memory = last_is_of_memory || speaks_of_memory(last_error);
}
}  // namespace ct

struct ct_generator_opaque {
  at::Generator generator;
};

static at::TensorOptions options(int32_t dtype, int32_t device) {
  return at::TensorOptions().dtype(scalar_type(dtype)).device(device_of(device));
}

extern "C" {

const char *ct_last_error(void) { return last_error.c_str(); }
bool ct_last_error_is_of_memory(void) { return last_is_of_memory; }
const char *ct_version(void) { return TORCH_VERSION; }

void ct_set_threads(int32_t count) { at::set_num_threads(count); }
int32_t ct_threads(void) { return at::get_num_threads(); }
void ct_release(ct_tensor t) {
  if (t)
    c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
        reinterpret_cast<c10::TensorImpl *>(t));
}
int32_t ct_dim(ct_tensor t) { return static_cast<int32_t>(Borrowed(t).tensor.dim()); }
void ct_sizes(ct_tensor t, int64_t *out) {
  Borrowed b(t);
  for (auto s : b.tensor.sizes()) *out++ = s;
}
int64_t ct_numel(ct_tensor t) { return Borrowed(t).tensor.numel(); }
int32_t ct_dtype_of(ct_tensor t) {
  return static_cast<int32_t>(Borrowed(t).tensor.scalar_type());
}
int32_t ct_device_of(ct_tensor t) {
  Borrowed b(t);
  return b.tensor.is_cpu() ? -1 : b.tensor.device().index();
}
bool ct_is_contiguous(ct_tensor t) { return Borrowed(t).tensor.is_contiguous(); }
void *ct_data(ct_tensor t) {
  return value_or<void *>(nullptr, [&] { return Borrowed(t).tensor.data_ptr(); });
}
int64_t ct_storage_bytes(ct_tensor t) {
  return static_cast<int64_t>(Borrowed(t).tensor.storage().nbytes());
}
bool ct_storage_resize(ct_tensor t, int64_t bytes) {
  return succeeded([&] {
    // By the storage's own allocator, so that it is the same on every device.
    auto *storage = Borrowed(t).tensor.storage().unsafeGetStorageImpl();
    auto *allocator =
        storage->allocator() ? storage->allocator() : c10::GetAllocator(storage->device_type());
    auto size = static_cast<size_t>(bytes);
    storage->set_data_ptr_noswap(
        size ? allocator->allocate(size) : at::DataPtr(nullptr, storage->device()));
    storage->set_nbytes(size);
  });
}

ct_tensor ct_empty(const int64_t *sizes, int32_t dim, int32_t dtype, int32_t device) {
  return tensor_or_null([&] { return at::empty(sizes_of(sizes, dim), options(dtype, device)); });
}
ct_tensor ct_full(const int64_t *sizes, int32_t dim, double v, int32_t dtype, int32_t device) {
  return tensor_or_null(
      [&] { return at::full(sizes_of(sizes, dim), v, options(dtype, device)); });
}
ct_tensor ct_arange(int64_t count, int32_t dtype, int32_t device) {
  return tensor_or_null([&] { return at::arange(count, options(dtype, device)); });
}
ct_tensor ct_over_memory(
    void *data, const int64_t *sizes, int32_t dim, int32_t dtype, void (*release)(void *),
    void *context) {
  return tensor_or_null([&] {
    return at::from_blob(
        data, sizes_of(sizes, dim), [release, context](void *) { release(context); },
        options(dtype, -1));
  });
}
static std::optional<at::Generator> optional(ct_generator g) {
  return g ? std::optional<at::Generator>(g->generator) : std::nullopt;
}
ct_tensor ct_normal(
    const int64_t *sizes, int32_t dim, double mean, double std, int32_t dtype, ct_generator g) {
  return tensor_or_null([&] {
    return at::empty(sizes_of(sizes, dim), options(dtype, -1)).normal_(mean, std, optional(g));
  });
}
ct_tensor ct_uniform(
    const int64_t *sizes, int32_t dim, double low, double high, int32_t dtype, ct_generator g) {
  return tensor_or_null([&] {
    return at::empty(sizes_of(sizes, dim), options(dtype, -1)).uniform_(low, high, optional(g));
  });
}
ct_tensor ct_randint(
    const int64_t *sizes, int32_t dim, int64_t low, int64_t high, ct_generator g) {
  return tensor_or_null([&] {
    return at::randint(low, high, sizes_of(sizes, dim), optional(g), options(ct_int64, -1));
  });
}
ct_tensor ct_multinomial(ct_tensor p, int64_t samples, ct_generator g) {
  return tensor_or_null([&] { return at::multinomial(Borrowed(p), samples, false, optional(g)); });
}
ct_generator ct_generator_new(uint64_t seed) {
  return value_or<ct_generator>(nullptr, [&] {
    return new ct_generator_opaque{at::detail::createCPUGenerator(seed)};
  });
}
void ct_generator_free(ct_generator g) { delete g; }

ct_tensor ct_to(ct_tensor t, int32_t dtype, int32_t device, bool non_blocking) {
  return tensor_or_null([&] {
    Borrowed b(t);
    auto type = dtype < 0 ? b.tensor.scalar_type() : scalar_type(dtype);
    auto place = device < -1 ? b.tensor.device() : device_of(device);
    return b.tensor.to(place, type, non_blocking);
  });
}
ct_tensor ct_clone(ct_tensor t) {
  return tensor_or_null([&] { return Borrowed(t).tensor.clone(at::MemoryFormat::Contiguous); });
}
ct_tensor ct_contiguous(ct_tensor t) {
  return tensor_or_null([&] { return Borrowed(t).tensor.contiguous(); });
}
ct_tensor ct_detach(ct_tensor t) {
  return tensor_or_null([&] { return Borrowed(t).tensor.detach(); });
}
ct_tensor ct_unversioned(ct_tensor t) {
  return tensor_or_null([&] { return Borrowed(t).tensor.variable_data(); });
}
bool ct_set_requires_grad(ct_tensor t, bool on) {
  return succeeded([&] { Borrowed(t).tensor.set_requires_grad(on); });
}
ct_tensor ct_reshape(ct_tensor t, const int64_t *sizes, int32_t dim) {
  return tensor_or_null([&] { return Borrowed(t).tensor.reshape(sizes_of(sizes, dim)); });
}
ct_tensor ct_view_as_dtype(ct_tensor t, int32_t dtype) {
  return tensor_or_null([&] { return Borrowed(t).tensor.view(scalar_type(dtype)); });
}
ct_tensor ct_transpose(ct_tensor t, int64_t a, int64_t b) {
  return tensor_or_null([&] { return Borrowed(t).tensor.transpose(a, b); });
}
ct_tensor ct_narrow(ct_tensor t, int64_t dim, int64_t start, int64_t length) {
  return tensor_or_null([&] { return Borrowed(t).tensor.narrow(dim, start, length); });
}
ct_tensor ct_select(ct_tensor t, int64_t dim, int64_t index) {
  return tensor_or_null([&] { return Borrowed(t).tensor.select(dim, index); });
}
ct_tensor ct_unsqueeze(ct_tensor t, int64_t dim) {
  return tensor_or_null([&] { return Borrowed(t).tensor.unsqueeze(dim); });
}
ct_tensor ct_squeeze(ct_tensor t, int64_t dim) {
  return tensor_or_null([&] { return Borrowed(t).tensor.squeeze(dim); });
}
ct_tensor ct_expand(ct_tensor t, const int64_t *sizes, int32_t dim) {
  return tensor_or_null([&] { return Borrowed(t).tensor.expand(sizes_of(sizes, dim)); });
}
ct_tensor ct_flatten(ct_tensor t, int64_t first, int64_t last) {
  return tensor_or_null([&] { return Borrowed(t).tensor.flatten(first, last); });
}
static std::vector<Tensor> list(const ct_tensor *ts, int32_t count) {
  std::vector<Tensor> v;
  v.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; i++) v.push_back(retained(ts[i]));
  return v;
}
ct_tensor ct_cat(const ct_tensor *ts, int32_t count, int64_t dim) {
  return tensor_or_null([&] { return at::cat(list(ts, count), dim); });
}
ct_tensor ct_stack(const ct_tensor *ts, int32_t count, int64_t dim) {
  return tensor_or_null([&] { return at::stack(list(ts, count), dim); });
}

}  // extern "C"
