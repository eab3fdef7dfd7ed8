// What files of kernels over rows share: one body, compiled for several instruction sets.
#pragma once
#include <cstdint>

#include "instruction_set.h"

namespace ct {

/// The versions of a kernel. `Body` is a function that is always inlined, so that each version is
/// compiled for its own instruction set.
template <auto Body>
struct Versions;

template <class Result, class... Arguments, Result (*Body)(Arguments...)>
struct Versions<Body> {
  using Function = Result (*)(Arguments...);
  static Result baseline(Arguments... a) { return Body(a...); }
#if defined(__x86_64__)
  __attribute__((target("arch=x86-64-v3"))) static Result v3(Arguments... a) { return Body(a...); }
  __attribute__((target("arch=x86-64-v4"))) static Result v4(Arguments... a) { return Body(a...); }
#endif
  static Function chosen() {
#if defined(__x86_64__)
    const InstructionSet set = instruction_set();
    if (set >= InstructionSet::avx512) return v4;
    if (set >= InstructionSet::avx2) return v3;
#endif
    return baseline;
  }
};

/// The version of `Body` for this process.
template <auto Body>
auto kernel() {
  return Versions<Body>::chosen();
}

/// Elements that are worth a thread of their own.
constexpr int64_t kGrainElements = 32768;
}  // namespace ct
