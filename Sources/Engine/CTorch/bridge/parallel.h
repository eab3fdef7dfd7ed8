// Parallel loops on libtorch's own thread pool. at::parallel_for from its header would run on one
// thread here, silently, for want of -fopenmp; the exported C function does not.
#pragma once
#include <cstdint>
#include <exception>
#include <mutex>

extern "C" int32_t torch_parallel_for(
    int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void *), void *context);

namespace ct {

template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F &body) {
  struct Context {
    const F *body;
    std::exception_ptr error;
    std::mutex mutex;
  } context{&body, nullptr, {}};
  torch_parallel_for(
      begin, end, grain < 1 ? 1 : grain,
      [](int64_t b, int64_t e, void *p) {
        auto &c = *static_cast<Context *>(p);
        try {
          (*c.body)(b, e);
        } catch (...) {
          std::lock_guard<std::mutex> lock(c.mutex);
          if (!c.error) c.error = std::current_exception();
        }
      },
      &context);
  if (context.error) std::rethrow_exception(context.error);
}

}  // namespace ct
