#include "workload/bound.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "workload/srpt.h"

namespace ose {
namespace {

constexpr int64_t kUs = 1'000, kMs = 1'000'000;

Op Use(int64_t ns) { return {OpKind::kRun, false, 0, 1, ns}; }
Op Sleep(int64_t ns) { return {OpKind::kSleep, false, 0, 1, ns}; }
Op Do(OpKind kind, uint32_t object = 0, uint32_t count = 1) { return {kind, false, object, count, 0}; }
Op Timer(int64_t ns) { return {OpKind::kTimer, false, 0, 1, ns}; }
Op Drawn(OpKind kind, uint32_t dist) { return {kind, true, dist, 1, 0}; }

Group Tasks(const std::string& name, int count, std::vector<Op> program) {
  Group g;
  g.name = name;
  g.count = count;
  g.program = std::move(program);
  return g;
}
Dist Constant(double ns) {
  Dist d;
  d.a = ns;
  return d;
}
Machine Cpus(int n) {
  Machine m;
  m.cpus = n;
  m.context_switch = {1000};
  m.idle_exit = {500};
  return m;
}
Workload ToCompletion(std::vector<Group> groups) {
  Workload w;
  w.run_to_completion = true;
  w.groups = std::move(groups);
  return w;
}
Workload UpTo(Nanos horizon, Nanos warmup, std::vector<Group> groups) {
  Workload w;
  w.horizon = horizon;
  w.warmup = warmup;
  w.groups = std::move(groups);
  return w;
}

// --- What CPUs get done -------------------------------------------------------------------

TEST(BoundTest, SiblingsSlowEachOtherDown) {
  // 4 x 6 ms on two cores with two hardware threads each, together as fast as 4 x 0.6 = 2.4 CPUs: 10 ms.
  Workload w = ToCompletion({Tasks("t", 4, {Use(6 * kMs)})});
  Machine m = Cpus(4);
  m.smt = 2;
  m.smt_speed = 0.6;
  EXPECT_DOUBLE_EQ(Bounds(w, m, 1)["span"], 10e3);
  // One thread of each core is undisturbed: 12 ms on 2 CPUs.
  w.groups[0].affinity = {0, 2};
  EXPECT_DOUBLE_EQ(Bounds(w, m, 1)["span"], 12e3);
  // Siblings that lose more than half are better used one at a time.
  w.groups[0].affinity = {0, 1};
  m.smt_speed = 0.3;
  EXPECT_DOUBLE_EQ(Bounds(w, m, 1)["span"], 24e3);
}

TEST(BoundTest, SystemCallsTakeTheirTime) {
  // 0.9 us of work and a yield of 0.1 us: a second has room for a million of them on each CPU that has a task, and for
  // what a CPU owes at its end.
  Group g = Tasks("t", 2, {Use(900), Do(OpKind::kYield)});
  g.repeat = true;
  Workload w = UpTo(Nanos::Seconds(1), {0}, {g});
  Machine m = Cpus(1);
  m.syscall = {100};
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 1e6, 105);
  EXPECT_NEAR(Bounds(w, Cpus(1), 1)["events"], 1e9 / 900, 5);
  m.cpus = 4;
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 2e6, 5);
  // A task that goes on elsewhere need not wait for its call, only for a switch.
  m.context_switch = {10};
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 2e9 / 910, 5);
  // Waiting hides what falling asleep costs; the CPU still pays.
  w.groups[0].program = {Use(900), Sleep(100)};
  m.sleep_op = {900};
  m.cpus = 1;
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 1e9 / 1900, 60);
  m.cpus = 4;
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 2e6, 5);
  // Far more operations than are walked one by one.
  w.groups[0].program = {{.kind = OpKind::kLoop, .count = 1'000'000}, Use(90), Do(OpKind::kYield), {.kind = OpKind::kEndLoop}};
  m.syscall = {10};
  m.context_switch = {1000};
  EXPECT_NEAR(Bounds(w, m, 1)["events"], 20, 2);
}

// --- Runs to completion -------------------------------------------------------------------

