// BusyLock: a spin lock as a resource in time. An operation begins when its CPU is there and the lock
// is free for as long as it takes; whoever comes meanwhile spins.
//
// A CPU's own time runs ahead of the simulation's while it pays for what it does, so operations do not
// come here in the order of their times: the lock knows the stretches that are taken from the simulation's
// present on. They are few: those of operations that CPUs are about to make.
#ifndef OSEVOLVE_SIM_BUSY_LOCK_H_
#define OSEVOLVE_SIM_BUSY_LOCK_H_

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "base/time.h"

namespace ose {

class BusyLock {
 public:
  // Room for a barrier that wakes as many tasks at once, so that nothing is allocated during a run.
  void MakeRoom() { busy_.reserve(256); }

  // Takes the lock for `hold` at `at` >= now, or as soon as it is free; returns how long that waits.
  // Precondition: `now` is never less than before.
  Nanos Take(Nanos now, Nanos at, Nanos hold) {
    size_t past = 0;
    while (past < busy_.size() && busy_[past].until <= now) ++past;
    busy_.erase(busy_.begin(), busy_.begin() + static_cast<std::ptrdiff_t>(past));
    Nanos start = at;
    size_t i = 0;
    for (; i < busy_.size() && busy_[i].from < start + hold; ++i) start = std::max(start, busy_[i].until);
    const bool joins_last = i > 0 && busy_[i - 1].until == start;
    const bool joins_next = i < busy_.size() && busy_[i].from == start + hold;
    if (joins_last && joins_next) {
      busy_[i - 1].until = busy_[i].until;
      busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (joins_last) {
      busy_[i - 1].until = start + hold;
    } else if (joins_next) {
      busy_[i].from = start;
    } else {
      busy_.insert(busy_.begin() + static_cast<std::ptrdiff_t>(i), {start, start + hold});
    }
    return start - at;
  }

 private:
  struct Stretch {
    Nanos from, until;
  };
  boost::container::small_vector<Stretch, 8> busy_;  // by time, with gaps between
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_BUSY_LOCK_H_
