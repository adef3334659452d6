#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "llm/http_model.h"

namespace ose {

struct RateLimiter::State {
  State(int limit, double per_minute)
      : max_in_flight(limit), interval{per_minute > 0 ? static_cast<int64_t>(std::min(60e9 / per_minute, 86'400e9)) : 0} {}
  const int max_in_flight;
  const Nanos interval;  // between two starts: even spacing, because providers count in short windows
  std::mutex mutex;
  std::condition_variable released;
  int in_flight = 0;
  Nanos next_start{0}, paused_until{0};
};

RateLimiter::RateLimiter(int max_in_flight, double requests_per_minute)
    : state_(new State(max_in_flight, requests_per_minute)) {}

RateLimiter::~RateLimiter() = default;

bool RateLimiter::Acquire(const std::atomic<bool>* cancel) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  for (;;) {
    if (cancel && *cancel) return false;
    Nanos wait = Nanos::Millis(50);  // until the next look at `cancel`
    if (s.max_in_flight <= 0 || s.in_flight < s.max_in_flight) {
      const Nanos now = MonotonicNow(), start = std::max(s.next_start, s.paused_until);
      if (now >= start) {
        ++s.in_flight;
        s.next_start = now + s.interval;
        return true;
      }
      wait = std::min(wait, start - now);
    }
    s.released.wait_for(lock, std::chrono::nanoseconds(wait.v));
  }
}

void RateLimiter::Release() {
  std::lock_guard lock(state_->mutex);
  --state_->in_flight;
  state_->released.notify_one();
}

void RateLimiter::PauseUntil(Nanos monotonic) {
  std::lock_guard lock(state_->mutex);
  state_->paused_until = std::max(state_->paused_until, monotonic);
}

}  // namespace ose
