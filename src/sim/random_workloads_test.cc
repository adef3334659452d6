// Random valid workloads on random machines under every shipped policy, in checked mode: no policy
// breaks a rule, no invariant of the simulator breaks, every nanosecond of every CPU is in exactly one
// account, a run with an observer and one without are equal, no bound is beaten, and a run that does not finish says why.
// RC_PARAMS="max_success=2000 seed=7" build/sim_test --gtest_filter='RandomWorkloads*' searches longer; a
// failure is shrunk and printed as a workload file.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/file.h"
#include "sim/kernel.h"
#include "sim/profiler.h"
#include "sim/simulate.h"
#include "sim/testing.h"
#include "workload/bound.h"

namespace ose {
namespace {

// Uniform; shrinks to the lower end.
int Pick(int low, int high) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(low, high + 1)); }
bool OneIn(int n) { return Pick(1, n) == n; }

// --- Machines and workloads -----------------------------------------------------------------

// Parts of the model that are off unless a profile switches them on.
void AddModel(Machine& m) {
  if (m.smt == 2) m.smt_speed = 0.05 * Pick(8, 20);
  if (OneIn(2)) m.l2_kb = Pick(64, 1024), m.refill_ns_per_kb_llc = 20;
  if (OneIn(2)) m.dsq_lock_hold = m.dsq_op, m.rq_lock_hold = {std::min({m.wakeup.v, m.context_switch.v, int64_t{500}})};
  if (OneIn(2)) m.service.general = {Pick(0, 20)}, m.service.remote = {Pick(1, 100)};
  if (OneIn(2)) m.syscall = {Pick(1, 300)}, m.futex_op = m.pipe_op = m.pipe_remote = m.sleep_op = m.fork_op = {Pick(1, 1000)};
  if (OneIn(2)) m.wakeup_irq = {Pick(1, 1000)}, m.wakeup_idle = {Pick(1, 1000)}, m.sched_ext_switch = {Pick(1, 1000)};
  if (m.tick.v > 0 && OneIn(2)) m.tick_cost = {Pick(1, 5000)};
  if (OneIn(2)) m.noise = {.rate_per_s = 500, .duration = {.kind = Dist::Kind::kExponential, .a = 20'000}};
  if (OneIn(3)) m.charge_overhead = true;
}

Machine RandomMachine() {
  Machine m;
  m.name = "random";
  m.cpus = OneIn(12) ? Pick(65, 80) : Pick(1, 8);
  if (m.cpus % 2 == 0 && OneIn(2)) m.smt = 2;
  if (m.cpus % 4 == 0 && OneIn(2)) m.cpus_per_llc = m.cpus / 2;
  if (m.cpus_per_llc > 0 && OneIn(2)) m.cpus_per_node = m.cpus_per_llc;
  if (OneIn(3)) m.tick = {0}, m.min_slice = Nanos::Micros(Pick(1, 50));
  else m.tick = Nanos::Micros(Pick(1, 4) * 1000);
  if (OneIn(3)) m.interrupt = Nanos{Pick(1, 1000)};
  if (OneIn(3)) m.refill_ns_per_kb_llc = 7.5, m.refill_ns_per_kb_far = 40;
  if (OneIn(4)) {
    m.context_switch = m.wakeup = m.ipi = m.idle_exit = m.migration_core = m.migration_llc = m.migration_node = {0};
    m.hook = m.dsq_op = m.remote = m.kick = {0};
  }
  if (OneIn(2)) AddModel(m);
  return m;
}

// Writes one group's program: locks are nested and balanced, so are events and loops.
class ProgramMaker {
 public:
  ProgramMaker(const Workload& w, std::vector<Op>& out) : w_(w), out_(out) {}

  void Block(int depth) {
    for (int ops = Pick(1, 4); ops > 0; --ops) Operation(depth);
  }

 private:
  void Operation(int depth) {
    const int us = Pick(1, 2000);
    switch (Pick(0, 13)) {
      case 0: return Add(SleepOp(Nanos::Micros(us)));
      case 1: return Add({.kind = OpKind::kTimer, .ns = us * 10'000});
      case 2: return Add({.kind = OpKind::kYield});
      case 3: return Draw(OpKind::kRun);
      case 4: return Draw(OpKind::kSleep);
      case 5: return Named(OpKind::kWait, w_.semaphores.size());
      case 6: return Named(OpKind::kSignal, w_.semaphores.size(), static_cast<uint32_t>(Pick(1, 5)));
      case 7: return Named(OpKind::kBarrier, w_.barriers.size());
      case 8: return Named(OpKind::kPut, w_.queues.size());
      case 9: return Named(OpKind::kTake, w_.queues.size());
      case 10: return Lock(depth);
      case 11: return Loop(depth);
      case 12: return Event(depth);
      default: return Add(RunOp(Nanos::Micros(us)));
    }
  }
  void Add(Op op) { out_.push_back(op); }
  void Named(OpKind kind, size_t names, uint32_t count = 1) {
    if (names > 0) Add({.kind = kind, .object = Index(names), .count = count});
  }
  void Draw(OpKind kind) {
    if (!w_.dists.empty()) Add({.kind = kind, .drawn = true, .object = Index(w_.dists.size())});
  }
  void Lock(int depth) {
    if (w_.locks.empty() || depth == 0) return;
    const uint32_t lock = Index(w_.locks.size());
    if (!held_.insert(lock).second) return;
    Add({.kind = OpKind::kLock, .object = lock});
    Block(depth - 1);
    Add({.kind = OpKind::kUnlock, .object = lock});
    held_.erase(lock);
  }
  void Loop(int depth) {
    if (depth == 0) return;
    Add({.kind = OpKind::kLoop, .count = static_cast<uint32_t>(Pick(1, 6))});
    Add(RunOp(Nanos::Micros(Pick(1, 300))));
    Block(depth - 1);
    Add({.kind = OpKind::kEndLoop});
  }
  void Event(int depth) {
    if (in_event_ || depth == 0) return;
    in_event_ = true;
    Add({.kind = OpKind::kBegin});
    Block(depth - 1);
    Add({.kind = OpKind::kEnd});
    in_event_ = false;
  }
  static uint32_t Index(size_t n) { return static_cast<uint32_t>(Pick(0, static_cast<int>(n) - 1)); }

  const Workload& w_;
  std::vector<Op>& out_;
  std::set<uint32_t> held_;
  bool in_event_ = false;
};

bool Uses(const Workload& w, OpKind kind, size_t object) {
  for (const Group& g : w.groups)
    for (const Op& op : g.program)
      if (op.kind == kind && op.object == object) return true;
  return false;
}

// Adds what CheckWorkload asks for: a partner for everybody who waits, time in what repeats.
void Mend(Workload& w) {
  std::vector<Op>& first = w.groups[0].program;
  auto add = [&](OpKind kind, size_t object, uint32_t count = 1) {
    first.push_back({.kind = kind, .object = static_cast<uint32_t>(object), .count = count});
  };
  // Mostly more signals and items than anybody needs, so that not every other workload gets stuck.
  auto supply = [&](OpKind kind, size_t object, uint32_t count, uint32_t times) {
    first.insert(first.begin(), {{.kind = OpKind::kLoop, .count = times}, {.kind = kind, .object = static_cast<uint32_t>(object), .count = count}, {.kind = OpKind::kEndLoop}});
  };
  for (size_t i = 0; i < w.semaphores.size(); ++i)
    if (Uses(w, OpKind::kWait, i) && (!OneIn(4) || !Uses(w, OpKind::kSignal, i))) supply(OpKind::kSignal, i, OneIn(4) ? 1 : 5000, 1);
  for (size_t i = 0; i < w.queues.size(); ++i) {
    if (Uses(w, OpKind::kTake, i) && (!OneIn(4) || !Uses(w, OpKind::kPut, i))) {
      const bool plenty = !OneIn(4);
      if (plenty) w.queues[i].capacity = 0;
      supply(OpKind::kPut, i, 1, plenty ? 500 : 1);
    }
    if (!Uses(w, OpKind::kTake, i)) w.queues[i].capacity = 0;
  }
  for (size_t g = 1; g < w.groups.size(); ++g)
    if (w.groups[g].forked) add(OpKind::kFork, g);
  for (size_t b = 0; b < w.barriers.size(); ++b) {
    if (!Uses(w, OpKind::kBarrier, b)) add(OpKind::kBarrier, b);
    int tasks = 0;
    for (const Group& g : w.groups)
      if (std::any_of(g.program.begin(), g.program.end(), [&](const Op& op) { return op.kind == OpKind::kBarrier && op.object == b; }))
        tasks += g.count;
    w.barriers[b].parties = OneIn(2) ? 1 : Pick(1, tasks);
  }
  for (Group& g : w.groups)
    if (std::none_of(g.program.begin(), g.program.end(), [](const Op& op) { return op.kind == OpKind::kBegin; }) && g.event == EventKind::kMarked)
      g.event = EventKind::kIteration;
}

Workload RandomWorkload(int cpus) {
  Workload w;
  w.name = "random";
  w.machine = "random";
  w.objectives.emplace_back();
  w.objectives[0].metric = "utilization";
  w.run_to_completion = OneIn(2);
  w.horizon = w.run_to_completion ? Nanos::Seconds(20) : Nanos::Millis(Pick(2, 40));
  if (!w.run_to_completion && OneIn(2)) w.warmup = {w.horizon.v / Pick(2, 9)};
  auto names = [](const char* stem) {
    std::vector<std::string> list;
    for (int n = Pick(0, 2); n > 0; --n) list.push_back(fmt::format("{}{}", stem, n));
    return list;
  };
  w.locks = names("lock");
  w.lock_handover = !OneIn(3);
  w.semaphores = names("sem");
  for (const std::string& name : names("barrier")) w.barriers.push_back({name, 1});
  for (const std::string& name : names("queue")) w.queues.push_back({name, Pick(0, 3)});
  if (OneIn(2)) w.dists.push_back({.kind = Dist::Kind::kExponential, .a = 1000.0 * Pick(1, 1000)});
  if (OneIn(2)) w.dists.push_back({.kind = Dist::Kind::kMix, .value = {1000, 1'000'000}, .weight = {99, 1}});
  const int groups = Pick(1, 4);
  for (int g = 0; g < groups; ++g) {
    Group group;
    group.name = fmt::format("g{}", g);
    group.count = Pick(1, 6);
    if (OneIn(3)) group.weight = Pick(1, 10'000);
    if (OneIn(3)) {
      std::set<int> allowed;
      for (int n = Pick(1, 3); n > 0; --n) allowed.insert(Pick(0, cpus - 1));
      group.affinity.assign(allowed.begin(), allowed.end());
    }
    if (OneIn(2)) group.working_set_kb = Pick(0, 4096);
    group.measured = !OneIn(4);
    group.event = static_cast<EventKind>(Pick(0, 2));
    ProgramMaker(w, group.program).Block(2);
    const bool open = !w.run_to_completion && OneIn(3);
    if (open) {
      group.arrivals.kind = OneIn(2) ? Arrivals::Kind::kPoisson : Arrivals::Kind::kPeriodic;
      if (OneIn(2)) group.arrivals.load = 0.05 * Pick(1, 25);
      else group.arrivals.rate_per_s = 10.0 * Pick(1, 2000);
    } else {
      group.repeat = !w.run_to_completion && OneIn(2);
      group.forked = g > 0 && OneIn(4);
      if (OneIn(4)) group.has_start = true, group.start = {.kind = Dist::Kind::kUniform, .a = 0, .b = 3e6};
    }
    if (group.repeat || open) group.program.push_back(RunOp(Nanos::Micros(Pick(1, 500))));
    if (group.program.empty()) group.program.push_back(RunOp(Nanos::Micros(1)));
    w.groups.push_back(group);
  }
  Mend(w);
  return w;
}

// --- What must hold -------------------------------------------------------------------------

// Checks the accounts at the end of a run, and looks at everything else that an observer sees.
class Auditor : public Profiler {
 public:
  void OnEnd(const Kernel& kernel) override {
    Profiler::OnEnd(kernel);
    for (int c = 0; c < kernel.machine().cpus; ++c) {
      const CpuTotals& t = kernel.totals(c);
      if (t.useful + t.overhead + t.idle != kernel.now())
        Complain(fmt::format("CPU {}: useful {} + overhead {} + idle {} is not {} ns", c, t.useful.v, t.overhead.v, t.idle.v, kernel.now().v));
      if (t.useful.v < 0 || t.overhead.v < 0 || t.idle.v < 0) Complain(fmt::format("CPU {}: a negative account", c));
      useful_ += t.useful.v;
    }
  }
  void CheckProfile(const ScheduleProfile& p) {
    int64_t turns = 0, ends = 0, waited = 0, work = 0;
    for (const ProfileGroup& g : p.groups) turns += g.turns.count, ends += g.ends.total(), waited += g.waits.total_ns, work += g.cpu_ns;
    const ProfileOverhead& o = p.overhead;
    const ProfileCpu total = p.Total();
    if (turns != ends) Complain(fmt::format("{} turns, {} ends of turns", turns, ends));
    if (waited != p.waiting_task_ns) Complain(fmt::format("tasks waited {} ns, {} were seen waiting", waited, p.waiting_task_ns));
    if (work != useful_) Complain(fmt::format("tasks worked {} ns, CPUs {}", work, useful_));
    if (o.total() != total.overhead_ns) Complain("overhead by cause is not all overhead");
  }
  const std::string& complaint() const { return complaint_; }

 private:
  void Complain(std::string what) {
    if (complaint_.empty()) complaint_ = std::move(what);
  }
  std::string complaint_;
  int64_t useful_ = 0;
};

std::string Text(const SimResult& r) {
  std::string s = fmt::format("{} {} {}", OutcomeName(r.outcome), r.events, r.diagnosis);
  for (auto& [name, value] : r.metrics) s += fmt::format("\n{}={:a}", name, value);
  for (uint64_t n : r.counters) s += fmt::format(" {}", n);
  return s;
}

// A workload may deadlock or not finish in time; a shipped policy may not be the reason.
bool Honest(const SimResult& r) {
  auto says = [&](const char* what) { return r.diagnosis.find(what) != std::string::npos; };
  switch (r.outcome) {
    case Outcome::kOk: return true;
    case Outcome::kStuck: return says("cannot finish: every task sleeps") || says("without using CPU time or sleeping");
    case Outcome::kStall: return says("had not finished at the horizon");
    default: return false;
  }
}

// The first metric that a run has better than any policy can. 1 ns stands for 0 in bounds, and for the cost of a switch in those of
// starts and wake-ups; the latencies of runs to a horizon of milliseconds are ages of what has not ended, which have no bound.
std::string Impossible(const Metrics& metrics, const Metrics& bounds, bool free_switches, bool to_completion) {
  for (const auto& [name, bound] : bounds) {
    auto it = metrics.find(name);
    const MetricInfo* info = FindMetric(name);
    if (it == metrics.end() || !info) continue;
    if (info->unit == "us" && bound <= 0.001) continue;
    if (free_switches && (info->name.starts_with("start") || info->name.starts_with("wakeup"))) continue;
    if (!to_completion && info->better == Direction::kMinimize) continue;
    const bool beaten = info->better == Direction::kMaximize ? it->second > bound * (1 + 1e-9) : it->second < bound * (1 - 1e-9);
    if (beaten) return fmt::format("{} is {}, its bound {}", name, it->second, bound);
  }
  return "";
}

TEST(RandomWorkloads, NoShippedPolicyBreaksARuleAndNoNanosecondIsLost) {
  auto files = ListFiles(std::string(OSE_BINARY_DIR) + "/policies", ".so");
  ASSERT_TRUE(files.ok());
  ASSERT_GE(files->size(), 8u);
  std::map<std::string, NativePolicy> policies;
  for (const std::string& file : *files) {
    auto policy = NativePolicy::Open(std::string(OSE_BINARY_DIR) + "/policies/" + file);
    ASSERT_TRUE(policy.ok()) << policy.error().message;
    policies.emplace(file, std::move(*policy));
  }
  setenv("RC_PARAMS", "seed=20261126 max_success=300", 0);
  std::map<std::string, int> outcomes;
  const bool holds = rc::check([&] {
    const Machine m = RandomMachine();
    const Workload w = RandomWorkload(m.cpus);
    const auto seed = static_cast<uint64_t>(Pick(1, 1000));
    if (Status valid = CheckWorkload(w); !valid.ok()) RC_FAIL("the generator made an invalid workload: " + valid.error().message);
    auto machine = ParseMachine(FormatMachine(m), "random.toml");
    if (!machine.ok()) RC_FAIL("the generator made an invalid machine: " + machine.error().message);
    const Metrics bounds = Bounds(w, m, seed);
    for (auto& [name, policy] : policies) {
      Auditor auditor;
      const SimResult seen = Simulate(w, m, policy, seed, {.checked = true, .observer = &auditor});
      auditor.CheckProfile(auditor.TakeProfile());
      const SimResult again = Simulate(w, m, policy, seed);
      ++outcomes[OutcomeName(seen.outcome)];
      std::string wrong = auditor.complaint();
      if (!Honest(seen)) wrong = seen.diagnosis;
      if (seen.outcome == Outcome::kOk && wrong.empty()) wrong = Impossible(seen.metrics, bounds, m.context_switch.v == 0, w.run_to_completion);
      if (Text(seen) != Text(again)) wrong = fmt::format("a checked run with an observer says\n{}\nand one without says\n{}", Text(seen), Text(again));
      if (!wrong.empty()) RC_FAIL(fmt::format("{}, seed {}: {}\n{}\n{}", name, seed, wrong, FormatMachine(m), FormatWorkload(w)));
    }
  });
  EXPECT_TRUE(holds);
  // Were nearly all workloads stuck, little would have been tested.
  int all = 0;
  for (auto& [name, n] : outcomes) all += n;
  for (auto& [name, n] : outcomes) RecordProperty(name, n);
  EXPECT_GT(outcomes["ok"], all / 2);
  EXPECT_LT(outcomes["ok"], all);
}

}  // namespace
}  // namespace ose