TEST(BoundTest, HeadOfLineIsLimitedByTheSlowThread) {
  // 31 x 5 + 150 = 305 ms of work on 5 CPUs: 61 ms, but the slow thread takes 150 ms.
  Workload w = ToCompletion({Tasks("fast", 31, {Use(5 * kMs)}), Tasks("slow", 1, {Use(150 * kMs)})});
  Metrics b = Bounds(w, Cpus(5), 1);
  EXPECT_DOUBLE_EQ(b["throughput"], 32 / 0.150);
  EXPECT_DOUBLE_EQ(b["span"], 150e3);
  EXPECT_DOUBLE_EQ(b["events"], 32);
  // The fast ones alone: 155 / 5 = 31 ms.
  EXPECT_DOUBLE_EQ(b["fast.throughput"], 31 / 0.031);
  // Median latency of the 32: index floor(0.5 * 31) = 15, so 16 threads of 5 ms on 5 CPUs: 16 ms.
  EXPECT_DOUBLE_EQ(b["latency_p50"], 16e3);
  EXPECT_DOUBLE_EQ(b["latency_max"], 150e3);
  // Shortest first: fast ones end at 5, 10, .. 30 ms in fives and one at 35 ms, the slow one starts
  // with it on a CPU that is free at 30 ms: (5 (5 + 10 + 15 + 20 + 25 + 30) + 35 + 180) / 32.
  EXPECT_DOUBLE_EQ(b["latency_mean"], (5 * 105 + 35 + 180) * 1e3 / 32);
  // Fast starts: index 15 of 31 on 5 CPUs waits for floor(15 / 5) + 1 = 4 switches and the idle exit.
  EXPECT_DOUBLE_EQ(b["fast.start_p50"], 4 + 0.5);
  // Index floor(0.95 * 30) = 28: 6 switches.
  EXPECT_DOUBLE_EQ(b["fast.start_p95"], 6 + 0.5);
}

TEST(BoundTest, McNaughton) {
  // Three tasks of 2 ms on 2 CPUs: 3 ms with preemption, though no two lists of whole tasks reach it.
  Workload w = ToCompletion({Tasks("t", 3, {Use(2 * kMs)})});
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(2), 1)["span"], 3e3);
}

TEST(BoundTest, SpanKnowsReleaseTimes) {
  // 4 ms of work released at 0 on 2 CPUs, and 2 x 3 ms at 10 ms: 10 + 6 / 2 = 13 ms.
  Group late = Tasks("late", 2, {Use(3 * kMs)});
  late.has_start = true;
  late.start = Constant(10e6);
  Workload w = ToCompletion({Tasks("early", 2, {Use(2 * kMs)}), late});
  Metrics b = Bounds(w, Cpus(2), 1);
  EXPECT_DOUBLE_EQ(b["span"], 13e3);
  // A policy may let the early ones wait until 10 ms: the window is only as long as the work.
  EXPECT_DOUBLE_EQ(b["throughput"], 4 / 0.005);
}

TEST(BoundTest, TimersAreReleases) {
  // 1 ms, then sleeps until 7 ms, then 1 ms: 8 ms.
  Workload w = ToCompletion({Tasks("t", 1, {Use(kMs), Timer(7 * kMs), Use(kMs)})});
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(2), 1)["span"], 8e3);
}

TEST(BoundTest, CriticalPathThroughSemaphores) {
  // a runs 3 ms, signals b, which runs 4 ms, sleeps 5 ms, signals c, which runs 2 ms: 14 ms.
  Workload w = ToCompletion({Tasks("a", 1, {Use(3 * kMs), Do(OpKind::kSignal, 0)}),
                             Tasks("b", 1, {Do(OpKind::kWait, 0), Use(4 * kMs), Sleep(5 * kMs), Do(OpKind::kSignal, 1)}),
                             Tasks("c", 1, {Do(OpKind::kWait, 1), Use(2 * kMs)})});
  w.semaphores = {"x", "y"};
  Metrics b = Bounds(w, Cpus(8), 1);
  EXPECT_DOUBLE_EQ(b["span"], 14e3);
  EXPECT_DOUBLE_EQ(b["throughput"], 3 / 0.014);
}

