// PipeQueue: a queue of a workload, as a real pipe. An item is the 8 bytes of the time at which it was
// put, so that a taker that slept knows since when it could have run. A bounded queue counts its room in a
// semaphore, which a put takes from and a take gives back to: so its capacity is exact, and a put or take that
// finds room or an item is one system call, as in a program that uses pipes.
//
// Whether a take slept is told by the stamp of what it got: put after the call began means that there
// was nothing when it began. Thread-safe. Takers are served in the kernel's order, and one that comes
// by may be faster than one that was woken; the latter then sleeps on.
#ifndef OSEVOLVE_LOAD_PIPE_QUEUE_H_
#define OSEVOLVE_LOAD_PIPE_QUEUE_H_

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "load/sync.h"

namespace ose {

class PipeQueue {
 public:
  struct Passed {
    bool ok = false;       // false: the caller was stopped
    bool slept = false;
    int64_t woken_at = 0;  // MonoNs() of the other side's call, if it slept
  };

  // `capacity` 0: as much as a pipe holds, which is limit() items. Fails with kExitFailure.
  Status Open(const std::string& name, int64_t capacity);
  // What it really holds: less than the capacity if the pipe is smaller.
  int64_t limit() const { return limit_; }

  // A sleeping call notices that `caller` was stopped when a signal interrupts it.
  Passed Put(Waiter& caller);
  Passed Take(const Waiter& caller);
  bool TakeSleeps() const;  // nothing to take now
  bool PutSleeps(const Waiter& caller);  // no room now, nor promised to the caller
  // An unbounded queue was once as full as its pipe allows, so that a put had to wait.
  bool overflowed() const { return overflowed_.load(std::memory_order_relaxed); }

 private:
  struct Pipe {
    Fd read, write;
  };
  Status OpenPipe(const std::string& name, int64_t items);

  Pipe items_;
  FifoSemaphore room_;
  bool bounded_ = false;
  int64_t limit_ = 0;
  std::atomic<bool> overflowed_{false};
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_PIPE_QUEUE_H_
