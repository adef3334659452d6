#include "workload/trace_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/exit_code.h"

namespace ose {
namespace {

using Kind = SchedEvent::Kind;

struct Owned : SchedEvent {
  std::string comm_text, next_text;
};

Result<TraceTextInfo> Parse(const std::string& text, std::vector<Owned>* out) {
  return ParseTraceText(text, "t.txt", [&](const SchedEvent& e) {
    out->push_back({e, std::string(e.comm), std::string(e.next_comm)});
  });
}

TEST(TraceText, Ftrace) {
  std::vector<Owned> e;
  auto r = Parse(
      "# tracer: nop\n#\n# entries-in-buffer/entries-written: 231/231   #P:4\n#\n"
      "            perl-7909    [000] d..3.  1433.166647: sched_waking: comm=grep pid=7907 prio=120 "
      "target_cpu=001\n"
      "##### CPU 1 buffer started ####\n"
      "          <idle>-0       [001] dNh4.  1433.166700: sched_waking: comm=grep pid=7907 prio=110 "
      "target_cpu=001\n"
      "            grep-7907    ( 7900) [001] d..2.  1433.166751: sched_switch: prev_comm=grep prev_pid=7907 "
      "prev_prio=120 prev_state=R+ ==> next_comm=swapper/1 next_pid=0 next_prio=120\n"
      "CPU:1 [LOST 4711 EVENTS]\n"
      "            bash-7924    [001] .....  1433.168530: sched_process_fork: comm=bash pid=7924 "
      "child_comm=bash "
      "child_pid=7928\n"
      "            bash-7924    [001] d..2.  1433.168535: sched_wakeup_new: comm=bash pid=7928 prio=120 "
      "target_cpu=000\n"
      "              sh-7928    [001] .N...  1433.169066: sched_process_exec: filename=/usr/bin/sh pid=7928 "
      "old_pid=7928\n"
      "              sh-7928    [001] .....  1433.169070: sys_sched_yield()\n"
      "              sh-7928    [001] .....  1433.169071: sys_sched_yield -> 0x0\n"
      "              sh-7928    [001] .....  1433.169072: bprint: something: else\n"
      "             seq-7929    [000] .....  1433.171119: sched_process_exit: comm=seq pid=7929 prio=120 "
      "group_dead=true\n"
      "             seq-7929    [000] d..3.  1433.171172: sched_migrate_task: comm=sh pid=7928 prio=120 "
      "orig_cpu=1 dest_cpu=0\n",
      &e);
  ASSERT_TRUE(r.ok()) << r.error().message;
  EXPECT_EQ(r->cpus, 4);
  EXPECT_EQ(r->events, 9);
  EXPECT_EQ(r->lost, 4711);
  EXPECT_TRUE(r->has_yields);
  EXPECT_TRUE(r->has_irq);
  ASSERT_EQ(e.size(), 11u);
  EXPECT_EQ(e[0].kind, Kind::kWaking);
  EXPECT_EQ(e[0].time_ns, 1433'166'647'000);
  EXPECT_EQ(e[0].context, 7909);
  EXPECT_EQ(e[0].pid, 7907);
  EXPECT_EQ(e[0].target_cpu, 1);
  EXPECT_FALSE(e[0].interrupt);
  EXPECT_EQ(e[1].kind, Kind::kGap);
  EXPECT_EQ(e[1].cpu, 1);
  EXPECT_TRUE(e[2].interrupt);
  EXPECT_EQ(e[2].context, 0);
  EXPECT_EQ(e[2].prio, 110);
  EXPECT_EQ(e[3].kind, Kind::kSwitch);
  EXPECT_EQ(e[3].context, 7907);
  EXPECT_EQ(e[3].prev_state, PrevState::kPreempted);
  EXPECT_EQ(e[3].next_text, "swapper/1");
  EXPECT_EQ(e[4].lost, 4711);
  EXPECT_EQ(e[5].kind, Kind::kFork);
  EXPECT_EQ(e[5].pid, 7928);
  EXPECT_EQ(e[6].kind, Kind::kWakeupNew);
  EXPECT_EQ(e[7].comm_text, "sh");
  EXPECT_EQ(e[8].kind, Kind::kYield);
  EXPECT_EQ(e[8].context, 7928);
  EXPECT_EQ(e[9].kind, Kind::kExit);
  EXPECT_EQ(e[10].kind, Kind::kMigrate);
  EXPECT_EQ(e[10].target_cpu, 0);
}

TEST(TraceText, Perf) {
  std::vector<Owned> e;
  auto r = Parse(
      "# nrcpus online : 2\n"
      "            perf  7806 [000]  1431.335959: sched:sched_stat_runtime: comm=perf pid=7806 runtime=27654 "
      "[ns]\n"
      "            perf  7806/7806  [000]  1431.335963123:       sched:sched_waking: comm=migration/0 pid=18 "
      "prio=0 "
      "target_cpu=000\n"
      "     migration/0    18 [000]  1431.335979:       sched:sched_switch: prev_comm=migration/0 "
      "prev_pid=18 "
      "prev_prio=0 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120\n"
      "              th  9 [001]  1431.335979:  syscalls:sys_enter_sched_yield: \n",
      &e);
  ASSERT_TRUE(r.ok()) << r.error().message;
  EXPECT_EQ(r->cpus, 2);
  EXPECT_FALSE(r->has_irq);
  ASSERT_EQ(e.size(), 3u);
  EXPECT_EQ(e[0].time_ns, 1431'335'963'123);
  EXPECT_EQ(e[0].context, 7806);
  EXPECT_EQ(e[1].prev_state, PrevState::kBlocked);
  EXPECT_EQ(e[1].prio, 0);
  EXPECT_EQ(e[2].kind, Kind::kYield);
}

TEST(TraceText, TraceCmd) {
  std::vector<Owned> e;
  auto r = Parse(
      "cpus=2\n"
      "gen:             bash-18014 [001]  1959.571629: sched_wakeup_new:     bash:18017 [120] CPU:000\n"
      "gen:           <idle>-0     [000]  1959.571651: sched_switch:         swapper/0:0 [120] R ==> a "
      "b:c:18017 [119]\n"
      "           <idle>-0     [000]  1959.571652: sched_switch:          prev_comm=a prev_pid=5 "
      "prev_prio=120 "
      "prev_state=256 next_comm=b next_pid=6 next_prio=120\n"
      "           <idle>-0     [000]  1959.571653: sched_switch:          prev_comm=a prev_pid=5 "
      "prev_prio=120 "
      "prev_state=0x20 next_comm=b next_pid=6 next_prio=120\n",
      &e);
  ASSERT_TRUE(r.ok()) << r.error().message;
  ASSERT_EQ(e.size(), 4u);
  EXPECT_EQ(e[0].pid, 18017);
  EXPECT_EQ(e[0].target_cpu, 0);
  EXPECT_EQ(e[1].next_text, "a b:c");
  EXPECT_EQ(e[1].next_pid, 18017);
  EXPECT_EQ(e[1].next_prio, 119);
  EXPECT_EQ(e[1].prev_state, PrevState::kRunnable);
  EXPECT_EQ(e[2].prev_state, PrevState::kPreempted);
  EXPECT_EQ(e[3].prev_state, PrevState::kDead);
}

TEST(TraceText, HostileNames) {
  std::vector<Owned> e;
  auto r = Parse(
      "    [000] x: y-12 z-77   [003] d..2.     1.000001: sched_switch: prev_comm=a ==> b: 3 prev_pid=77 "
      "prev_prio=120 "
      "prev_state=S ==> next_comm=x next_pid=1 next_pid=78 next_prio=139\n"
      "   a  1 [b] 2  99 [001]     1.000002: sched:sched_waking: comm=k pid=3 k pid=4 prio=120 "
      "target_cpu=000\n",
      &e);
  ASSERT_TRUE(r.ok()) << r.error().message;
  ASSERT_EQ(e.size(), 2u);
  EXPECT_EQ(e[0].context, 77);
  EXPECT_EQ(e[0].cpu, 3);
  EXPECT_EQ(e[0].comm_text, "a ==> b: 3");
  EXPECT_EQ(e[0].pid, 77);
  EXPECT_EQ(e[0].next_text, "x next_pid=1");
  EXPECT_EQ(e[0].next_pid, 78);
  EXPECT_EQ(e[1].context, 99);
  EXPECT_EQ(e[1].comm_text, "k pid=3 k");
  EXPECT_EQ(e[1].pid, 4);
}

constexpr char kSwitch[] =
    " a-1 [000] d..2. 1.000002: sched_switch: prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> "
    "next_comm=b "
    "next_pid=2 next_prio=120\n";

void ExpectError(const std::string& text, const std::string& message) {
  std::vector<Owned> e;
  auto r = Parse(text, &e);
  ASSERT_FALSE(r.ok()) << text;
  EXPECT_EQ(r.error().code, kExitBadTrace);
  EXPECT_THAT(r.error().message, testing::HasSubstr(message));
}

TEST(TraceText, Errors) {
  ExpectError("", "t.txt:0: the trace is empty");
  ExpectError("hello\nworld\n", "t.txt:2: no sched_switch event in this trace; record");
  std::string cut = std::string(kSwitch) + kSwitch;
  cut.resize(cut.size() - 2);  // even when what is left can be read: 12 may be the start of 120
  ExpectError(cut, "t.txt:2: the trace is cut short");
  ExpectError(std::string(kSwitch) + " a-1 [000] d..2. 1.000003: sched_switch: prev_comm=a prev_pid=\n",
              "t.txt:2: cannot read this sched_switch event");
  ExpectError(std::string("PERFILE2\0\0\n", 11), "t.txt:1: this is a binary file");
  ExpectError(
      " a-1 [000] d..2. 1000002: sched_switch: prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> "
      "next_comm=b next_pid=2 next_prio=120\n",
      "the times are not seconds");
}

TEST(TraceText, WhatIsMissingBeforeTheFirstEventIsMissingThen) {
  std::vector<Owned> e;
  const auto r = Parse("##### CPU 1 buffer started ####\nCPU:0 [LOST 3 EVENTS]\n" + std::string(kSwitch), &e);
  ASSERT_TRUE(r.ok()) << r.error().message;
  EXPECT_EQ(r->lost, 3);
  ASSERT_EQ(e.size(), 3u);
  EXPECT_EQ(e[0].kind, Kind::kGap);
  EXPECT_EQ(e[0].time_ns, e[2].time_ns);
  EXPECT_EQ(e[1].time_ns, e[2].time_ns);
  EXPECT_GT(e[2].time_ns, 0);
}

TEST(TraceText, NoCpuThatCannotBe) {
  const std::string wake = "  a-1  [001] d..2.  1.000000: sched_waking: comm=b pid=2 prio=120 target_cpu=";
  for (const auto& [line, why] : {std::pair<std::string, const char*>{"CPU:-1 [LOST 4711 EVENTS]", "CPU -1 cannot be"},
                                  {"CPU:2000000000 [LOST 4711 EVENTS]", "CPU 2000000000 cannot be"},
                                  {"CPU:1 [LOST -5 EVENTS]", "-5 lost events cannot be"},
                                  {"CPU:1 [LOST 9000000000000000000 EVENTS]", "9000000000000000000 lost events cannot be"},
                                  {"##### CPU 9000 buffer started ####", "CPU 9000 cannot be"},
                                  {wake + "2000000000", "CPU 2000000000 cannot be"}}) {
    std::vector<Owned> e;
    const auto r = Parse(line + "\n", &e);
    ASSERT_FALSE(r.ok()) << line;
    EXPECT_EQ(r.error().message, std::string("t.txt:1: ") + why) << line;
  }
}

TEST(TraceText, EveryPrefixIsReadOrRefused) {
  std::string text = std::string("# header #P:2\n") + kSwitch + kSwitch;
  for (size_t n = 0; n < text.size(); n++) {
    std::vector<Owned> e;
    auto r = Parse(text.substr(0, n), &e);
    EXPECT_EQ(r.ok(), n > 0 && text[n - 1] == '\n' && !e.empty()) << n;
  }
}

TEST(TraceText, TimeNeverRunsBackwards) {
  std::vector<Owned> e;
  std::string earlier = kSwitch;
  earlier.replace(earlier.find("1.000002"), 8, "1.000001");
  ASSERT_TRUE(Parse(kSwitch + earlier, &e).ok());
  EXPECT_EQ(e[1].time_ns, e[0].time_ns);
}

TEST(SchedEvent, Weights) {
  EXPECT_EQ(WeightOfPrio(120), 100);
  EXPECT_EQ(WeightOfPrio(100), 8668);
  EXPECT_EQ(WeightOfPrio(139), 1);
  EXPECT_EQ(WeightOfPrio(125), 33);
  EXPECT_EQ(WeightOfPrio(50), 10'000);
}

}  // namespace
}  // namespace ose
