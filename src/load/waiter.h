// Waiter: what one thread sleeps on. One futex word per thread, so that a wake-up goes to exactly the
// thread that it is meant for and the order of wake-ups is the waker's, not the kernel's.
//
//   sleeper: Arm(); queue itself somewhere; Park()
//   waker:   take it from there; Wake()
//
// Threads that are woken together sleep on a Bell instead, which wakes them by one system call, as barriers and
// broadcasts do: with a call for each, whom the first call wakes might run before the second.
//
//   sleeper: Arm(&bell); queue itself; Park()
//   waker:   take them all from there; MarkWoken() each; bell.Ring()
//
// Stop() may come at any time and ends every sleep, also those to come.
#ifndef OSEVOLVE_LOAD_WAITER_H_
#define OSEVOLVE_LOAD_WAITER_H_

#include <atomic>
#include <cstdint>

namespace ose {

// Sleeps while `word` is `expected`, until MonoNs() reaches `due` (< 0: for ever). May return early.
void FutexWait(std::atomic<uint32_t>& word, uint32_t expected, int64_t due);
int FutexWake(std::atomic<uint32_t>& word, int threads);  // how many it woke

class FifoLock;

// Wakes all that sleep on it, in the order in which they went to sleep.
class Bell {
 public:
  void Ring();

 private:
  friend class Waiter;
  std::atomic<uint32_t> rung_{0};
};

class Waiter {
 public:
  // By its own thread. The bell outlives every sleep on it.
  void Arm(Bell* bell = nullptr) {
    bell_.store(bell, std::memory_order_relaxed);
    word_.fetch_and(~kWoken, std::memory_order_acq_rel);
  }
  // Until woken or stopped; whether it was woken. Stays woken until armed again.
  bool Park();
  // Until MonoNs() is `due` or the waiter is stopped; whether it is due. Nobody may wake it meanwhile.
  bool ParkUntil(int64_t due);

  // By any thread. A wake-up is stamped with the time at which it was made.
  void Wake();
  // Without the system call: the bell on which it sleeps is to be rung.
  void MarkWoken();
  void Stop();
  bool woken() const { return (word_.load(std::memory_order_acquire) & kWoken) != 0; }
  bool stopped() const { return (word_.load(std::memory_order_acquire) & kStopped) != 0; }
  // Precondition: woken().
  int64_t woken_at() const { return woken_at_; }

  Waiter* next = nullptr;  // in the queue that it is in, whose owner guards it
  FifoLock* relock = nullptr;  // waits for a condition: what it takes before it is woken; guarded likewise

 private:
  static constexpr uint32_t kWoken = 1, kStopped = 2;
  std::atomic<uint32_t> word_{0};
  std::atomic<Bell*> bell_{nullptr};
  int64_t woken_at_ = 0;  // written before kWoken is set
};

// Waiters, first come first served; linked through Waiter::next. Not thread-safe.
class WaiterQueue {
 public:
  bool empty() const { return !head_; }
  void Push(Waiter& w) {
    w.next = nullptr;
    (tail_ ? tail_->next : head_) = &w;
    tail_ = &w;
  }
  // Null when empty. The waiter may be woken, and queue itself elsewhere, at once.
  Waiter* Pop() {
    Waiter* w = head_;
    if (w && !(head_ = w->next)) tail_ = nullptr;
    return w;
  }

 private:
  Waiter *head_ = nullptr, *tail_ = nullptr;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_WAITER_H_
