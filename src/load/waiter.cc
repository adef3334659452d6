#include "load/waiter.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "load/clock.h"

namespace ose {

void FutexWait(std::atomic<uint32_t>& word, uint32_t expected, int64_t due) {
  static_assert(sizeof word == sizeof(uint32_t));
  timespec at{};
  if (due >= 0) at = ToTimespec(due);
  // FUTEX_WAIT_BITSET takes an absolute time-out on CLOCK_MONOTONIC (futex(2)).
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, due >= 0 ? &at : nullptr, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

int FutexWake(std::atomic<uint32_t>& word, int threads) {
  return static_cast<int>(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0));
}

void Bell::Ring() {
  rung_.fetch_add(1, std::memory_order_acq_rel);
  FutexWake(rung_, INT_MAX);
}

bool Waiter::Park() {
  Bell* const bell = bell_.load(std::memory_order_relaxed);
  for (;;) {
    // Looked at before the word: a bell that rings in between does not let it sleep.
    const uint32_t rung = bell ? bell->rung_.load(std::memory_order_acquire) : 0;
    if (const uint32_t seen = word_.load(std::memory_order_acquire); seen != 0) return (seen & kWoken) != 0;
    if (bell) FutexWait(bell->rung_, rung, -1);
    else FutexWait(word_, 0, -1);
  }
}

bool Waiter::ParkUntil(int64_t due) {
  Arm();
  while (!stopped()) {
    if (MonoNs() >= due) return true;
    FutexWait(word_, 0, due);
  }
  return MonoNs() >= due;
}

void Waiter::MarkWoken() {
  woken_at_ = MonoNs();
  word_.fetch_or(kWoken, std::memory_order_release);
}

void Waiter::Wake() {
  MarkWoken();
  FutexWake(word_, 1);
}

void Waiter::Stop() {
  word_.fetch_or(kStopped, std::memory_order_acq_rel);  // sees the bell of an Arm() that came before
  FutexWake(word_, INT_MAX);
  if (Bell* bell = bell_.load(std::memory_order_acquire)) bell->Ring();
}

}  // namespace ose
