// What the processor has, and what the environment asks for.
#include "instruction_set.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace ct {

bool has_instruction_set(InstructionSet set) {
#if defined(__x86_64__)
  switch (set) {
    case InstructionSet::portable: return true;
    case InstructionSet::avx2: return __builtin_cpu_supports("x86-64-v3");
    case InstructionSet::avx512: return __builtin_cpu_supports("x86-64-v4");
    case InstructionSet::avx512_vnni:
      return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512vnni");
  }
#endif
  return set == InstructionSet::portable;
}

InstructionSet best_instruction_set() {
  static const InstructionSet best = [] {
    int32_t set = kInstructionSets - 1;
    while (!has_instruction_set(static_cast<InstructionSet>(set))) set--;
    return static_cast<InstructionSet>(set);
  }();
  return best;
}

const char *name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::portable: return "portable";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512: return "avx512";
    case InstructionSet::avx512_vnni: return "avx512_vnni";
  }
  return "";
}

namespace {

InstructionSet requested() {
  const char *name = std::getenv("TUNE_KERNELS");
  if (!name || !*name) return best_instruction_set();
  std::string known;
  for (int32_t i = 0; i < kInstructionSets; i++) {
    const auto set = static_cast<InstructionSet>(i);
    if (!has_instruction_set(set)) continue;
    if (!std::strcmp(name, name_of(set))) return set;
    known += std::string(known.empty() ? "" : ", ") + name_of(set);
  }
  throw std::invalid_argument(
      "TUNE_KERNELS '" + std::string(name) + "' is not supported on this processor, which has: " +
      known);
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet set = requested();
  return set;
}

}  // namespace ct
