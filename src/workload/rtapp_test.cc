#include "workload/rtapp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "workload/bound.h"

namespace ose {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Workload Read(const std::string& text) {
  auto w = ParseRtApp(text, "dir/my.json");
  EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.error().message);
  if (!w.ok()) return {};
  // What is read is a workload like any other.
  auto again = ParseWorkload(FormatWorkload(*w), "again");
  EXPECT_TRUE(again.ok()) << (again.ok() ? "" : again.error().message);
  if (again.ok()) EXPECT_EQ(FormatWorkload(*again), FormatWorkload(*w));
  return std::move(*w);
}

std::string Refusal(const std::string& text) {
  auto w = ParseRtApp(text, "my.json");
  if (w.ok()) return "accepted";
  EXPECT_EQ(w.error().code, kExitBadWorkload);
  return w.error().message;
}

std::string OneTask(const std::string& events) { return "{ \"tasks\" : { \"a\" : { " + events + " } } }"; }

std::vector<OpKind> Kinds(const Group& g) {
  std::vector<OpKind> kinds;
  for (const Op& op : g.program) kinds.push_back(op.kind);
  return kinds;
}

TEST(RtAppTest, AnActivationIsMeasuredFromWakeUpToTheNextSleep) {
  const Workload w = Read(OneTask(R"("run0" : 1000, "run1" : 5, "timer" : { "ref" : "unique", "period" : 20000 })"));
  ASSERT_EQ(w.groups.size(), 1u);
  using K = OpKind;
  EXPECT_EQ(Kinds(w.groups[0]), (std::vector{K::kBegin, K::kRun, K::kRun, K::kEnd, K::kPeriod}));
  EXPECT_TRUE(w.groups[0].repeat);
  EXPECT_EQ(w.groups[0].program[1].ns, 1'000'000);
  EXPECT_EQ(w.groups[0].program[4].ns, 20'000'000);
  EXPECT_EQ(w.horizon, Nanos::Seconds(10));
  EXPECT_FALSE(w.run_to_completion);
  EXPECT_EQ(w.name, "my");
  EXPECT_EQ(w.objectives[0].metric, "latency_p99");
}

TEST(RtAppTest, LoopsOfPhasesAndTasks) {
  const Workload w = Read(R"({ "tasks" : { "a" : { "loop" : 3, "phases" : {
      "x" : { "loop" : 2, "run" : 1 }, "y" : { "sleep" : 7 }, "y" : { "run" : 2 } } } }, "global" : { "duration" : -1 } })");
  using K = OpKind;
  EXPECT_EQ(Kinds(w.groups[0]), (std::vector{K::kLoop, K::kLoop, K::kBegin, K::kRun, K::kEnd, K::kEndLoop, K::kSleep, K::kBegin,
                                             K::kRun, K::kEnd, K::kEndLoop}));
  EXPECT_EQ(w.groups[0].program[0].count, 3u);
  EXPECT_EQ(w.groups[0].program[1].count, 2u);
  EXPECT_TRUE(w.run_to_completion);
  // A phase that never ends, and a duration that ends it all.
  const Workload endless = Read(R"({ "tasks" : { "a" : { "phases" : { "x" : { "run" : 1 }, "y" : { "loop" : -1, "run" : 1, "sleep" : 1 } } } },
                                     "global" : { "duration" : 2 } })");
  EXPECT_FALSE(endless.groups[0].repeat);
  EXPECT_FALSE(endless.run_to_completion);
  EXPECT_EQ(endless.horizon, Nanos::Seconds(2));
  // Without phases, "loop" is that of the events.
  EXPECT_FALSE(Read(OneTask(R"("run" : 1, "loop" : 4)")).groups[0].repeat);
  EXPECT_TRUE(Read(OneTask(R"("run" : 1, "loop" : -1)")).groups[0].repeat);
}

