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
    held_ = next && handover_;
  }
  if (next) next->Wake();
}

void FifoLock::AcquireFor(Waiter& w) {
  {
    std::lock_guard guard(mutex_);
    if (handover_ && std::exchange(held_, true)) {
      waiters_.Push(w);
      return;
    }
  }
  w.Wake();
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

bool FifoSemaphore::empty() {
  std::lock_guard guard(mutex_);
  return value_ == 0;
}

bool FifoBarrier::Arrive(Waiter& caller, int parties) {
  WaiterQueue met;
  {
    std::lock_guard guard(mutex_);
    if (++arrived_ < parties) {
      caller.Arm(&bell_);
      waiters_.Push(caller);
      return false;
    }
    arrived_ = 0;
    std::swap(met, waiters_);
  }
  if (met.empty()) return true;
  while (Waiter* w = met.Pop()) w->MarkWoken();
  bell_.Ring();
  return true;
}

void FifoCondition::Wait(Waiter& caller, FifoLock* lock) {
  {
    std::lock_guard guard(mutex_);
    caller.Arm();
    caller.relock = lock;
    waiters_.Push(caller);
  }
  if (lock) lock->Release();
}

void FifoCondition::Wake(Waiter& w) {
  if (w.relock) w.relock->AcquireFor(w);
  else w.Wake();
}

void FifoCondition::Signal() {
  Waiter* first;
  {
    std::lock_guard guard(mutex_);
    first = waiters_.Pop();
  }
  if (first) Wake(*first);
}

void FifoCondition::Broadcast() {
  WaiterQueue all;
  {
    std::lock_guard guard(mutex_);
    std::swap(all, waiters_);
  }
  while (Waiter* w = all.Pop()) Wake(*w);
}

Nanos PeriodTimer::Next(Nanos period, Nanos started, Nanos now, bool absolute) {
  std::lock_guard guard(mutex_);
  if (!std::exchange(used_, true)) due_ = started;
  due_ += period;
  const Nanos due = due_;
  if (due <= now && !absolute) due_ = now;
  return due;
}

int FifoBarrier::arrived() {
  std::lock_guard guard(mutex_);
  return arrived_;
}

}  // namespace ose
