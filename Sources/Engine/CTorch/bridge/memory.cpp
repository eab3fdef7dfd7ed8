// Memory of large CPU tensors. glibc either gives a freed block back at once, and the next step pays for
// fresh pages, or keeps it in a heap that fragments: a quarter more than was ever in use at once.
//
// Here freed blocks stay in an arena of their own and are taken again, but a process never holds more
// than a sixteenth above what was once in use: before it would, free pages are handed back to the system.
// Without that sixteenth, blocks of unlike sizes cost 160 MB of fresh pages in each step of a small model.
// Huge pages are not asked for: steps got no faster, and the first ones paid a second for them. Small
// tensors stay with glibc.
#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "bridge.h"

namespace {

constexpr size_t kLeastBlock = 256 << 10;
constexpr size_t kStep = 16 << 10;
constexpr size_t kCommitStep = 64 << 20;

constexpr size_t rounded_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

/// Blocks of one range of addresses. Free stretches are either resident, with pages that were written
/// to, or bare, without.
class BlockMemory {
 public:
  static BlockMemory &shared() {
    static auto *memory = new BlockMemory;  // outlives every tensor
    return *memory;
  }

  /// NULL where there is no room.
  void *take(size_t bytes) {
    const size_t size = rounded_up(bytes, kStep);
    if (size < bytes) return nullptr;
    std::lock_guard<std::mutex> lock(mutex_);
    if (char *found = best_fit(resident_, size)) return occupy(found, size);
    const size_t most = std::max(most_in_use_, in_use_ + size) * 17 / 16;
    if (in_use_ + idle_ + size > most) hand_back(in_use_ + idle_ + size - most);
    char *found = best_fit(bare_, size);
    if (!found) {
      if (!extend(size)) return nullptr;
      found = best_fit(bare_, size);
    }
    return found ? occupy(found, size) : nullptr;
  }

  /// False for a pointer that `take` did not give.
  bool give(void *pointer) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = taken_.find(pointer);
    if (found == taken_.end()) return false;
    in_use_ -= found->second;
    add_free(static_cast<char *>(pointer), found->second, true);
    taken_.erase(found);
    return true;
  }

  /// Hands back all that is free, and forgets what was in use before.
  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    hand_back(idle_);
    most_in_use_ = in_use_;
  }

  void count(int64_t *in_use, int64_t *idle, int64_t *most_in_use) {
    std::lock_guard<std::mutex> lock(mutex_);
    *in_use = static_cast<int64_t>(in_use_);
    *idle = static_cast<int64_t>(idle_);
    *most_in_use = static_cast<int64_t>(most_in_use_);
  }

 private:
  struct Stretch {
    size_t size;
    bool is_resident;
  };
  using Sizes = std::set<std::pair<size_t, char *>>;

  std::mutex mutex_;
  std::map<char *, Stretch> free_;
  Sizes resident_, bare_;
  std::unordered_map<void *, size_t> taken_;
  size_t in_use_ = 0, idle_ = 0, most_in_use_ = 0;
  char *end_ = nullptr, *limit_ = nullptr;

  BlockMemory() {
    // Addresses only: nothing is counted as used before it is made readable.
    const size_t memory = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (size_t size = rounded_up(4 * memory, kCommitStep); size >= kCommitStep; size /= 2) {
      void *base = mmap(
          nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (base == MAP_FAILED) continue;
      end_ = static_cast<char *>(base);
      limit_ = end_ + size;
      return;
    }
  }

  bool extend(size_t size) {
    // The last stretch may be bare and only too short.
    size_t last = 0;
    if (!free_.empty()) {
      auto tail = std::prev(free_.end());
      if (!tail->second.is_resident && tail->first + tail->second.size == end_)
        last = tail->second.size;
    }
    const size_t wanted = rounded_up(size - last, kCommitStep);
    if (wanted > static_cast<size_t>(limit_ - end_)) return false;
    if (mprotect(end_, wanted, PROT_READ | PROT_WRITE) != 0) return false;
    add_free(end_, wanted, false);
    end_ += wanted;
    return true;
  }

  static char *best_fit(const Sizes &sizes, size_t size) {
    auto found = sizes.lower_bound({size, nullptr});
    return found == sizes.end() ? nullptr : found->second;
  }

  Sizes &sizes(bool is_resident) { return is_resident ? resident_ : bare_; }

  Stretch remove_free(std::map<char *, Stretch>::iterator place) {
    Stretch stretch = place->second;
    sizes(stretch.is_resident).erase({stretch.size, place->first});
    if (stretch.is_resident) idle_ -= stretch.size;
    free_.erase(place);
    return stretch;
  }

  /// Joins it with free neighbours of its kind.
  void add_free(char *start, size_t size, bool is_resident) {
    auto next = free_.find(start + size);
    if (next != free_.end() && next->second.is_resident == is_resident)
      size += remove_free(next).size;
    auto after = free_.lower_bound(start);
    if (after != free_.begin()) {
      auto before = std::prev(after);
      if (before->second.is_resident == is_resident &&
          before->first + before->second.size == start) {
        start = before->first;
        size += remove_free(before).size;
      }
    }
    free_[start] = {size, is_resident};
    sizes(is_resident).insert({size, start});
    if (is_resident) idle_ += size;
  }

  void *occupy(char *start, size_t size) {
    Stretch stretch = remove_free(free_.find(start));
    if (stretch.size > size)
      add_free(start + size, stretch.size - size, stretch.is_resident);
    taken_[start] = size;
    in_use_ += size;
    most_in_use_ = std::max(most_in_use_, in_use_);
    return start;
  }

  /// So many free bytes, if there are, the longest stretches first.
  void hand_back(size_t bytes) {
    for (size_t done = 0; done < bytes && !resident_.empty();) {
      char *start = std::prev(resident_.end())->second;
      Stretch stretch = remove_free(free_.find(start));
      char *end = start + stretch.size;
      char *from = end - std::min(stretch.size, rounded_up(bytes - done, kStep));
      madvise(from, static_cast<size_t>(end - from), MADV_DONTNEED);
      done += static_cast<size_t>(end - from);
      if (from > start) add_free(start, static_cast<size_t>(from - start), true);
      add_free(from, static_cast<size_t>(end - from), false);
    }
  }
};

void release(void *pointer) {
  if (pointer && !BlockMemory::shared().give(pointer)) c10::free_cpu(pointer);
}

struct BlockAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void *pointer = bytes >= kLeastBlock ? BlockMemory::shared().take(bytes) : nullptr;
    if (!pointer) pointer = c10::alloc_cpu(bytes);
    return {pointer, pointer, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *to, const void *from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

extern "C" {

void ct_keep_freed_memory(void) {
  static BlockAllocator allocator;
  static std::once_flag once;
  std::call_once(once, [] { c10::SetAllocator(c10::DeviceType::CPU, &allocator, 1); });
#if defined(__GLIBC__)
  // What does not come from tensors: the product library's buffers.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}
void ct_return_freed_memory(void) {
  BlockMemory::shared().trim();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}
void ct_block_memory(int64_t *in_use, int64_t *idle, int64_t *most_in_use) {
  BlockMemory::shared().count(in_use, idle, most_in_use);
}

}  // extern "C"
