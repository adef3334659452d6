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
  if (due >= 0) at = {.tv_sec = due / 1'000'000'000, .tv_nsec = due % 1'000'000'000};
  // FUTEX_WAIT_BITSET takes an absolute time-out on CLOCK_MONOTONIC (futex(2)).
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, due >= 0 ? &at : nullptr, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

int FutexWake(std::atomic<uint32_t>& word, int threads) {
  return static_cast<int>(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0));
}

bool Waiter::Park() {
  uint32_t seen;
  while ((seen = word_.load(std::memory_order_acquire)) == 0) FutexWait(word_, 0, -1);
  return (seen & kWoken) != 0;
}

bool Waiter::ParkUntil(int64_t due) {
  Arm();
  while (!stopped()) {
    if (MonoNs() >= due) return true;
    FutexWait(word_, 0, due);
  }
  return MonoNs() >= due;
}

void Waiter::Wake() {
  woken_at_ = MonoNs();
  word_.fetch_or(kWoken, std::memory_order_release);
  FutexWake(word_, 1);
}

void Waiter::Stop() {
  word_.fetch_or(kStopped, std::memory_order_release);
  FutexWake(word_, INT_MAX);
}

}  // namespace ose
