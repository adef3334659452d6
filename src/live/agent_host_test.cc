// The agent's host against a kernel made of a table and two lists: hooks in the kernel's order, and what happens to
// decisions and events that come late, twice or not at all.
#include "live/agent_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "native/services.h"

namespace {
size_t g_allocations = 0;
}

// Counted: while tasks wait the host must not allocate.
void* operator new(size_t bytes) {
  ++g_allocations;
  if (void* at = malloc(bytes)) return at;
  throw std::bad_alloc();
}
void operator delete(void* at) noexcept { free(at); }
void operator delete(void* at, size_t) noexcept { free(at); }

namespace ose {
namespace {

using namespace osevolve;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kSlots = 128;

// The shim's side.
class FakeLink : public AgentLink {
 public:
  Nanos Now() override { return now; }
  bool Send(const agent_decision& d) override {
    if (room == 0) return false;
    --room;
    sent.push_back(d);
    return true;
  }
  agent_task Look(int slot) override { return table[slot]; }
  uint64_t Used(int word) override {
    uint64_t bits = 0;
    for (auto& [slot, task] : table)
      if (task.task && slot / 64 == word) bits |= 1ULL << (slot % 64);
    return bits;
  }

  Nanos now = Nanos::Seconds(1);
  int room = 1000;
  std::vector<agent_decision> sent;
  std::map<int, agent_task> table;
};

// A policy that writes down its hooks; FIFO by default.
std::string* g_log = nullptr;
bool g_keep = false, g_kick = false, g_break = false, g_yields = true;

void Note(const char* hook, int id) {
  if (g_log) *g_log += std::string(hook) + std::to_string(id) + " ";
}

struct Recorder : Policy<> {
  s32 init() { return dsq_create(0); }
  s32 init_task(Task t) { return Note("init", t.pid()), 0; }
  void enable(Task t) { Note("enable", t.pid()); }
  s32 select_cpu(Task t, s32 prev, u64) {
    Note("select", t.pid());
    bool idle = false;
    const s32 cpu = t.select_dfl(prev, 0, idle);
    if (idle) t.insert(kDsqLocal, 1000);
    return cpu;
  }
  void runnable(Task t, u64) { Note("runnable", t.pid()); }
  void enqueue(Task t, u64 flags) {
    Note("enqueue", t.pid());
    if (g_break) return;
    t.insert(0, 1000, flags);
    if (g_kick) kick_cpu(t.cpu(), kKickPreempt);
  }
  void dispatch(s32 cpu) {
    Note("dispatch", cpu);
    if (!dsq_move_to_local(0) && g_keep) keep_running(777);
  }
  bool yield(Task t) { return t.set_slice(g_yields ? 0 : 500), false; }
  void running(Task t) { Note("running", t.pid()); }
  void stopping(Task t, bool runnable) { Note(runnable ? "preempted" : "stopping", t.pid()); }
  void quiescent(Task t, u64) { Note("quiescent", t.pid()); }
  void disable(Task t) { Note("disable", t.pid()); }
  void exit_task(Task t) { Note("exit", t.pid()); }
};

class AgentHostTest : public ::testing::Test {
 protected:
  AgentHostTest() : ops_(MakePolicy<Recorder>("recorder")) {
    g_log = &log_;
    g_keep = g_kick = g_break = false;
    g_yields = true;
    ops_.bind = [](const OsvHost* host) { osv_host = host; };
    Topology topology;
    topology.cpus = {{0, 0, 0}, {0, 0, 1}};
    host_ = std::make_unique<AgentHost>(ops_, AgentMachine(topology), kSlots, link_, 1);
    EXPECT_TRUE(host_->Start().ok());
  }
  ~AgentHostTest() override { g_log = nullptr; }

  agent_task& Task(int pid) { return link_.table[pid]; }
  void Exists(int pid, agent_task_state state, int cpu = 0) {
    agent_task& t = Task(pid);
    t.task = 0x1000u + static_cast<unsigned>(pid);
    t.pid = t.tgid = pid;
    t.cpu = cpu;
    t.weight = 100;
    t.enabled = 1;
    t.nr_allowed = 2;
    t.allowed[0] = 3;
    t.state = state;
    t.nr = 1;
    t.seq = state == kTaskWaiting ? 1 : 0;
  }
  agent_event Event(int kind, int pid, int cpu = 0) {
    agent_task& t = Task(pid);
    if (kind == kEventEnqueue) ++t.seq;
    agent_event e{};
    e.kind = static_cast<unsigned short>(kind);
    e.pid = pid;
    e.cpu = e.here = static_cast<unsigned short>(cpu);
    e.seq = t.seq;
    e.nr = ++t.nr;
    e.time = static_cast<unsigned long long>(link_.now.v);
    return e;
  }
  void Happens(int kind, int pid, int cpu = 0, int arg = 0) {
    agent_event e = Event(kind, pid, cpu);
    e.arg = arg;
    host_->Handle(e);
  }
  void Wakes(int pid, int cpu = 0) {
    agent_event e = Event(kEventEnqueue, pid, cpu);
    e.flags = kEnqWakeup;
    e.wake = kWakeTtwu + 1;
    host_->Handle(e);
  }
  // Two tasks on the two CPUs, nothing else.
  void BothBusy() {
    Exists(1, kTaskOnCpu, 0);
    Exists(2, kTaskOnCpu, 1);
    host_->Resync();
    log_.clear();
    link_.sent.clear();
  }