TEST(RtAppTest, EveryEventIsRead) {
  const Workload w = Read(R"({ "tasks" : {
    "a" : { "instance" : 2, "delay" : 500, "priority" : 5, "cpus" : [1, 0, 1],
            "run" : 1, "runtime" : 2, "mem" : 2048, "iorun" : 100, "sleep" : 3, "timer" : { "ref" : "t", "period" : 4, "mode" : "absolute" },
            "lock" : "m", "wait" : { "ref" : "c", "mutex" : "m" }, "sync" : { "ref" : "c", "mutex" : "m" }, "unlock" : "m",
            "signal" : "c", "broad" : "c", "barrier" : "b", "suspend" : "a", "resume" : "d.x", "sem_post" : "s", "sem_wait" : "s", "yield" : "",
            "fork" : "d.x" },
    "d.x" : { "instance" : 0, "loop" : 1, "suspend", "run" : 1, "policy" : "SCHED_IDLE" },
    "e" : { "instance" : 3, "barrier0" : "b", "sync" : { "ref" : "c", "mutex" : "m" }, "resume" : "a" } },
    "global" : { "mem_buffer_size" : 1024, "duration" : 1 } })");
  ASSERT_EQ(w.groups.size(), 3u);
  const Group &a = w.groups[0], &d = w.groups[1], &e = w.groups[2];
  using K = OpKind;
  EXPECT_EQ(Kinds(a), (std::vector{K::kBegin, K::kRun, K::kSpin, K::kRun, K::kRun, K::kEnd, K::kSleep, K::kPeriod, K::kLock, K::kCondWait, K::kCondSignal,
                                   K::kCondWait, K::kUnlock, K::kCondSignal, K::kCondBroadcast, K::kBarrier, K::kCondWait, K::kCondBroadcast, K::kSignal,
                                   K::kWait, K::kYield, K::kFork}));
  EXPECT_EQ(a.count, 2);
  EXPECT_EQ(a.weight, NiceToWeight(5));
  EXPECT_EQ(a.affinity, (std::vector{0, 1}));
  EXPECT_EQ(a.start.a, 500e3);
  EXPECT_EQ(a.working_set_kb, 1);  // the buffer, which memset goes over twice
  EXPECT_EQ(a.program[3].ns, 21);
  EXPECT_EQ(a.program[4].ns, kRtAppWriteNs);
  EXPECT_EQ(a.program[9].count, 1u);   // mutex 0
  EXPECT_EQ(a.program[16].count, 0u);  // suspend: none
  EXPECT_TRUE(w.timers[0].shared && w.timers[0].absolute);
  EXPECT_EQ(w.barriers[0].parties, 5);
  EXPECT_TRUE(d.forked);
  EXPECT_EQ(d.name, "d_x");
  EXPECT_EQ(d.count, 1024);  // rt-app's limit, since "a" forks for ever
  EXPECT_EQ(d.weight, 1);
  EXPECT_EQ(a.program.back().object, 1u);
  // The tutorial's sync, which takes the mutex itself.
  EXPECT_EQ(Kinds(e), (std::vector{K::kBarrier, K::kLock, K::kCondSignal, K::kCondWait, K::kUnlock, K::kCondBroadcast}));
}

TEST(RtAppTest, SuspendWaitsUnderTheNameThatIsResumed) {
  const Workload own = Read(R"({ "tasks" : { "a" : { "suspend" : "whatever", "run" : 1 }, "b" : { "run" : 1, "resume" : "a" } } })");
  EXPECT_EQ(own.conditions, (std::vector<std::string>{"a"}));
  const Workload shared = Read(R"({ "tasks" : { "a1" : { "suspend" : "a", "run" : 1 }, "a2" : { "suspend" : "a", "run" : 1 },
                                    "b" : { "run" : 1, "resume" : "a" } } })");
  EXPECT_EQ(shared.conditions, (std::vector<std::string>{"a"}));
}

TEST(RtAppTest, ForksAreCounted) {
  const Workload w = Read(R"({ "tasks" : {
    "m" : { "loop" : 2, "phases" : { "p" : { "loop" : 3, "run" : 1, "fork" : "c" } } },
    "c" : { "loop" : 1, "phases" : { "p" : { "run" : 1, "fork" : "g" } } },
    "g" : { "instance" : 0, "loop" : 1, "phases" : { "p" : { "run" : 1 } } } } })");
  ASSERT_EQ(w.groups.size(), 4u);
  EXPECT_EQ(w.groups[1].name, "c");
  EXPECT_EQ(w.groups[2].name, "c-fork");
  EXPECT_EQ(w.groups[2].count, 6);
  EXPECT_EQ(w.groups[3].count, 7);
  EXPECT_TRUE(w.run_to_completion);
}

TEST(RtAppTest, CommentsTrailingCommasAndLines) {
  const std::string text = "{ // rt-app\n/* two\nlines */ \"tasks\" : {\n \"a\" : { \"run\" : 1, /* x */ },\n \"b\" : { \"loop\" : 2,\n \"rum\" : 3 } } }";
  EXPECT_THAT(Refusal(text), StartsWith("my.json:6: unknown key 'rum' in task 'b'; did you mean 'run'?"));
  EXPECT_EQ(Read("{ \"tasks\" : { \"a // b\" : { \"run\" : 1, }, }, }").groups[0].name, "a // b");
}

