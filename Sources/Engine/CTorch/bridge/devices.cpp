// CUDA at run time, without CUDA headers: libtorch_cuda is loaded when it is asked for, and its
// device guard and allocator are reached through libtorch's device-neutral interfaces.
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "bridge.h"

using namespace ct;

extern "C" {

bool ct_load_cuda(void) {
  // Asking libtorch whether CUDA is there before this would cache a "no" for good.
  static const bool loaded = [] {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&at::get_num_threads), &info)) return false;
    std::string path = info.dli_fname;
    path = path.substr(0, path.rfind('/') + 1) + "libtorch_cuda.so";
    return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr;
  }();
  return loaded;
}
int32_t ct_cuda_count(void) {
  if (!ct_load_cuda() || !c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return 0;
  return value_or<int32_t>(0, [] {
    return static_cast<int32_t>(c10::impl::VirtualGuardImpl(c10::kCUDA).deviceCount());
  });
}
bool ct_cuda_set_device(int32_t index) {
  return succeeded([&] { c10::impl::VirtualGuardImpl(c10::kCUDA).setDevice(device_of(index)); });
}
bool ct_cuda_memory(int32_t index, int64_t *out4) {
  return succeeded([&] {
    auto stats = at::accelerator::getDeviceStats(static_cast<c10::DeviceIndex>(index));
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    out4[0] = stats.allocated_bytes[all].current;
    out4[1] = stats.allocated_bytes[all].peak;
    out4[2] = stats.reserved_bytes[all].current;
    out4[3] = stats.reserved_bytes[all].peak;
  });
}
bool ct_cuda_reset_peak(int32_t index) {
  return succeeded([&] {
    at::accelerator::resetPeakStats(static_cast<c10::DeviceIndex>(index));
  });
}

}  // extern "C"