TEST(BoundTest, CriticalPathThroughForkBarrierAndQueue) {
  // main runs 1 ms, forks two children (2 and 2 ms, at 1 and 1), meets them at a barrier at 3 ms, puts
  // three items, 1 ms each before, at 4, 5 and 6 ms. The worker takes them and runs 4 ms each:
  // 4 + 3 x 4 = 16 ms. The queue has room for one, which does not matter to the worker.
  Workload w = ToCompletion(
      {Tasks("main", 1, {Use(kMs), Do(OpKind::kFork, 1), Do(OpKind::kFork, 1), Do(OpKind::kBarrier), Do(OpKind::kLoop, 0, 3),
                         Use(kMs), Do(OpKind::kPut), Do(OpKind::kEndLoop)}),
       Tasks("child", 2, {Use(2 * kMs), Do(OpKind::kBarrier)}),
       Tasks("worker", 1, {Do(OpKind::kLoop, 0, 3), Do(OpKind::kTake), Use(4 * kMs), Do(OpKind::kEndLoop)})});
  w.groups[1].forked = true;
  w.barriers = {{"b", 3}};
  w.queues = {{"q", 1}};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(8), 1)["span"], 16e3);
}

TEST(BoundTest, ABoundedQueueHoldsTheProducerUp) {
  // Room for 1. The worker takes at 1, 11, 21 ms. The producer puts at 0, waits for room until 1 ms,
  // then until 11 ms, runs 15 ms more: 26 ms (the worker's end is 31).
  Workload w = ToCompletion(
      {Tasks("producer", 1, {Do(OpKind::kPut), Do(OpKind::kPut), Do(OpKind::kPut), Use(15 * kMs)}),
       Tasks("worker", 1, {Use(kMs), Do(OpKind::kLoop, 0, 3), Do(OpKind::kTake), Use(10 * kMs), Do(OpKind::kEndLoop)})});
  w.queues = {{"q", 1}};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(8), 1)["span"], 31e3);
  w.groups[0].program.back() = Use(100 * kMs);
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(8), 1)["span"], 111e3);
}

TEST(BoundTest, WhoWaitsWhereSeveralWaitMayGoFirst) {
  // One token at 1 ms, one at 50 ms; two waiters, of which one runs 10 ms. The policy may wake that one
  // first, so its chain is 1 + 10; the last thing to happen is the other's end at 50 ms.
  Workload w = ToCompletion(
      {Tasks("giver", 1, {Use(kMs), Do(OpKind::kSignal), Sleep(49 * kMs), Do(OpKind::kSignal)}),
       Tasks("long", 1, {Do(OpKind::kWait), Use(10 * kMs)}), Tasks("short", 1, {Do(OpKind::kWait)})});
  w.semaphores = {"s"};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(4), 1)["span"], 50e3);
}

TEST(BoundTest, WhatComesAfterAllOfTheWork) {
  // make forks 4 compilers of 10 ms, waits for each and links for 5 ms. Whatever the order on 2 CPUs, 40 ms of work are
  // done before the link: 20 + 5 ms.
  Workload w = ToCompletion({Tasks("make", 1, {Do(OpKind::kLoop, 0, 4), Do(OpKind::kFork, 1), Do(OpKind::kEndLoop), Do(OpKind::kLoop, 0, 4),
                                               Do(OpKind::kWait), Do(OpKind::kEndLoop), Use(5 * kMs)}),
                             Tasks("cc", 4, {Use(10 * kMs), Do(OpKind::kSignal)})});
  w.groups[1].forked = true;
  w.semaphores = {"done"};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(2), 1)["span"], 25e3);
  // Waiting for three of them leaves open which: 45 ms of work on 2 CPUs.
  w.groups[0].program[3].count = 3;
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(2), 1)["span"], 22.5e3);
}

