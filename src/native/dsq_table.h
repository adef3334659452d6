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

template <class T>
class DsqTable {
 public:
  static constexpr size_t kMost = 4096;

  DsqTable() : small_(kSmallDsqIds) {}

  // 0, or -EINVAL (the id is the kernel's), -EEXIST, -ENOMEM. `reserve`: see BasicDsq::Reserve.
  int Create(uint64_t id, size_t reserve = 0) {
    if (id >> 63) return -22;
    if (Find(id)) return -17;
    if (all_.size() >= kMost) return -12;
    auto q = std::make_unique<BasicDsq<T>>(id);
    q->Reserve(reserve);
    all_.push_back(q.get());
    if (id < kSmallDsqIds) small_[id] = std::move(q);
    else large_[id] = std::move(q);
    return 0;
  }
  // Null when there is none; built-in ids are never there.
  BasicDsq<T>* Find(uint64_t id) const {
    if (id < kSmallDsqIds) return small_[id].get();
    auto it = large_.find(id);
    return it == large_.end() ? nullptr : it->second.get();
  }
  const std::vector<const BasicDsq<T>*>& all() const { return all_; }

 private:
  std::vector<std::unique_ptr<BasicDsq<T>>> small_;
  std::unordered_map<uint64_t, std::unique_ptr<BasicDsq<T>>> large_;
  std::vector<const BasicDsq<T>*> all_;
};

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_DSQ_TABLE_H_
