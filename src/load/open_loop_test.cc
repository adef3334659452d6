#include "load/open_loop.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "load/clock.h"
#include "workload/workload.h"

namespace ose {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

ArrivalProcess Process(const char* arrivals, int horizon_ms, Nanos* horizon) {
  auto w = ParseWorkload(fmt::format("format = 1\nhorizon_ms = {}\n[[group]]\nname = 'r'\ncount = 4\narrivals = {{ {} }}\nprogram = [ {{ run_us = 10 }} ]\n", horizon_ms, arrivals), "test.toml");
  EXPECT_TRUE(w.ok()) << w.error().message;
  *horizon = w->horizon;
  return ArrivalProcess(*w, 0, 1, 1);
}

// Interrupts read() and nothing else.
void CatchSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
}

class OpenLoopTest : public ::testing::Test {
 protected:
  void Open(const char* arrivals, int horizon_ms, int threads) {
    Nanos horizon{0};
    ArrivalProcess process = Process(arrivals, horizon_ms, &horizon);
    loop_.on_taken = [this](const OpenLoop::Request&) { ++taken_; };
    loop_.on_exhausted = [this] { exhausted_ = true; };
    ASSERT_TRUE(loop_.Open(std::move(process), threads, horizon).ok());
    loop_.Begin(MonoNs());
  }
  bool Stopped() { return stop_; }
  void Stop(std::vector<std::thread>& threads) {
    stop_ = true;
    // Again and again, as the signal may come just before the sleep.
    for (size_t i = 0; i < threads.size(); ++i)
      while (!ended_[i]) {
        pthread_kill(threads[i].native_handle(), SIGUSR1);
        usleep(200);
      }
    for (std::thread& t : threads) t.join();
  }

  OpenLoop loop_;
  std::atomic<bool> stop_{false}, exhausted_{false};
  std::atomic<int> taken_{0};
  std::array<std::atomic<int>, 4> ended_{};
};

TEST_F(OpenLoopTest, TheThreadThatBecameIdleLastServesTheNextRequest) {
  CatchSignals();
  Open("periodic_per_s = 1000", 60, 4);
  // The stack of idle threads, as it should be; all of it under the loop's lock or that of this test.
  std::mutex mutex;
  std::map<uint64_t, int> awaited;  // the thread that was last to be woken for a request
  loop_.on_awaited = [&](int thread, const OpenLoop::Request& r) {
    std::lock_guard guard(mutex);
    awaited[r.number] = thread;
  };
  std::vector<uint64_t> numbers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (;;) {
        OpenLoop::Taken t = loop_.Take(i, [this] { return Stopped(); });
        if (!t.request) break;
        std::lock_guard guard(mutex);
        numbers.push_back(t.request->number);
        if (t.slept) {
          EXPECT_EQ(awaited[t.request->number], i);
        }
      }
      ended_[static_cast<size_t>(i)] = 1;
    });
    // The next one becomes idle after this one, and takes its place.
    for (bool idle = false; !idle && !exhausted_; usleep(100)) {
      std::lock_guard guard(mutex);
      for (auto& [number, thread] : awaited) idle |= thread == i;
    }
  }
  while (!exhausted_) usleep(500);
  usleep(5000);
  Stop(threads);
  std::sort(numbers.begin(), numbers.end());
  ASSERT_EQ(numbers.size(), 59u);  // at 1, 2, ... 59 ms, each once
  for (uint64_t n = 0; n < 59; ++n) EXPECT_EQ(numbers[n], n);
  EXPECT_EQ(taken_, 59);
}

// A thread that was woken may have to wait for a CPU; the requests after its own wake theirs all the same.
TEST_F(OpenLoopTest, TheNextRequestsHaveTheirThreadsToo) {
  CatchSignals();
  Open("poisson_per_s = 1, batch = 3", 60'000, 4);
  std::mutex mutex;
  std::map<uint64_t, int> awaited;
  loop_.on_awaited = [&](int thread, const OpenLoop::Request& r) {
    std::lock_guard guard(mutex);
    awaited[r.number] = thread;
  };
  auto seen = [&] {
    std::lock_guard guard(mutex);
    return awaited;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      loop_.Take(i, [this] { return Stopped(); });
      ended_[static_cast<size_t>(i)] = 1;
    });
    while (seen().size() <= static_cast<size_t>(i)) usleep(100);
  }
  EXPECT_THAT(seen(), ElementsAre(Pair(0, 2), Pair(1, 1), Pair(2, 0)));
  Stop(threads);
}

TEST_F(OpenLoopTest, WhoComesLateTakesWhatWaitsWithoutSleep) {
  Open("periodic_per_s = 1000", 10, 1);
  usleep(3500);
  for (uint64_t n = 0; n < 3; ++n) {
    OpenLoop::Taken t = loop_.Take(0, [] { return false; });
    ASSERT_TRUE(t.request.has_value());
    EXPECT_FALSE(t.slept);
    EXPECT_EQ(t.request->number, n);
  }
}

TEST_F(OpenLoopTest, ABatchWakesSeveral) {
  CatchSignals();
  Open("poisson_per_s = 3000, batch = 3", 20, 4);
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      if (loop_.Take(i, [this] { return Stopped(); }).request) ++served;
      ended_[static_cast<size_t>(i)] = 1;
    });
  while (served < 3) usleep(500);
  Stop(threads);
  EXPECT_EQ(served, taken_);  // the fourth may have one of the next batch
}

TEST_F(OpenLoopTest, WhatNobodyTookIsLeft) {
  Open("periodic_per_s = 1000", 5, 1);
  EXPECT_FALSE(exhausted_);
  EXPECT_THAT(loop_.Left(Nanos::Millis(2)), ElementsAre(Nanos::Millis(1), Nanos::Millis(2)));
  EXPECT_THAT(loop_.Left(Nanos::Millis(9)), ElementsAre(Nanos::Millis(3), Nanos::Millis(4)));
  EXPECT_TRUE(exhausted_);
}

}  // namespace
}  // namespace ose