TEST(BoundTest, TailsThroughBarriersForksAndQueues) {
  // 3 tasks run 4 ms, meet, and one of them sleeps for 6: 12 / 2 + 6 ms.
  Workload meet = ToCompletion({Tasks("a", 2, {Use(4 * kMs), Do(OpKind::kBarrier)}),
                                Tasks("b", 1, {Use(4 * kMs), Do(OpKind::kBarrier), Sleep(6 * kMs)})});
  meet.barriers = {{"b", 3}};
  EXPECT_DOUBLE_EQ(Bounds(meet, Cpus(2), 1)["span"], 12e3);
  // 4 tasks run 3 ms and put an item; who takes all 4 then forks a child of 2 ms: 12 / 2 + 2 ms.
  Workload pass = ToCompletion({Tasks("put", 4, {Use(3 * kMs), Do(OpKind::kPut)}),
                                Tasks("take", 1, {Do(OpKind::kLoop, 0, 4), Do(OpKind::kTake), Do(OpKind::kEndLoop), Do(OpKind::kFork, 2)}),
                                Tasks("child", 1, {Use(2 * kMs)})});
  pass.groups[2].forked = true;
  pass.queues = {{"q", 0}};
  EXPECT_DOUBLE_EQ(Bounds(pass, Cpus(2), 1)["span"], 8e3);
  // Two who take two items each: neither needs all of them. 18 ms of work on 2 CPUs.
  pass.groups[1] = Tasks("take", 2, {Do(OpKind::kTake), Use(kMs), Do(OpKind::kTake), Use(2 * kMs)});
  pass.groups[2].program.clear();
  EXPECT_DOUBLE_EQ(Bounds(pass, Cpus(2), 1)["span"], 9e3);
}

TEST(BoundTest, CriticalSectionsFollowEachOther) {
  // 6 tasks hold one lock for 2 of their 3 ms: 12 ms on any number of CPUs.
  Workload w = ToCompletion({Tasks("t", 6, {Use(kMs), Do(OpKind::kLock), Use(2 * kMs), Do(OpKind::kUnlock)})});
  w.locks = {"m"};
  Metrics b = Bounds(w, Cpus(16), 1);
  EXPECT_DOUBLE_EQ(b["span"], 12e3);
  EXPECT_DOUBLE_EQ(b["throughput"], 6 / 0.012);
}

TEST(BoundTest, PinnedWorkHasOnlyItsCpus) {
  Workload w = ToCompletion({Tasks("pinned", 4, {Use(5 * kMs)}), Tasks("free", 4, {Use(5 * kMs)})});
  w.groups[0].affinity = {1};
  Metrics b = Bounds(w, Cpus(4), 1);
  EXPECT_DOUBLE_EQ(b["span"], 20e3);  // 4 x 5 ms on CPU 1; all of it on 4 CPUs would be 10
  EXPECT_DOUBLE_EQ(b["throughput"], 8 / 0.020);
}

TEST(BoundTest, BarrierReleasesTogetherButNotTheLastToCome) {
  Workload w = ToCompletion(
      {Tasks("t", 11, {Do(OpKind::kBarrier), Do(OpKind::kBegin), Use(5 * kMs), Do(OpKind::kEnd)})});
  w.groups[0].event = EventKind::kMarked;
  w.groups[0].has_start = true;
  w.groups[0].start = Constant(2e6);
  w.barriers = {{"go", 11}};
  Metrics b = Bounds(w, Cpus(5), 1);
  // Index 5 of 11: the 4th of those that slept, within the first five switches.
  EXPECT_DOUBLE_EQ(b["start_p50"], 1);
  // Index floor(0.95 * 10) = 9: the 8th of those, the second five.
  EXPECT_DOUBLE_EQ(b["start_p95"], 2);
  EXPECT_DOUBLE_EQ(b["throughput"], 11 / 0.011);
  EXPECT_DOUBLE_EQ(b["span"], 11e3);
}

// --- Closed loops -------------------------------------------------------------------------

TEST(BoundTest, ClosedLoopWithFewTasksIsLimitedByThem) {
  // 2 tasks of 3 ms work + 7 ms sleep on 4 CPUs: 2 / 10 ms = 200/s over 1 s, no warm-up.
  Group g = Tasks("t", 2, {Use(3 * kMs), Sleep(7 * kMs)});
  g.repeat = true;
  Metrics b = Bounds(UpTo(Nanos::Seconds(1), {0}, {g}), Cpus(4), 1);
  EXPECT_DOUBLE_EQ(b["throughput"], 200);
  EXPECT_DOUBLE_EQ(b["latency_p99"], 10e3);
  EXPECT_DOUBLE_EQ(b["slowdown_p50"], 10.0 / 3);
  EXPECT_DOUBLE_EQ(b["utilization"], 50);
}

