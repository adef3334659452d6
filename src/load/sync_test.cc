#include "load/sync.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "load/clock.h"
#include "load/pipe_queue.h"

namespace ose {
namespace {

// Threads that queue themselves one after the other, so that the order is known.
TEST(FifoLock, HandsOverInTheOrderOfArrival) {
  constexpr int kThreads = 8;
  FifoLock lock;
  Waiter own;
  ASSERT_TRUE(lock.Acquire(own));
  std::vector<Waiter> waiters(kThreads);
  std::vector<int> order;  // guarded by `lock`
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    ASSERT_FALSE(lock.Acquire(waiters[static_cast<size_t>(i)]));
    threads.emplace_back([&, i] {
      EXPECT_TRUE(waiters[static_cast<size_t>(i)].Park());
      order.push_back(i);
      lock.Release();
    });
  }
  lock.Release();
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(lock.Acquire(own));
}

TEST(FifoLock, ExcludesThreadsThatCompete) {
  FifoLock lock;
  int64_t sum = 0;
  std::vector<Waiter> waiters(4);
  std::vector<std::thread> threads;
  for (Waiter& w : waiters)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        if (!lock.Acquire(w)) ASSERT_TRUE(w.Park());
        ++sum;
        lock.Release();
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(sum, 8000);
}

TEST(FifoSemaphore, ServesTheFirstThatCameAndKeepsTheRest) {
  FifoSemaphore s;
  Waiter a, b, c;
  EXPECT_FALSE(s.Take(a));
  EXPECT_FALSE(s.Take(b));
  s.Give(1);
  EXPECT_TRUE(a.woken());
  EXPECT_FALSE(b.woken());
  s.Give(3);
  EXPECT_TRUE(b.woken());
  EXPECT_TRUE(s.Take(c));
  EXPECT_TRUE(s.Take(c));
  EXPECT_FALSE(s.Take(c));
}

TEST(FifoBarrier, TheLastWakesTheOthersAndItStartsOver) {
  FifoBarrier barrier;
  Waiter a, b;
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(barrier.Arrive(a, 3));
    EXPECT_FALSE(barrier.Arrive(b, 3));
    EXPECT_EQ(barrier.arrived(), 2);
    EXPECT_FALSE(a.woken());
    Waiter last;
    EXPECT_TRUE(barrier.Arrive(last, 3));
    EXPECT_TRUE(a.woken() && b.woken());
    EXPECT_EQ(barrier.arrived(), 0);
  }
}

TEST(FifoBarrier, ReleasesThreadsThatSleepAndAStopEndsTheirSleep) {
  FifoBarrier barrier;
  Waiter sleepers[3];
  for (const bool stop : {false, true}) {
    std::atomic<int> released = 0;
    std::vector<std::thread> threads;
    for (Waiter& w : sleepers)
      threads.emplace_back([&] { released += !barrier.Arrive(w, 4) && w.Park(); });
    while (barrier.arrived() < 3) std::this_thread::yield();
    Waiter last;
    if (!stop) EXPECT_TRUE(barrier.Arrive(last, 4));
    for (Waiter& w : sleepers)
      if (stop) w.Stop();
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(released, stop ? 0 : 3);
  }
}

TEST(Waiter, StopEndsEverySleep) {
  Waiter w;
  std::thread stopper([&] { w.Stop(); });
  EXPECT_FALSE(w.Park());
  stopper.join();
  w.Arm();
  EXPECT_FALSE(w.Park());
  EXPECT_FALSE(w.ParkUntil(MonoNs() + 3'600'000'000'000));
}

TEST(Waiter, TimedSleepEndsWhenItIsDue) {
  Waiter w;
  const int64_t due = MonoNs() + 1'000'000;
  EXPECT_TRUE(w.ParkUntil(due));
  EXPECT_GE(MonoNs(), due);
}

TEST(PipeQueue, HoldsExactlyItsCapacity) {
  PipeQueue q;
  ASSERT_TRUE(q.Open("q", 3).ok());
  EXPECT_EQ(q.limit(), 3);
  Waiter w;
  EXPECT_TRUE(q.TakeSleeps());
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(q.PutSleeps(w));
    const PipeQueue::Passed put = q.Put(w);
    EXPECT_TRUE(put.ok);
    EXPECT_FALSE(put.slept);
  }
  EXPECT_TRUE(q.PutSleeps(w));
  EXPECT_TRUE(q.Take(w).ok);
  EXPECT_FALSE(q.PutSleeps(w));
}

TEST(PipeQueue, SaysSinceWhenASleeperCouldRun) {
  // Two threads that pass a token to and fro: each take either found it or was woken after it began.
  PipeQueue there, back;
  ASSERT_TRUE(there.Open("there", 1).ok());
  ASSERT_TRUE(back.Open("back", 0).ok());
  auto passes = [](PipeQueue& in, PipeQueue& out) {
    Waiter w;
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(out.Put(w).ok);
      const int64_t began = MonoNs();
      const PipeQueue::Passed got = in.Take(w);
      ASSERT_TRUE(got.ok);
      if (got.slept) EXPECT_GE(got.woken_at, began);
      EXPECT_LE(got.woken_at, MonoNs());
    }
  };
  std::thread other([&] { passes(there, back); });
  passes(back, there);
  other.join();
}

TEST(PipeQueue, HoldsALotUnbounded) {
  PipeQueue q;
  ASSERT_TRUE(q.Open("q", 0).ok());
  Waiter w;
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(q.Put(w).ok);
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(q.Take(w).ok);
  EXPECT_TRUE(q.TakeSleeps());
  EXPECT_FALSE(q.overflowed());
}

}  // namespace
}  // namespace ose
