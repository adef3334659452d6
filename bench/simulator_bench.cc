// Speed of the simulator on one core: jobs/s of M/M/2 FIFO without costs, scheduling events/s
// of hol under CFS with the full machine model.
#include <benchmark/benchmark.h>

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
  Machine m;
  m.cpus = 2;
  m.tick = {0};
  m.context_switch = m.wakeup = m.ipi = m.idle_exit = m.migration_core = m.migration_llc = m.migration_node = {0};
  m.hook = m.dsq_op = m.remote = m.kick = {0};
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

void HolCfs(benchmark::State& state) {
  auto context = Context::Find();
  Problem p = LoadProblem(*context, {.workload = "hol-128-150-25", .machine = "", .cpus = 0}).value();
  NativePolicy policy = Load("cfs");
  double events = 0;
  uint64_t seed = 1;
  for (auto _ : state) {
    SimResult r = Simulate(p.workload, p.machine, policy, seed++);
    if (r.outcome != Outcome::kOk) state.SkipWithError(r.diagnosis.c_str());
    events += static_cast<double>(r.events);
  }
  state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
}
BENCHMARK(HolCfs)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ose
