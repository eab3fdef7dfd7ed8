// Between ct_tensor handles and at::Tensor, and from exceptions to messages.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "ctorch.h"

namespace ct {

/// Keeps the message of the exception being handled; call it in a catch block only.
void remember_current_exception();

/// A handle as a tensor, without reference traffic. NULL is an undefined tensor.
struct Borrowed {
  at::Tensor tensor;
  explicit Borrowed(ct_tensor h)
      : tensor(
            h ? at::Tensor(
                    c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
                        reinterpret_cast<c10::TensorImpl *>(h)))
              : at::Tensor()) {}
  ~Borrowed() { tensor.unsafeReleaseTensorImpl(); }
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  operator const at::Tensor &() const { return tensor; }
};

/// A handle as a tensor that owns its own reference.
inline at::Tensor retained(ct_tensor h) {
  Borrowed b(h);
  return b.tensor;
}

/// Hands the reference to the caller.
inline ct_tensor handle(at::Tensor t) {
  return t.defined() ? reinterpret_cast<ct_tensor>(t.unsafeReleaseTensorImpl()) : nullptr;
}

/// The memory of a tensor as elements of its type, for kernels.
template <class T>
const T *elements(const at::Tensor &t) {
  return static_cast<const T *>(t.const_data_ptr());
}
template <class T>
T *mutable_elements(const at::Tensor &t) {
  return static_cast<T *>(t.mutable_data_ptr());
}

template <class F>
ct_tensor tensor_or_null(F &&body) noexcept {
  try {
    return handle(body());
  } catch (...) {
    remember_current_exception();
    return nullptr;
  }
}

template <class F>
bool succeeded(F &&body) noexcept {
  try {
    body();
    return true;
  } catch (...) {
    remember_current_exception();
    return false;
  }
}

template <class T, class F>
T value_or(T failure, F &&body) noexcept {
  try {
    return body();
  } catch (...) {
    remember_current_exception();
    return failure;
  }
}

inline at::ScalarType scalar_type(int32_t dtype) { return static_cast<at::ScalarType>(dtype); }
inline c10::Device device_of(int32_t device) {
  return device < 0 ? c10::Device(c10::kCPU)
                    : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device));
}
inline at::IntArrayRef sizes_of(const int64_t *sizes, int32_t dim) {
  return at::IntArrayRef(sizes, static_cast<size_t>(dim));
}

}  // namespace ct
