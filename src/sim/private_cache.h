// PrivateCache: what is left of a task's working set in a core's own cache when it comes back after
// others. Fully associative, least recently used leaves first, a working set at a time.
#ifndef OSEVOLVE_SIM_PRIVATE_CACHE_H_
#define OSEVOLVE_SIM_PRIVATE_CACHE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ose {

class PrivateCache {
 public:
  // Tasks that came after so many others have nothing left.
  static constexpr size_t kRemembered = 64;

  explicit PrivateCache(int64_t size_kb) : size_kb_(size_kb) {}

  // The task uses its working set; returns how many KiB of it must be fetched.
  int64_t Use(int task, int64_t working_set_kb) {
    const int64_t own = std::min(working_set_kb, size_kb_);
    if (own == 0) return 0;
    int64_t others = 0, missing = own;
    size_t i = 0;
    while (i < used_ && recent_[i].task != task && others < size_kb_) others += recent_[i++].kb;
    if (others >= size_kb_) used_ = i;  // nothing is left of what was used before
    else if (i < used_) missing = std::clamp<int64_t>(own + others - size_kb_, 0, own);
    if (i == kRemembered) --i;
    else if (i == used_) ++used_;
    for (; i > 0; --i) recent_[i] = recent_[i - 1];
    recent_[0] = {task, own};
    return missing;
  }

 private:
  struct Entry {
    int task = -1;
    int64_t kb = 0;
  };
  const int64_t size_kb_;
  size_t used_ = 0;
  std::array<Entry, kRemembered> recent_{};  // the latest first
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_PRIVATE_CACHE_H_