  std::string log_;
  OsvPolicy ops_;
  FakeLink link_;
  std::unique_ptr<AgentHost> host_;
};

TEST_F(AgentHostTest, TakesOverFromTheTable) {
  Exists(1, kTaskOnCpu, 0);
  Exists(2, kTaskWaiting, 1);
  Exists(3, kTaskSleeping);
  host_->Resync();
  // The running one is told as such; the waiting one is enqueued and goes to the CPU that is free.
  EXPECT_EQ(log_, "init1 enable1 runnable1 running1 init2 enable2 runnable2 enqueue2 init3 enable3 dispatch1 ");
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].pid, 2);
  EXPECT_EQ(link_.sent[0].cpu, 1);
  EXPECT_EQ(link_.sent[0].seq, 1u);
  EXPECT_EQ(link_.sent[0].slice, 1000u);
  EXPECT_EQ(host_->CountUnplaced(), 0);
  log_.clear();
  host_->Resync();
  EXPECT_EQ(log_, "");
}

TEST_F(AgentHostTest, WakeUpOnAnIdleCpu) {
  Exists(1, kTaskSleeping);
  host_->Resync();
  log_.clear();
  Wakes(1);
  EXPECT_EQ(log_, "select1 runnable1 ");
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].cpu, 0);
  Happens(kEventRunning, 1);
  Happens(kEventStopping, 1);
  Happens(kEventQuiescent, 1);
  EXPECT_EQ(log_, "select1 runnable1 running1 stopping1 quiescent1 dispatch0 ");
}

TEST_F(AgentHostTest, WaitsUntilACpuRunsDry) {
  BothBusy();
  Exists(3, kTaskSleeping);
  Wakes(3);
  EXPECT_EQ(log_, "init3 enable3 select3 runnable3 enqueue3 ");
  EXPECT_THAT(link_.sent, IsEmpty());
  log_.clear();
  Happens(kEventStopping, 2, 1);
  Happens(kEventQuiescent, 2, 1);
  EXPECT_EQ(log_, "stopping2 quiescent2 dispatch1 ");
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].pid, 3);
  EXPECT_EQ(link_.sent[0].cpu, 1);
}

TEST_F(AgentHostTest, DispatchComesBeforeTheEnqueueOfTheTaskWhoseTurnIsOver) {
  BothBusy();
  Exists(3, kTaskSleeping);
  Wakes(3);
  log_.clear();
  Happens(kEventTurnOver, 1);
  EXPECT_EQ(log_, "dispatch0 ");
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].flags, kEnqPreempt);  // it runs on meanwhile
  Happens(kEventStopping, 1, 0, 1);
  Happens(kEventEnqueue, 1);
  Happens(kEventRunning, 3);
  EXPECT_EQ(log_, "dispatch0 preempted1 enqueue1 running3 ");
}

TEST_F(AgentHostTest, RunsOnWhenNothingElseIsThere) {
  BothBusy();
  g_keep = true;
  Happens(kEventTurnOver, 1);
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].kind, static_cast<unsigned>(kDecideSlice));
  EXPECT_EQ(link_.sent[0].slice, 777u);
  EXPECT_EQ(log_, "dispatch0 ");
}

TEST_F(AgentHostTest, AYieldThatFindsNobodyIsInvisible) {
  BothBusy();
  g_keep = true;
  Happens(kEventTurnOver, 1, 0, 1);
  Happens(kEventStopping, 1, 0, 1);
  EXPECT_THAT(link_.sent, IsEmpty());
  Happens(kEventEnqueue, 1);
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].pid, 1);
  EXPECT_EQ(link_.sent[0].slice, 777u);
  Happens(kEventRunning, 1);
  EXPECT_EQ(log_, "dispatch0 ");
  Happens(kEventStopping, 1);
  EXPECT_EQ(log_, "dispatch0 stopping1 ");
}

TEST_F(AgentHostTest, AYieldMayBeRefused) {
  BothBusy();
  g_yields = false;
  Happens(kEventTurnOver, 1, 0, 1);
  Happens(kEventStopping, 1, 0, 1);
  Happens(kEventEnqueue, 1);
  EXPECT_EQ(log_, "");
  ASSERT_EQ(link_.sent.size(), 2u);  // the slice, then the turn
  EXPECT_EQ(link_.sent[1].pid, 1);
  EXPECT_EQ(link_.sent[1].slice, 500u);
}

TEST_F(AgentHostTest, AKickPreempts) {
  BothBusy();
  g_kick = true;
  Exists(3, kTaskSleeping);
  Wakes(3);
  EXPECT_THAT(log_, HasSubstr("enqueue3 dispatch0 "));
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].pid, 3);
  EXPECT_EQ(link_.sent[0].flags, kEnqPreempt);
}

