// Speed of the simulator on one core: jobs/s of M/M/2 FIFO without costs, scheduling events/s of hol under
// CFS and EEVDF with the full machine model, and how the cost of an event grows with tasks and CPUs:
//   build/bin/osevolve-bench --benchmark_filter='MM2|Hol|Sweep'
#include <benchmark/benchmark.h>

#include <algorithm>

#include "cli/context.h"
#include "sim/simulate.h"

namespace ose {
namespace {

NativePolicy Load(const char* name) {
  return NativePolicy::Open(std::string(OSE_BINARY_DIR) + "/policies/" + name + ".so").value();
}

void MM2Fifo(benchmark::State& state) {
  Workload w;
  w.name = "mm2";
  w.horizon = Nanos::Seconds(2);
  w.dists.emplace_back();
  w.dists[0].kind = Dist::Kind::kExponential;
  w.dists[0].a = 10'000;
  Group g;
  g.name = "request";
  g.count = 1000;
  g.arrivals.kind = Arrivals::Kind::kPoisson;
  g.arrivals.load = 0.8;
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
  w.groups.push_back(g);
  const Machine m = CostlessMachine(2);
  NativePolicy policy = Load("fifo");
  double jobs = 0;
  uint64_t seed = 1;
  for (auto _ : state) {
    SimResult r = Simulate(w, m, policy, seed++);
    if (r.outcome != Outcome::kOk) state.SkipWithError(r.diagnosis.c_str());
    jobs += r.metrics["events"];
  }
  state.counters["jobs/s"] = benchmark::Counter(jobs, benchmark::Counter::kIsRate);
}
BENCHMARK(MM2Fifo)->Unit(benchmark::kMillisecond);

void Hol(benchmark::State& state, const char* policy_name) {
  auto context = Context::Find();
  Problem p = LoadProblem(*context, {.workload = "hol-128-150-25", .machine = "", .cpus = 0}).value();
  NativePolicy policy = Load(policy_name);
  double events = 0;
  uint64_t seed = 1;
  for (auto _ : state) {
    SimResult r = Simulate(p.workload, p.machine, policy, seed++);
    if (r.outcome != Outcome::kOk) state.SkipWithError(r.diagnosis.c_str());
    events += static_cast<double>(r.events);
  }
  state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
}
void HolCfs(benchmark::State& state) { Hol(state, "cfs"); }
void HolEevdf(benchmark::State& state) { Hol(state, "eevdf"); }
BENCHMARK(HolCfs)->Unit(benchmark::kMillisecond);
BENCHMARK(HolEevdf)->Unit(benchmark::kMillisecond);

// Tasks that run 1 ms and sleep so long that CPUs are busy for half of the time, with the costs of the
// two-socket server. Every task runs four times at least; setting up is in the price of an event.
void Sweep(benchmark::State& state, const char* policy_name) {
  const auto tasks = static_cast<int>(state.range(0)), cpus = static_cast<int>(state.range(1));
  auto context = Context::Find();
  Machine m = LoadProblem(*context, {.workload = "hol", .machine = "server-2socket", .cpus = 0}).value().machine;
  m.cpus = cpus;
  m.cpus_per_llc = cpus > 16 ? 16 : 0;
  m.cpus_per_node = cpus > 16 ? cpus / 2 : 0;
  const double cycle_ns = 1e6 * std::max(1.5, tasks / (0.5 * cpus));
  Workload w;
  w.name = "sweep";
  w.dists = {{.kind = Dist::Kind::kExponential, .a = 1e6}, {.kind = Dist::Kind::kExponential, .a = cycle_ns - 1e6}};
  Group g;
  g.name = "task";
  g.count = tasks;
  g.repeat = true;
  g.has_start = true;
  g.start = w.dists[1];  // what is left of an exponential sleep: steady from the beginning
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}, {.kind = OpKind::kSleep, .drawn = true, .object = 1}};
  w.groups.push_back(g);
  w.horizon = {static_cast<int64_t>(cycle_ns * std::max(4.0, 1e5 / tasks))};
  NativePolicy policy = Load(policy_name);
  double events = 0;
  uint64_t seed = 1;
  for (auto _ : state) {
    SimResult r = Simulate(w, m, policy, seed++);
    if (r.outcome != Outcome::kOk) state.SkipWithError(r.diagnosis.c_str());
    events += static_cast<double>(r.events);
  }
  state.counters["events"] = benchmark::Counter(events, benchmark::Counter::kAvgIterations);
  state.counters["time/event"] = benchmark::Counter(events, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
void SweepFifo(benchmark::State& state) { Sweep(state, "fifo"); }
void SweepEevdf(benchmark::State& state) { Sweep(state, "eevdf"); }
void Grid(benchmark::internal::Benchmark* b) {
  for (int cpus : {2, 16, 128, 512})
    for (int tasks : {100, 1000, 10'000, 100'000, 1'000'000}) b->Args({tasks, cpus});
  b->ArgNames({"tasks", "cpus"})->Unit(benchmark::kMillisecond)->Iterations(1);
}
BENCHMARK(SweepFifo)->Apply(Grid);
BENCHMARK(SweepEevdf)->Apply(Grid);

}  // namespace
}  // namespace ose