TEST(BoundTest, ClosedLoopWithManyTasksIsLimitedByTheCpus) {
  // 20 tasks of 3 + 7 ms on 4 CPUs: 4 / 3 ms = 1333.3/s; in 1 s, 1333 whole events.
  Group g = Tasks("t", 20, {Use(3 * kMs), Sleep(7 * kMs)});
  g.repeat = true;
  EXPECT_DOUBLE_EQ(Bounds(UpTo(Nanos::Seconds(1), {0}, {g}), Cpus(4), 1)["throughput"], 1333);
  // With a warm-up, each task may have an event all but finished when the window of 1 s begins.
  EXPECT_DOUBLE_EQ(Bounds(UpTo(Nanos::Seconds(2), Nanos::Seconds(1), {g}), Cpus(4), 1)["throughput"], 1353);
}

TEST(BoundTest, ClosedLoopUnderOneLock) {
  // Each event holds the lock for 2 ms, once with a sleep in it: 500/s.
  Group g = Tasks("t", 20, {Use(kMs), Do(OpKind::kLock), Use(kMs), Sleep(kMs), Do(OpKind::kUnlock)});
  g.repeat = true;
  Workload w = UpTo(Nanos::Seconds(1), {0}, {g});
  w.locks = {"m"};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(16), 1)["throughput"], 500);
}

TEST(BoundTest, ClosedGroupsShareTheCpus) {
  // Cheap events of 1 ms from 1 task (at most 1000 in 1 s) and dear ones of 4 ms from 8 tasks, on 2
  // CPUs: 1000 cheap ones use one CPU-second, the other makes 250 dear ones.
  Group cheap = Tasks("cheap", 1, {Use(kMs)}), dear = Tasks("dear", 8, {Use(4 * kMs)});
  cheap.repeat = dear.repeat = true;
  Metrics b = Bounds(UpTo(Nanos::Seconds(1), {0}, {cheap, dear}), Cpus(2), 1);
  EXPECT_DOUBLE_EQ(b["throughput"], 1250);
  EXPECT_DOUBLE_EQ(b["dear.throughput"], 500);
}

TEST(BoundTest, DrawnClosedLoopIsCloseToItsMean) {
  Group g = Tasks("t", 32, {Drawn(OpKind::kRun, 0)});
  g.repeat = true;
  Workload w = UpTo(Nanos::Seconds(2), {0}, {g});
  w.dists.push_back(Constant(0));
  w.dists[0].kind = Dist::Kind::kUniform;
  w.dists[0].a = 2.3265e6, w.dists[0].b = 2.3735e6;
  double mean_rate = 5 / 2.35e-3;
  double bound = Bounds(w, Cpus(5), 1)["throughput"];
  EXPECT_GT(bound, 0.998 * mean_rate);
  EXPECT_LT(bound, 1.005 * mean_rate);
}

// --- Open loops ---------------------------------------------------------------------------

Workload OpenLoop(double load, double mean_ns) {
  Group g = Tasks("request", 64, {Drawn(OpKind::kRun, 0)});
  g.arrivals = {Arrivals::Kind::kPoisson, 0, load};
  Workload w = UpTo(Nanos::Millis(100), Nanos::Millis(10), {g});
  w.dists.push_back(Constant(mean_ns));
  return w;
}

TEST(BoundTest, OpenLoopOfConstantWork) {
  Workload w = OpenLoop(0.5, 20e3);
  Metrics b = Bounds(w, Cpus(2), 1);
  // 0.5 x 2 / 20 us = 50,000/s, of which all 5000 or so of 100 ms may end in the 90 ms measured.
  EXPECT_NEAR(b["throughput"], 50'000 * 100 / 90.0, 2500);
  EXPECT_DOUBLE_EQ(b["latency_p50"], 20);
  EXPECT_DOUBLE_EQ(b["latency_max"], 20);
  EXPECT_GE(b["latency_mean"], 20);
  EXPECT_DOUBLE_EQ(b["slowdown_p999"], 1);
  EXPECT_FALSE(b.contains("start_p50"));  // a running thread may take the next request at once
  w.objectives = {{"start_p50", Direction::kMinimize, 1}};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(2), 1)["start_p50"], 0.001);
  EXPECT_DOUBLE_EQ(b["wakeup_p99"], 1);
}

