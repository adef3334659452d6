// What threads of a workload meet at: lock, semaphore, barrier, condition and timer with the semantics of
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
#include "base/time.h"

namespace ose {

class FifoLock {
 public:
  // Workload::lock_handover. Before any thread uses it.
  void set_handover(bool handover) { handover_ = handover; }
  // True: the lock is the caller's. False: it waits, and has the lock when it is woken, or, without hand-over, asks again.
  bool Acquire(Waiter& caller);
  // Hands it to the first that waits, or wakes that one.
  void Release();
  // For a waiter that is armed and in no queue: wakes it when the lock is its own, or, without hand-over, to ask for it.
  void AcquireFor(Waiter& w);

 private:
  std::mutex mutex_;
  bool held_ = false, handover_ = true;
  WaiterQueue waiters_;
};

class FifoSemaphore {
 public:
  bool Take(Waiter& caller);
  void Give(uint32_t n);
  bool empty();

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
  Bell bell_;
};

// Has no memory: a signal that nobody waits for is lost.
class FifoCondition {
 public:
  // Queues the caller, which then parks, and releases `lock` (null: none), which it has again when it is woken.
  void Wait(Waiter& caller, FifoLock* lock);
  void Signal();
  void Broadcast();

 private:
  static void Wake(Waiter& w);
  std::mutex mutex_;
  WaiterQueue waiters_;
};

// A timer that tasks share (workload.h, Timer). Times since the start of the run.
class PeriodTimer {
 public:
  // When the next period is due for a task that started at `started`; before or at `now`: it is not to sleep.
  Nanos Next(Nanos period, Nanos started, Nanos now, bool absolute);

 private:
  std::mutex mutex_;
  bool used_ = false;
  Nanos due_{0};
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_SYNC_H_
