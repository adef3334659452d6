#include "load/load.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/exit_code.h"
#include "workload/draw.h"
#include "workload/program.h"

namespace ose {
namespace {

using testing::HasSubstr;

int Entries(const char* folder) {
  int n = 0;
  DIR* d = opendir(folder);
  while (readdir(d)) ++n;
  closedir(d);
  return n;
}

Workload Parse(const std::string& text) {
  auto w = ParseWorkload("format = 1\n" + text, "test.toml");
  EXPECT_TRUE(w.ok()) << w.error().message;
  return w.ok() ? *w : Workload{};
}

// Runs it; whatever happens, no thread and no descriptor is left.
Result<LoadResult> Execute(const Workload& w, LoadOptions options = {}) {
  std::thread([] {}).join();  // a sanitizer makes a thread of its own with the first
  const int threads = Entries("/proc/self/task"), files = Entries("/proc/self/fd");
  auto r = RunLoad(w, options);
  // A thread that has been joined may be listed for a moment more.
  for (int i = 0; i < 100'000 && Entries("/proc/self/task") > threads; ++i) std::this_thread::yield();
  EXPECT_LE(Entries("/proc/self/task"), threads);
  EXPECT_EQ(Entries("/proc/self/fd"), files);
  return r;
}

Metrics Measure(const std::string& text) {
  auto r = Execute(Parse(text));
  EXPECT_TRUE(r.ok()) << r.error().message;
  return r.ok() ? r->metrics : Metrics{};
}

void ExpectCounts(const Metrics& m, double events, double sleeps) {
  EXPECT_EQ(m.at("events"), events);
  EXPECT_EQ(m.at("sleeps"), sleeps);
}

TEST(Load, RunUsesWhatItWasAskedFor) {
  auto r = Execute(Parse("[[group]]\nname = 'a'\ncount = 2\nprogram = [ { loop = 3, program = [ { run_us = 700 }, { run_us = 10 } ] } ]\n"));
  ASSERT_TRUE(r.ok());
  ExpectCounts(r->metrics, 2, 0);
  EXPECT_EQ(r->metrics.at("wakeups"), 2);  // the starts
  EXPECT_EQ(r->metrics.at("runs"), 2);
  EXPECT_EQ(r->requested.v, 2 * 3 * 710'000);
  // The clock of CPU time has run for at least the long runs.
  EXPECT_GE(r->metrics.at("cpu_time"), 2 * 3 * 690);
  EXPECT_GE(r->metrics.at("span"), 3 * 690);
  EXPECT_EQ(r->metrics.at("incomplete"), 0);
  EXPECT_FALSE(r->metrics.contains("overhead"));
  EXPECT_FALSE(r->metrics.contains("fairness"));
  EXPECT_GT(r->iterations_per_ns, 0);
}

TEST(Load, SleepsAndTimers) {
  const Metrics m = Measure(
      "[[group]]\nname = 'a'\nprogram = [ { loop = 3, program = [ { sleep_us = 300 } ] }, { timer_ms = 100 }, { timer_ms = 1 }, { run_us = 5 } ]\n");
  ExpectCounts(m, 1, 4);  // the second timer has passed
  EXPECT_EQ(m.at("wakeups"), 5);
  EXPECT_EQ(m.at("runs"), 5);
  EXPECT_GE(m.at("span"), 100'000);
}

TEST(Load, StartsAreDelayed) {
  const Metrics m = Measure("[[group]]\nname = 'a'\nstart_ms = 5\nprogram = [ { run_us = 10 } ]\n"
                            "[[group]]\nname = 'b'\nprogram = [ { run_us = 10 } ]\n");
  EXPECT_EQ(m.at("sleeps"), 0);
  EXPECT_EQ(m.at("wakeups"), 2);
  EXPECT_GE(m.at("span"), 5000);
  EXPECT_LT(m.at("a.latency_max"), m.at("span"));  // released when it was due, not at 0
}

TEST(Load, SemaphoresWakeWhoWaits) {
  // The first signal comes when the waiter sleeps, by the order of the timers; the others are there
  // when it asks for them.
  const Metrics m = Measure(
      "[[group]]\nname = 'w'\nprogram = [ { wait = 's' }, { run_us = 5 }, { timer_ms = 200 }, { loop = 3, program = [ { wait = 's' } ] } ]\n"
      "[[group]]\nname = 's'\nevent = 'none'\nprogram = [ { timer_ms = 100 }, { signal = 's' }, { signal = 's', count = 3 } ]\n");
  ExpectCounts(m, 1, 3);
  EXPECT_EQ(m.at("wakeups"), 5);
}

TEST(Load, LocksAreHandedOver) {
  // Three come while the fourth sleeps with the lock.
  const Metrics m = Measure(
      "[[group]]\nname = 'h'\nevent = 'none'\nprogram = [ { lock = 'm' }, { timer_ms = 150 }, { unlock = 'm' } ]\n"
      "[[group]]\nname = 'w'\ncount = 3\nstart_ms = 20\nprogram = [ { lock = 'm' }, { sleep_us = 100 }, { unlock = 'm' } ]\n");
  ExpectCounts(m, 3, 1 + 3 + 3);
}

TEST(Load, BarriersReleaseAllAtOnce) {
  const Metrics m = Measure("[[group]]\nname = 'a'\ncount = 5\nprogram = [ { loop = 4, program = [ { barrier = 'go' }, { begin = true }, "
                            "{ run_us = 20 }, { end = true } ] } ]\n");
  ExpectCounts(m, 20, 16);
  EXPECT_EQ(m.at("wakeups"), 5 + 16);
}

TEST(Load, YieldIsNoSleep) {
  ExpectCounts(Measure("[[group]]\nname = 'a'\ncount = 2\nprogram = [ { loop = 50, program = [ { yield = true } ] }, { run_us = 5 } ]\n"), 2, 0);
}

TEST(Load, ForkStartsTheNextOfItsGroup) {
  const Metrics m = Measure("[[group]]\nname = 'p'\nevent = 'none'\nprogram = [ { loop = 5, program = [ { fork = 'c' } ] } ]\n"
                            "[[group]]\nname = 'c'\ncount = 3\nforked = true\nprogram = [ { run_us = 50 } ]\n");
  EXPECT_EQ(m.at("c.events"), 3);
  EXPECT_EQ(m.at("wakeups"), 4);
  EXPECT_EQ(m.at("sleeps"), 0);
}

TEST(Load, ForkedTaskWithADelayAndOneThatIsNeverForked) {
  const Metrics m = Measure("[[group]]\nname = 'p'\nevent = 'none'\nprogram = [ { fork = 'c' } ]\n"
                            "[[group]]\nname = 'c'\ncount = 2\nforked = true\nstart_ms = 3\nprogram = [ { run_us = 50 } ]\n");
  EXPECT_EQ(m.at("c.events"), 1);
  EXPECT_EQ(m.at("wakeups"), 2);
  EXPECT_GE(m.at("span"), 3000);
}

TEST(Load, QueuesHandOverAllItems) {
  for (const char* capacity : {"0", "1", "3"}) {
    const Metrics m = Measure(std::string("[[queue]]\nname = 'q'\ncapacity = ") + capacity +
                              "\n[[group]]\nname = 'put'\ncount = 2\nprogram = [ { loop = 300, program = [ { put = 'q' } ] } ]\n"
                              "[[group]]\nname = 'take'\ncount = 3\nprogram = [ { loop = 200, program = [ { take = 'q' } ] } ]\n");
    EXPECT_EQ(m.at("events"), 5);
    EXPECT_EQ(m.at("wakeups"), m.at("sleeps") + 5);
    EXPECT_EQ(m.at("runs"), m.at("wakeups"));
  }
}

TEST(Load, SleepsInAQueueAreCounted) {
  // The taker sleeps until 100 ms; then the putter sleeps for room until the taker comes back at 200 ms.
  const Metrics m = Measure("[[queue]]\nname = 'q'\ncapacity = 1\n"
                            "[[group]]\nname = 'take'\nprogram = [ { take = 'q' }, { timer_ms = 200 }, { take = 'q' }, { take = 'q' } ]\n"
                            "[[group]]\nname = 'put'\nevent = 'none'\nprogram = [ { timer_ms = 100 }, { put = 'q' }, { put = 'q' }, { put = 'q' } ]\n");
  EXPECT_EQ(m.at("take.events"), 1);
  EXPECT_GE(m.at("sleeps"), 4);  // whether one more sleeps after either hand-over depends on who is faster
  EXPECT_LE(m.at("sleeps"), 6);
  EXPECT_EQ(m.at("wakeups"), m.at("sleeps") + 2);
}

TEST(Load, HorizonEndsARepeatingWorkload) {
  auto r = Execute(Parse("horizon_ms = 60\nwarmup_ms = 20\n[[group]]\nname = 'a'\ncount = 3\nrepeat = true\nprogram = [ { run_us = 500 }, { sleep_us = 200 } ]\n"));
  ASSERT_TRUE(r.ok()) << r.error().message;
  const Metrics& m = r->metrics;
  EXPECT_GT(m.at("events"), 0);
  EXPECT_DOUBLE_EQ(m.at("throughput"), m.at("events") / 0.04);
  EXPECT_FALSE(m.contains("span"));
  EXPECT_GT(m.at("fairness"), 0);
  EXPECT_LE(m.at("fairness"), 1);
  EXPECT_GT(m.at("utilization"), 0);
}

TEST(Load, OpenLoopServesEveryRequest) {
  auto w = Parse("horizon_ms = 100\n[[group]]\nname = 'r'\ncount = 4\narrivals = { periodic_per_s = 1000 }\nprogram = [ { run_us = 50 } ]\n");
  auto r = Execute(w);
  ASSERT_TRUE(r.ok()) << r.error().message;
  const Metrics& m = r->metrics;
  // Request n comes at (n + 1) ms: 99 come before the horizon, and all are waited for.
  EXPECT_EQ(m.at("incomplete"), 0);
  EXPECT_LE(m.at("events"), 99);
  EXPECT_EQ(r->requested.v, 99 * 50'000);
  EXPECT_EQ(m.at("runs"), m.at("wakeups"));
}

TEST(Load, OpenLoopCountsWhatItCannotServe) {
  auto r = Execute(Parse("horizon_ms = 40\n[[group]]\nname = 'r'\ncount = 2\narrivals = { periodic_per_s = 1000 }\nprogram = [ { run_ms = 1 }, { sleep_ms = 50 } ]\n"));
  ASSERT_TRUE(r.ok()) << r.error().message;
  // Two threads, each with one request in 51 ms, end after 80 ms: of 39 requests nearly all are left.
  EXPECT_GE(r->metrics.at("incomplete"), 35);
  EXPECT_LE(r->metrics.at("incomplete"), 39);
  EXPECT_EQ(r->metrics.at("events"), 0);
}

TEST(Load, ALockThatIsNotHandedOverStillGoesToEverybody) {
  const Metrics m = Measure("lock_handover = false\n[[group]]\nname = 'a'\ncount = 4\nprogram = [ { loop = 200, program = [ { lock = 'm' }, { run_us = 5 }, { unlock = 'm' } ] } ]\n"
                            "[[group]]\nname = 'b'\nprogram = [ { lock = 'm' }, { cond_wait = 'c', mutex = 'm' }, { unlock = 'm' } ]\n"
                            "[[group]]\nname = 'c'\nprogram = [ { sleep_ms = 20 }, { lock = 'm' }, { cond_signal = 'c' }, { sleep_ms = 1 }, { unlock = 'm' } ]\n");
  EXPECT_EQ(m.at("events"), 6);
}

TEST(Load, AConditionReleasesItsMutexAndTakesItAgain) {
  // b can only signal because a's wait has released m. When a returns it holds m, so b's second lock waits.
  const Metrics m = Measure(
      "[[group]]\nname = 'a'\nprogram = [ { lock = 'm' }, { cond_wait = 'c', mutex = 'm' }, { sleep_ms = 20 }, { unlock = 'm' } ]\n"
      "[[group]]\nname = 'b'\nprogram = [ { sleep_ms = 20 }, { lock = 'm' }, { cond_signal = 'c' }, { unlock = 'm' }, { lock = 'm' }, { unlock = 'm' } ]\n");
  ExpectCounts(m, 2, 4);
  EXPECT_GE(m.at("span"), 40'000);
}

TEST(Load, ASignalWakesOneAndABroadcastAll) {
  const Metrics m = Measure(
      "[[group]]\nname = 'a'\ncount = 3\nprogram = [ { cond_wait = 'c' }, { run_us = 20 } ]\n"
      "[[group]]\nname = 'b'\nprogram = [ { sleep_ms = 40 }, { cond_signal = 'c' }, { sleep_ms = 20 }, { cond_broadcast = 'c' } ]\n");
  ExpectCounts(m, 4, 5);
  EXPECT_GE(m.at("span"), 60'000);
}

TEST(Load, PeriodsCountFromWhenTheyWereDue) {
  // On a busy machine a period may pass before the task comes to it: then it does not sleep.
  const Metrics m = Measure("[[group]]\nname = 'a'\nprogram = [ { loop = 4, program = [ { run_us = 50 }, { period_ms = 10 } ] } ]\n");
  EXPECT_LE(m.at("sleeps"), 4);
  EXPECT_GE(m.at("span"), 40'000);
  // Two periods are missed: an absolute timer is next due at 30 ms, a relative one 10 ms after the first miss.
  const std::string program = "program = [ { run_ms = 25 }, { loop = 3, program = [ { period_ms = 10, timer = 't' } ] } ]\n";
  const Metrics absolute = Measure("[[timer]]\nname = 't'\nabsolute = true\n[[group]]\nname = 'a'\n" + program);
  EXPECT_LE(absolute.at("sleeps"), 1);
  EXPECT_GE(absolute.at("span"), 30'000);
  const Metrics relative = Measure("[[timer]]\nname = 't'\n[[group]]\nname = 'a'\n" + program);
  EXPECT_LE(relative.at("sleeps"), 2);
  EXPECT_GE(relative.at("span"), 45'000);
}

TEST(Load, ASharedTimerIsOne) {
  const Metrics m = Measure("[[timer]]\nname = 't'\nshared = true\n[[group]]\nname = 'a'\ncount = 2\nprogram = [ { loop = 2, program = [ { period_ms = 20, timer = 't' } ] } ]\n");
  EXPECT_GE(m.at("span"), 79'000);  // 20, 40, 60 and 80 ms after the first start
}

TEST(Load, ASpinEndsByTheClock) {
  auto r = Execute(Parse("[[group]]\nname = 'a'\nprogram = [ { spin_ms = 20 } ]\n"));
  ASSERT_TRUE(r.ok());
  EXPECT_GE(r->metrics.at("span"), 20'000);
  EXPECT_EQ(r->requested.v % kSpinStep.v, 0);  // steps
  EXPECT_GT(r->requested.v, 0);
}

TEST(Load, ArrivalsOfEveryProcessAreThoseOfTheSimulator) {
  for (const std::string& arrivals : {"poisson_per_s = 500, batch = 4", "poisson_per_s = 500, batch = { geometric = 4 }",
                                      "mmpp = [ { per_s = 100, mean_ms = 20 }, { per_s = 3000, mean_ms = 10 } ]",
                                      "phases = [ { per_s = 0, for_ms = 30 }, { per_s = 2000, for_ms = 20 } ]"}) {
    const Workload w = Parse("horizon_ms = 100\n[[group]]\nname = 'r'\ncount = 8\narrivals = { " + arrivals + " }\nprogram = [ { run_us = 20 } ]\n");
    ArrivalProcess process(w, 0, 1, 3);
    int64_t expected = 0;
    while (process.Next() < w.horizon) ++expected;
    auto r = Execute(w, {.seed = 3, .cpus = 1});
    ASSERT_TRUE(r.ok()) << arrivals;
    // A busy machine may leave some unserved.
    const auto left = static_cast<int64_t>(r->metrics.at("incomplete"));
    EXPECT_LE(r->requested.v, expected * 20'000) << arrivals;
    EXPECT_GE(r->requested.v, (expected - left) * 20'000) << arrivals;
    EXPECT_GT(expected, left) << arrivals;
  }
}

TEST(Load, DrawsAreThoseOfTheSimulator) {
  const Workload w = Parse(
      "[[group]]\nname = 'a'\ncount = 3\nstart_us = { uniform = [0, 300] }\n"
      "program = [ { loop = 10, program = [ { run_us = { exponential = 60 } }, { sleep_us = { uniform = [10, 20] } } ] } ]\n"
      "[[group]]\nname = 'b'\ncount = 2\nprogram = [ { run_us = { lognormal = [500, 1.5] } } ]\n");
  const uint64_t seed = 0x0100000000000005;
  const auto samplers = MakeSamplers(w);
  int64_t sum = 0;
  for (int g = 0; g < 2; ++g)
    for (int i = 0; i < w.groups[static_cast<size_t>(g)].count; ++i) {
      const Group& group = w.groups[static_cast<size_t>(g)];
      Rng rng = TaskStream(seed, g, i);
      if (group.has_start) Sample(group.start, rng);
      ProgramCursor cursor(group.program);
      while (const Op* op = cursor.Next()) {
        const int64_t ns = OpNanos(*op, samplers, rng);
        if (op->kind == OpKind::kRun) sum += ns;
      }
    }
  auto r = Execute(w, {.seed = seed});
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->requested.v, sum);
}

TEST(Load, NamesWhatCannotGoOn) {
  auto r = Execute(Parse("[[group]]\nname = 'a'\nprogram = [ { lock = 'x' }, { barrier = 'b' }, { lock = 'y' }, { unlock = 'y' }, { unlock = 'x' } ]\n"
                     "[[group]]\nname = 'b'\nprogram = [ { lock = 'y' }, { barrier = 'b' }, { lock = 'x' }, { unlock = 'x' }, { unlock = 'y' } ]\n"));
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitWorkloadStuck);
  EXPECT_THAT(r.error().message, HasSubstr("a[0] waits for lock 'y'"));
}

TEST(Load, NamesWhatIsLeftAtTheHorizon) {
  auto r = Execute(Parse("horizon_ms = 50\n[[group]]\nname = 'a'\nprogram = [ { run_s = { uniform = [0, 6000] } } ]\n"
                     "[[group]]\nname = 'w'\nprogram = [ { take = 'q' } ]\n[[group]]\nname = 'p'\nprogram = [ { sleep_s = { uniform = [0, 6000] } }, { put = 'q' } ]\n"));
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code, kExitFailure);
  EXPECT_THAT(r.error().message, HasSubstr("3 of 3 tasks had not finished at the horizon of 50 ms, w[0] for one, which waits for an item in queue 'q'"));
}

// Stopped while it is blocked on each kind of wait.
TEST(Load, StopsWhatSleeps) {
  const std::string sleeper = "[[group]]\nname = 'z'\nevent = 'none'\nprogram = [ { sleep_s = 1000 }, ";
  for (const std::string& text : {
           sleeper + "{ signal = 's' } ]\n[[group]]\nname = 'w'\ncount = 3\nprogram = [ { wait = 's' } ]\n",
           sleeper + "{ put = 'q' } ]\n[[group]]\nname = 'w'\ncount = 3\nprogram = [ { take = 'q' } ]\n",
           sleeper + "{ take = 'q' } ]\n[[queue]]\nname = 'q'\ncapacity = 2\n[[group]]\nname = 'w'\ncount = 3\nprogram = [ { loop = 3, program = [ { put = 'q' } ] } ]\n",
           sleeper + "{ barrier = 'b' } ]\n[[group]]\nname = 'w'\ncount = 3\nprogram = [ { barrier = 'b' } ]\n",
           sleeper + "{ fork = 'w' } ]\n[[group]]\nname = 'w'\nforked = true\nprogram = [ { run_us = 5 } ]\n",
           std::string("[[group]]\nname = 'w'\ncount = 3\nprogram = [ { lock = 'm' }, { sleep_s = 1000 }, { unlock = 'm' } ]\n"),
           std::string("[[group]]\nname = 'w'\nstart_s = 1000\nprogram = [ { run_s = 1 } ]\n"),
           std::string("[[group]]\nname = 'w'\nprogram = [ { timer_s = 1000 } ]\n"),
           std::string("[[group]]\nname = 'w'\nprogram = [ { period_s = 1000 } ]\n"),
           std::string("[[group]]\nname = 'w'\ncount = 2\nprogram = [ { spin_s = 1000 } ]\n"),
           sleeper + "{ cond_broadcast = 'c' } ]\n[[group]]\nname = 'w'\ncount = 3\nprogram = [ { lock = 'm' }, { cond_wait = 'c', mutex = 'm' }, { unlock = 'm' } ]\n",
           std::string("[[group]]\nname = 'w'\ncount = 3\nprogram = [ { run_s = 1000 } ]\n"),
           std::string("[[group]]\nname = 'w'\ncount = 3\narrivals = { periodic_per_s = 0.001 }\nprogram = [ { run_us = 1 } ]\n"),
       }) {
    std::atomic<bool> cancel = false;
    std::thread canceller([&] { cancel = true; });  // before, at or after the start
    const Workload w = Parse("horizon_s = 10000\n" + text);
    auto r = RunLoad(w, {.cancel = &cancel});
    canceller.join();
    ASSERT_FALSE(r.ok()) << text;
    EXPECT_EQ(r.error().code, kExitInterrupted) << r.error().message << text;
    // And when they have had time to fall asleep.
    Workload brief = w;
    brief.horizon = Nanos::Millis(20);
    auto cut = Execute(brief);
    EXPECT_EQ(cut.ok(), !brief.run_to_completion) << text;
  }
}

TEST(Load, NotesWhatIsNotHere) {
  auto r = Execute(Parse("[[group]]\nname = 'a'\nprogram = [ { run_us = 5 } ]\n"), {.cpus = 512});
  ASSERT_TRUE(r.ok());
  EXPECT_THAT(r->notes, testing::Contains(HasSubstr("512 CPUs are asked for")));
  EXPECT_LT(r->cpus, 512);
}

TEST(Load, PutsTheCallersAffinityBack) {
  cpu_set_t before, after;
  sched_getaffinity(0, sizeof before, &before);
  auto r = Execute(Parse("[[group]]\nname = 'a'\naffinity = [0]\nprogram = [ { run_us = 5 } ]\n"), {.cpus = 1});
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(r->cpus, 1);
  sched_getaffinity(0, sizeof after, &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Load, ReplaysARecording) {
  const Metrics m = Measure(
      "semaphores = 1\n[recorded]\ncommand = 'x'\n[[group]]\nname = 'a'\nscript = \"\"\"\nr20000 k0 t2000000 r10000 k0\n\"\"\"\n"
      "[[group]]\nname = 'b'\nscript = \"\"\"\nw0 r10000 w0 r10000\n\"\"\"\n");
  EXPECT_EQ(m.at("events"), 2);
  EXPECT_GE(m.at("span"), 2000);
}

}  // namespace
}  // namespace ose