TEST(BoundTest, OpenLoopMeanOnOneCpuIsSrpt) {
  // Periodic, one a 10 us, of 15 us, on one CPU, over 40 us: releases 10, 20, 30 (40 is the horizon).
  // SRPT: 10-25, 25-40, 40-55; flows 15, 20, 25: mean 20.
  Workload w = OpenLoop(0, 15e3);
  w.groups[0].arrivals = {Arrivals::Kind::kPeriodic, 1e5, 0};
  w.horizon = {40 * kUs};
  w.warmup = {0};
  EXPECT_DOUBLE_EQ(Bounds(w, Cpus(1), 1)["latency_mean"], 20);
}

TEST(BoundTest, BimodalQuantilesAreTheRealisedWorks) {
  Workload w = OpenLoop(0.8, 0);
  w.dists[0].kind = Dist::Kind::kMix;
  w.dists[0].value = {1e3, 1e5};
  w.dists[0].weight = {90, 10};
  Metrics b = Bounds(w, Cpus(4), 3);
  EXPECT_DOUBLE_EQ(b["latency_p50"], 1);
  EXPECT_DOUBLE_EQ(b["latency_p95"], 100);
  EXPECT_GT(b["latency_mean"], 10);
}

TEST(BoundTest, EventsMarkedInsideRequests) {
  // Each request: 10 us, then two events of 5 us. When they are released is the policy's choice.
  Workload w = OpenLoop(0, 0);
  w.groups[0].arrivals = {Arrivals::Kind::kPeriodic, 1e5, 0};
  w.groups[0].event = EventKind::kMarked;
  w.groups[0].program = {Use(10 * kUs),          Do(OpKind::kLoop, 0, 2), Do(OpKind::kBegin), Use(5 * kUs),
                         Do(OpKind::kEnd), Do(OpKind::kEndLoop)};
  w.horizon = {50 * kUs};
  w.warmup = {0};
  Metrics b = Bounds(w, Cpus(8), 1);
  EXPECT_DOUBLE_EQ(b["events"], 2 * 4);  // requests at 10, 20, 30, 40 us
  EXPECT_DOUBLE_EQ(b["latency_mean"], 5);
  EXPECT_DOUBLE_EQ(b["latency_p50"], 5);
}

// --- All of them --------------------------------------------------------------------------

TEST(BoundTest, DeterministicAndSeeded) {
  Workload w = OpenLoop(0.7, 0);
  w.dists[0].kind = Dist::Kind::kExponential;
  w.dists[0].a = 20e3;
  EXPECT_EQ(Bounds(w, Cpus(2), 5), Bounds(w, Cpus(2), 5));
  EXPECT_NE(Bounds(w, Cpus(2), 5)["latency_mean"], Bounds(w, Cpus(2), 6)["latency_mean"]);
}

TEST(BoundTest, ShippedWorkloadsHaveABoundForEachObjective) {
  const std::string dir = std::string(OSE_SOURCE_DIR) + "/workloads";
  auto names = ListFiles(dir, ".toml");
  ASSERT_TRUE(names.ok());
  for (const std::string& name : *names) {
    auto w = LoadWorkload(JoinPath(dir, name));
    ASSERT_TRUE(w.ok()) << w.error().message;
    auto m = LoadMachine(std::string(OSE_SOURCE_DIR) + "/machines/" + w->machine + ".toml");
    ASSERT_TRUE(m.ok()) << m.error().message;
    Metrics b = Bounds(*w, *m, 1);
    for (const Objective& o : w->objectives) EXPECT_GT(b[o.metric], 0) << name << " " << o.metric;
    std::vector<std::string> noted, bounded;
    for (const BoundNote& note : BoundNotes(*w)) {
      noted.push_back(note.metric);
      EXPECT_FALSE(note.argument.empty());
    }
    for (const auto& [metric, value] : b) bounded.push_back(metric);
    EXPECT_EQ(noted, bounded) << name;
  }
}

// Properties, on a few hundred random instances with fixed seeds.

