// DsqTable: the queues that a policy makes, by id.
#ifndef OSEVOLVE_NATIVE_DSQ_TABLE_H_
#define OSEVOLVE_NATIVE_DSQ_TABLE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "native/dsq.h"

namespace ose {

// Ids below this are found by index, others by hash.
inline constexpr uint64_t kSmallDsqIds = 4096;

// Q: a BasicDsq, or what a host derives from one.
template <class Q>
class DsqTable {
 public:
  static constexpr size_t kMost = 4096;

  // 0, or -EINVAL (the id is the kernel's), -EEXIST, -ENOMEM.
  int Create(uint64_t id) {
    if (id >> 63) return -22;
    if (Find(id)) return -17;
    if (all_.size() >= kMost) return -12;
    auto q = std::make_unique<Q>(id);
    all_.push_back(q.get());
    if (id >= kSmallDsqIds) {
      large_[id] = std::move(q);
      return 0;
    }
    if (id >= small_.size()) small_.resize(id + 1);
    small_[id] = std::move(q);
    return 0;
  }
  // Null when there is none; built-in ids are never there.
  Q* Find(uint64_t id) const {
    if (id < small_.size()) return small_[id].get();
    if (id < kSmallDsqIds) return nullptr;
    auto it = large_.find(id);
    return it == large_.end() ? nullptr : it->second.get();
  }
  const std::vector<const Q*>& all() const { return all_; }

 private:
  std::vector<std::unique_ptr<Q>> small_;  // up to the largest small id
  std::unordered_map<uint64_t, std::unique_ptr<Q>> large_;
  std::vector<const Q*> all_;
};

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_DSQ_TABLE_H_