TEST(RtAppTest, WhatCannotBeExpressedIsAnError) {
  auto refuses = [](const std::string& events, const std::string& why) { EXPECT_THAT(Refusal(OneTask(events)), HasSubstr(why)) << events; };
  refuses(R"("run" : 1, "policy" : "SCHED_FIFO")", "'policy' is SCHED_FIFO: real-time");
  refuses(R"("run" : 1, "policy" : "SCHED_X")", "'policy' is the string");
  refuses(R"("run" : 1, "priority" : 20)", "'priority' is 20; give a whole number, -20 to 19");
  refuses(R"("run" : 1, "cpus" : [])", "'cpus' is empty");
  refuses(R"("run" : 1, "cpus" : [512])", "'cpus' contains 512");
  refuses(R"("run" : 1, "nodes_membind" : [0])", "'nodes_membind' is not supported");
  refuses(R"("run" : 1, "util_min" : 5)", "'util_min' is not supported");
  refuses(R"("run" : 1, "taskgroup" : "/tg1")", "'taskgroup' is not supported");
  refuses(R"("run" : 1, "dl-runtime" : 5)", "'dl-runtime' is not supported");
  refuses(R"("memrun" : { "type" : "read", "size" : 1, "count" : 1 })", "'memrun' is not supported");
  refuses(R"("run" : "1")", "'run' is the string \"1\"");
  refuses(R"("run" : -1)", "'run' is -1");
  refuses(R"("run" : 1.5)", "'run' is 1.5");
  refuses(R"("run" : 1, "loop" : 0)", "'loop' is 0");
  refuses(R"("sleep")", "'sleep' is nothing");
  refuses(R"("timer" : { "ref" : "a" })", "needs a \"ref\" and a \"period\"");
  refuses(R"("timer" : { "ref" : "a", "perod" : 1 })", "unknown key 'perod' in a timer; did you mean 'period'?");
  refuses(R"("timer" : { "ref" : "a", "period" : 1, "mode" : "abs" })", "'mode' is the string");
  refuses(R"("run" : 1, "fork" : "b")", "forks 'b', which is no task");
  refuses(R"("run" : 1, "wait" : { "ref" : "c", "mutex" : "m" }, "signal" : "c")", "without holding 'm'");
  refuses(R"("run" : 1, "suspend" : "a")", "which nobody signals");
  refuses(R"("loop" : 2)", "has no events");
  refuses(R"("run" : 1, "phases" : { "p" : { "run" : 1 } })", "beside 'phases'");
  refuses(R"("run" : 1, "lock" : "m")", "never unlocks it");
  refuses(R"("phases" : { "p" : { "run" : 1, "priority" : 1 }, "q" : { "run" : 1, "priority" : 2 } })", "changes the priority");
  refuses(R"("phases" : { "p" : { "run" : 1, "loop" : -1 }, "q" : { "run" : 1 } })", "comes after a phase that loops for ever");
  EXPECT_THAT(Refusal(R"({ "tasks" : { "a" : { "iorun" : 1 } }, "global" : { "io_device" : "/dev/sda" } })"), HasSubstr("'io_device' is"));
  EXPECT_THAT(Refusal(R"({ "tasks" : { "a" : { "run" : 1 } }, "global" : { "pi_enabled" : true } })"), HasSubstr("'pi_enabled' is not supported"));
  EXPECT_THAT(Refusal(R"({ "tasks" : { "a" : { "run" : 1 } }, "global" : { "durations" : 1 } })"), HasSubstr("did you mean 'duration'?"));
  EXPECT_THAT(Refusal(R"({ "tasks" : { "a" : { "run" : 1 } }, "globals" : { } })"), HasSubstr("did you mean 'global'?"));
  EXPECT_THAT(Refusal(R"({ "global" : { } })"), HasSubstr("there is no \"tasks\" object"));
  EXPECT_THAT(Refusal("[]"), HasSubstr("the file is an array"));
  EXPECT_THAT(Refusal("{\n\n\"tasks\" : [}"), StartsWith("my.json:3: no JSON"));
  EXPECT_THAT(Refusal(""), StartsWith("my.json:1: no JSON"));
  EXPECT_THAT(Refusal("{\"a\":" + std::string(100, '[')), HasSubstr("nested more than"));
}

TEST(RtAppTest, ShippedFilesHaveBounds) {
  const std::string dir = std::string(OSE_SOURCE_DIR) + "/workloads";
  auto files = ListFiles(dir, ".json");
  ASSERT_TRUE(files.ok());
  EXPECT_GE(files->size(), 3u);
  for (const std::string& f : *files) {
    auto w = LoadWorkload(JoinPath(dir, f));
    ASSERT_TRUE(w.ok()) << w.error().message;
    Machine m;
    const Metrics bounds = Bounds(*w, m, 1);
    for (const Objective& o : w->objectives) {
      ASSERT_TRUE(bounds.contains(o.metric)) << f << ": " << o.metric;
      EXPECT_GT(bounds.at(o.metric), 0) << f;
    }
  }
}

}  // namespace
}  // namespace ose