int64_t Between(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(high - low + 1)));
}

// A finite workload: tasks that run, sleep and hand tokens down a chain.
Workload Random(Rng& rng) {
  Workload w = ToCompletion({});
  for (int64_t g = 0, groups = Between(rng, 1, 5); g < groups; ++g) {
    std::vector<Op> program;
    if (g > 0 && rng.Below(2)) program.push_back(Do(OpKind::kWait, static_cast<uint32_t>(g - 1)));
    for (int64_t i = Between(rng, 1, 4); i > 0; --i) {
      program.push_back(Use(Between(rng, 1, 1000)));
      if (rng.Below(2)) program.push_back(Sleep(Between(rng, 1, 1000)));
    }
    program.push_back(Do(OpKind::kSignal, static_cast<uint32_t>(g), 4));
    w.semaphores.push_back("s" + std::to_string(g));
    w.groups.push_back(Tasks("g" + std::to_string(g), static_cast<int>(Between(rng, 1, 4)), program));
  }
  return w;
}

// Names the first metric whose bound in `harder` is better than in `easier`, or "".
std::string Improved(const Metrics& harder, const Metrics& easier) {
  for (const auto& [name, value] : easier) {
    const MetricInfo* info = FindMetric(name);
    auto it = harder.find(name);
    if (it == harder.end()) return name + " is gone";
    if (info->better == Direction::kMaximize ? it->second > value * (1 + 1e-12) : it->second < value * (1 - 1e-12))
      return name;
  }
  return "";
}

TEST(BoundPropertyTest, MoreWorkNeverImprovesABound) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    Workload w = Random(rng);
    Machine m = Cpus(static_cast<int>(Between(rng, 1, 4)));
    Metrics before = Bounds(w, m, 1);
    // Slowdown is relative to the work and may fall.
    std::erase_if(before, [](const auto& b) { return FindMetric(b.first)->name.starts_with("slowdown"); });
    for (Op& op : w.groups[rng.Below(w.groups.size())].program)
      if (op.kind == OpKind::kRun) {
        op.ns += Between(rng, 0, 1000);
        break;
      }
    ASSERT_EQ(Improved(Bounds(w, m, 1), before), "") << "seed " << seed;
  }
}

TEST(BoundPropertyTest, FewerCpusNeverImproveABound) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    Workload w = Random(rng);
    int n = static_cast<int>(Between(rng, 1, 4));
    Metrics few = Bounds(w, Cpus(n), 1), many = Bounds(w, Cpus(n + 1), 1);
    many.erase("utilization");  // of fewer CPUs more can be used
    ASSERT_EQ(Improved(few, many), "") << "seed " << seed;
  }
}

// A schedule that exists, to hold the bounds against: independent tasks of one run each, in the order
// given, each on the CPU that is free first, without any cost.
TEST(BoundPropertyTest, ListSchedulesDoNotBeatTheBounds) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    const auto cpus = static_cast<size_t>(Between(rng, 1, 4));
    const int64_t n = Between(rng, 1, 40);
    Workload w = ToCompletion({});
    std::vector<int64_t> free(cpus, 0);
    std::vector<double> ends;
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      int64_t work = Between(rng, 1, 10'000);
      w.groups.push_back(Tasks("g" + std::to_string(i), 1, {Use(work)}));
      auto cpu = std::min_element(free.begin(), free.end());
      *cpu += work;
      ends.push_back(static_cast<double>(*cpu) / 1e3);
      sum += ends.back();
    }
    std::sort(ends.begin(), ends.end());
    Metrics b = Bounds(w, Cpus(static_cast<int>(cpus)), 1);
    const double slack = 1 + 1e-12;
    ASSERT_LE(b["span"], ends.back() * slack) << "seed " << seed;
    ASSERT_LE(b["latency_mean"], sum / static_cast<double>(n) * slack) << "seed " << seed;
    ASSERT_LE(b["latency_p50"], ends[static_cast<size_t>(n - 1) / 2] * slack) << "seed " << seed;
    ASSERT_LE(b["latency_max"], ends.back() * slack) << "seed " << seed;
    ASSERT_GE(b["throughput"] * slack, static_cast<double>(n) / (ends.back() / 1e6)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ose
