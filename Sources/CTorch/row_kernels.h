// What files of kernels over rows share.
#pragma once
#include <cstdint>

// A kernel compiled for several instruction sets; the loader chooses. A clone is made of a plain
// function, not of a template: hence a name for each element type.
#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

namespace ct {
/// Elements that are worth a thread of their own.
constexpr int64_t kGrainElements = 32768;
}  // namespace ct