TEST_F(AgentHostTest, EventsFromBeforeTheTableAreSkipped) {
  Exists(1, kTaskSleeping);
  const agent_event late = Event(kEventRunning, 1);
  Task(1).state = kTaskSleeping;
  host_->Resync();
  log_.clear();
  host_->Handle(late);
  EXPECT_EQ(log_, "");
}

TEST_F(AgentHostTest, LostEventsLeaveAPossibleOrder) {
  Exists(1, kTaskSleeping);
  Exists(2, kTaskSleeping);
  host_->Resync();
  log_.clear();
  Happens(kEventRunning, 1);  // never enqueued as far as we know: the shim did it
  Happens(kEventRunning, 2);  // on the same CPU
  Happens(kEventExit, 2);
  EXPECT_EQ(log_, "runnable1 running1 preempted1 runnable2 running2 stopping2 quiescent2 disable2 exit2 ");
}

TEST_F(AgentHostTest, WhatTheShimTookOutOfOurQueueIsNotDispatchedAgain) {
  BothBusy();
  Exists(3, kTaskSleeping);
  Wakes(3);
  Happens(kEventStopping, 1);
  link_.sent.clear();
  log_.clear();
  // The fallback ran it elsewhere before the CPU was asked.
  Happens(kEventStopping, 2, 1);
  Happens(kEventRunning, 3, 1);
  Happens(kEventQuiescent, 1);
  EXPECT_EQ(log_, "stopping2 running3 quiescent1 dispatch0 ");
  EXPECT_THAT(link_.sent, IsEmpty());
}

TEST_F(AgentHostTest, AStaleDecisionIsReplaced) {
  Exists(1, kTaskSleeping);
  host_->Resync();
  Wakes(1);
  ASSERT_EQ(link_.sent.size(), 1u);
  // It was enqueued again before the decision came: that one had the old number.
  Happens(kEventEnqueue, 1);
  ASSERT_EQ(link_.sent.size(), 2u);
  EXPECT_EQ(link_.sent[1].seq, link_.sent[0].seq + 1);
}

TEST_F(AgentHostTest, ARejectedDecisionIsSentAgain) {
  Exists(1, kTaskSleeping);
  host_->Resync();
  Wakes(1);
  Happens(kEventRejected, 1);
  ASSERT_EQ(link_.sent.size(), 2u);
  EXPECT_EQ(link_.sent[1].seq, link_.sent[0].seq);
}

TEST_F(AgentHostTest, AFullRingDefers) {
  Exists(1, kTaskSleeping);
  host_->Resync();
  link_.room = 0;
  Wakes(1);
  EXPECT_THAT(link_.sent, IsEmpty());
  EXPECT_EQ(host_->deferred(), 1u);
  host_->Flush();
  EXPECT_THAT(link_.sent, IsEmpty());
  link_.room = 10;
  host_->Flush();
  ASSERT_EQ(link_.sent.size(), 1u);
  EXPECT_EQ(link_.sent[0].pid, 1);
  host_->Flush();
  EXPECT_EQ(link_.sent.size(), 1u);
}

TEST_F(AgentHostTest, AnOldBacklogGivesWayToTheTable) {
  BothBusy();
  Exists(3, kTaskSleeping);
  const agent_event old = Event(kEventEnqueue, 3);
  Task(3).state = kTaskSleeping;  // it has run and gone to sleep since
  Task(3).nr += 3;
  link_.now = link_.now + Nanos::Seconds(1);
  host_->Handle(old);
  EXPECT_EQ(log_, "init3 enable3 ");
}

TEST_F(AgentHostTest, AllocatesNothingWhileItRules) {
  BothBusy();
  Exists(3, kTaskSleeping);
  Wakes(3);
  g_log = nullptr;
  link_.room = 1 << 20;
  link_.sent.reserve(1 << 16);
  const size_t before = g_allocations;
  for (int i = 0; i < 5000; ++i) {
    const int on = i % 2 ? 3 : 1, next = i % 2 ? 1 : 3;
    Happens(kEventTurnOver, on);
    Happens(kEventStopping, on, 0, 1);
    Happens(kEventEnqueue, on);
    Happens(kEventRunning, next);
  }
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(link_.sent.size(), 5000u);
}

TEST_F(AgentHostTest, APidIsReused) {
  Exists(1, kTaskSleeping);
  host_->Resync();
  log_.clear();
  Task(1).task = 0x9999;
  Task(1).enabled = 0;
  Happens(kEventInit, 1);
  Happens(kEventEnable, 1);
  EXPECT_EQ(log_, "disable1 exit1 init1 enable1 ");
}

TEST_F(AgentHostTest, ABrokenRuleIsNamed) {
  BothBusy();
  g_break = true;
  Exists(3, kTaskSleeping);
  Wakes(3);
  EXPECT_TRUE(host_->failed());
  EXPECT_THAT(host_->diagnosis(), HasSubstr("pid 3, on CPU 0: enqueue() ended without inserting"));
  log_.clear();
  Happens(kEventStopping, 1);
  EXPECT_EQ(log_, "");
}

}  // namespace
}  // namespace ose
