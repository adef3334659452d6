#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "llm/http_model.h"

namespace ose {
namespace {

TEST(RateLimiter, EightThreadsNeverExceedTheLimit) {
  RateLimiter limiter(3, 0);
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0, most = 0, done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 3; ++k) {
        ASSERT_TRUE(limiter.Acquire(nullptr));
        std::unique_lock lock(mutex);
        most = std::max(most, ++inside);
        changed.notify_all();
        // Stay until the limit is reached, so that a fourth would be seen; the last ones are fewer.
        changed.wait(lock, [&] { return most >= 3; });
        --inside;
        ++done;
        lock.unlock();
        limiter.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 3) << "the limit is reached and not exceeded";
  EXPECT_EQ(done, 24);
}

TEST(RateLimiter, AFullOneTurnsAwayOnlyTheCancelled) {
  RateLimiter limiter(1, 0);
  ASSERT_TRUE(limiter.Acquire(nullptr));
  std::atomic<bool> cancel = false;
  std::thread waiting([&] { EXPECT_FALSE(limiter.Acquire(&cancel)); });
  cancel = true;  // nobody releases
  waiting.join();
  limiter.Release();
  EXPECT_TRUE(limiter.Acquire(nullptr)) << "the cancelled one took no slot";
}

TEST(RateLimiter, SpacesRequests) {
  RateLimiter limiter(0, 6000);
  const Nanos start = MonotonicNow();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(limiter.Acquire(nullptr));
  EXPECT_GE(MonotonicNow() - start, Nanos::Millis(30));
}

TEST(RateLimiter, PausesForEverybody) {
  RateLimiter limiter(0, 0);
  const Nanos until = MonotonicNow() + Nanos::Millis(30);
  limiter.PauseUntil(until);
  limiter.PauseUntil(until - Nanos::Millis(20));  // does not shorten it
  ASSERT_TRUE(limiter.Acquire(nullptr));
  EXPECT_GE(MonotonicNow(), until);

  limiter.PauseUntil(MonotonicNow() + Nanos::Seconds(3600));
  std::atomic<bool> cancel = false;
  std::thread waiting([&] { EXPECT_FALSE(limiter.Acquire(&cancel)); });
  cancel = true;
  waiting.join();
}

}  // namespace
}  // namespace ose
