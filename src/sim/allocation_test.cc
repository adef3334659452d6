// Between the first wake-up of a run and its end nothing is allocated: tasks, queues, events, arrivals
// and samples have their room before. Counted by replacing operator new in this test program.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "sim/schedule_observer.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace {
thread_local uint64_t allocations = 0;

void* Allocate(size_t size, size_t alignment) {
  ++allocations;
  if (void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)) return p;
  std::abort();
}
}  // namespace

void* operator new(size_t size) { return Allocate(size ? size : 1, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) { return Allocate(size ? size : 1, static_cast<size_t>(alignment)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace ose {
namespace {

class Counter : public ScheduleObserver {
 public:
  void OnWakeup(const Task&, Nanos, int, bool) override {
    if (!started_) begin_ = allocations;
    started_ = true;
  }
  void OnEnd(const Kernel&) override { during_ = allocations - begin_; }
  uint64_t during() const { return during_; }

 private:
  bool started_ = false;
  uint64_t begin_ = 0, during_ = ~0ULL;
};

uint64_t AllocationsDuring(const Workload& w, const Machine& m, const std::string& policy_name) {
  auto policy = NativePolicy::Open(ShippedPolicy(policy_name));
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  Counter counter;
  SimResult r = Simulate(w, m, *policy, 1, {.observer = &counter});
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_GT(r.events, 50u);
  return counter.during();
}

TEST(Allocations, AreNoneWhileShippedWorkloadsRun) {
  for (const char* name : {"hol-128-150-25", "sysbench-cpu-32x5", "sysbench-threads-4x2", "sysbench-mutex-4x2", "bimodal-1-100-2cpu",
                           "bimodal-99_5-0_5-0_5-500", "exp-2cpu", "hackbench-2cpu", "schbench-2cpu", "batch-interactive-2cpu"}) {
    auto w = LoadWorkload(fmt::format("{}/workloads/{}.toml", OSE_SOURCE_DIR, name));
    ASSERT_TRUE(w.ok()) << w.error().message;
    auto profile = LoadMachine(fmt::format("{}/machines/{}.toml", OSE_SOURCE_DIR, w->machine));
    ASSERT_TRUE(profile.ok());
    if (!w->run_to_completion) w->horizon = std::min(w->horizon, w->warmup + Nanos::Millis(100));
    for (const char* policy : {"fifo", "cfs", "eevdf", "mlfq", "shinjuku"})
      EXPECT_EQ(AllocationsDuring(*w, *MachineFor(*w, *profile), policy), 0u) << name << " under " << policy;
  }
}

// Requests beyond what is waiting leave nothing behind; the backlog itself doubles now and then.
TEST(Allocations, GrowWithTheBacklogNotWithTheRequests) {
  Workload w;
  w.name = "open";
  w.horizon = Nanos::Millis(200);
  Group g;
  g.name = "request";
  g.count = 2;
  g.program = {RunOp(Nanos::Micros(1))};
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = 0.3};
  w.groups.push_back(g);
  Machine m;
  m.context_switch = m.wakeup = m.ipi = m.idle_exit = m.migration_core = m.hook = m.dsq_op = m.remote = m.kick = {0};
  EXPECT_EQ(AllocationsDuring(w, m, "fifo"), 0u);  // 120 000 requests
  w.groups[0].arrivals.load = 3;                   // 1.2 million, of which 800 000 wait in the end
  EXPECT_LE(AllocationsDuring(w, m, "fifo"), 20u);
}

}  // namespace
}  // namespace ose
