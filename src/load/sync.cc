#include "load/sync.h"

#include <utility>

namespace ose {

bool FifoLock::Acquire(Waiter& caller) {
  std::lock_guard guard(mutex_);
  if (!std::exchange(held_, true)) return true;
  caller.Arm();
  waiters_.Push(caller);
  return false;
}

void FifoLock::Release() {
  Waiter* next;
  {
    std::lock_guard guard(mutex_);
    next = waiters_.Pop();
    held_ = next != nullptr;
  }
  if (next) next->Wake();
}

bool FifoSemaphore::Take(Waiter& caller) {
  std::lock_guard guard(mutex_);
  if (value_ > 0) {
    --value_;
    return true;
  }
  caller.Arm();
  waiters_.Push(caller);
  return false;
}

void FifoSemaphore::Give(uint32_t n) {
  WaiterQueue served;
  {
    std::lock_guard guard(mutex_);
    value_ += n;
    while (value_ > 0 && !waiters_.empty()) {
      --value_;
      served.Push(*waiters_.Pop());
    }
  }
  while (Waiter* w = served.Pop()) w->Wake();
}

bool FifoBarrier::Arrive(Waiter& caller, int parties) {
  WaiterQueue met;
  {
    std::lock_guard guard(mutex_);
    if (++arrived_ < parties) {
      caller.Arm();
      waiters_.Push(caller);
      return false;
    }
    arrived_ = 0;
    std::swap(met, waiters_);
  }
  while (Waiter* w = met.Pop()) w->Wake();
  return true;
}

int FifoBarrier::arrived() {
  std::lock_guard guard(mutex_);
  return arrived_;
}

}  // namespace ose
