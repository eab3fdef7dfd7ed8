// The instruction sets that kernels are compiled for, and the choice among them. It is made once, by
// what the processor has or by TUNE_KERNELS, and every place that forks on the processor reads it.
#pragma once
#include <cstdint>

namespace ct {

/// In rising order: each includes those before it.
enum class InstructionSet : int32_t {
  portable,
  avx2,         // x86-64-v3
  avx512,       // x86-64-v4; from here on libtorch has fast bf16 products
  avx512_vnni,  // and integer dot products
};
constexpr int32_t kInstructionSets = 4;

bool has_instruction_set(InstructionSet set);
/// The best that this processor has.
InstructionSet best_instruction_set();
/// What TUNE_KERNELS calls it.
const char *name_of(InstructionSet set);
/// What this process runs kernels with: TUNE_KERNELS, else the best. Throws std::invalid_argument
/// where TUNE_KERNELS names none that this processor has.
InstructionSet instruction_set();

}  // namespace ct
