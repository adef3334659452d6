// What threads of a workload meet at: lock, semaphore and barrier with the semantics of
// workload/workload.h, first come first served. A call that must wait arms the caller's Waiter and
// queues it; the caller then parks, and has what it asked for when it is woken. Nothing is withdrawn
// when a run is stopped: all threads end then, and the object is not used again.
//
// Thread-safe. The internal mutex is held for a few instructions, never while waking.
#ifndef OSEVOLVE_LOAD_SYNC_H_
#define OSEVOLVE_LOAD_SYNC_H_

#include <cstdint>
#include <mutex>

#include "load/waiter.h"

namespace ose {

class FifoLock {
 public:
  // True: the lock is the caller's. False: it waits.
  bool Acquire(Waiter& caller);
  // Hands it to the first that waits.
  void Release();

 private:
  std::mutex mutex_;
  bool held_ = false;
  WaiterQueue waiters_;
};

class FifoSemaphore {
 public:
  bool Take(Waiter& caller);
  void Give(uint32_t n);

 private:
  std::mutex mutex_;
  int64_t value_ = 0;
  WaiterQueue waiters_;
};

class FifoBarrier {
 public:
  // True: the caller is the last of `parties`, and the others have been woken.
  bool Arrive(Waiter& caller, int parties);
  int arrived();

 private:
  std::mutex mutex_;
  int arrived_ = 0;
  WaiterQueue waiters_;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_SYNC_H_
