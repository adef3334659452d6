// Rungs on what preemption costs: capacity, and the highest load within a slowdown objective.
#include <fmt/format.h>

#include <cmath>

#include "validate/ladder.h"
#include "validate/queueing.h"
#include "validate/sample_path.h"

namespace ose {
namespace {

constexpr double kUnitNs = 1e3;  // sizes are in us
constexpr int kServers = 14;

const Dist kHalf{.kind = Dist::Kind::kMix, .value = {1, 100}, .weight = {50, 50}};
const Dist kRare{.kind = Dist::Kind::kMix, .value = {0.5, 500}, .weight = {99.5, 0.5}};

// `preemption`: paid for each quantum that ends before its request; `dispatch`: for each switch.
Machine CostlyMachine(double preemption, double dispatch) {
  Machine m = IdealMachine(kServers);
  m.interrupt = {std::llround((preemption - dispatch) * kUnitNs)};
  m.context_switch = {std::llround(dispatch * kUnitNs)};
  return m;
}

// Two tasks a CPU that always have work: throughput is capacity. The window begins late, so that it does not
// matter that at its ends mostly long requests are in progress.
Workload ClosedLoop(const Dist& size, double requests) {
  Workload w;
  w.name = "closed";
  w.machine = "ideal";
  w.run_to_completion = false;
  w.horizon = {std::llround(requests * size.Mean() / kServers)};
  w.warmup = {w.horizon.v / 10};
  w.dists = {size};
  Group g;
  g.name = "task";
  g.count = 2 * kServers;
  g.repeat = true;
  // The sleep makes the next pass a request of its own: with a quantum of its own.
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}, {.kind = OpKind::kSleep, .ns = 1}};
  w.groups.push_back(std::move(g));
  return w;
}

void AddCapacity(std::vector<Rung>& ladder) {
  struct Case {
    const char* name;
    const Dist& size;
    double requests, quantum, preemption, dispatch;
  };
  for (const Case& c : {Case{"50:1/50:100", kHalf, 1e5, 5, 1, 0}, Case{"50:1/50:100", kHalf, 1e5, 5, 0.1, 0}, Case{"50:1/50:100", kHalf, 1e5, 2, 1, 0.5},
                        Case{"99.5:0.5/0.5:500", kRare, 8e5, 5, 1, 0}, Case{"99.5:0.5/0.5:500", kRare, 8e5, 2, 0.1, 0.1}}) {
    Rung r{.group = fmt::format("Capacity of {} CPUs with overhead", kServers), .runs = {}, .replications = 16};
    r.runs.push_back({.policy = "rr", .tunables = {{"quantum_ns", std::llround(c.quantum * kUnitNs)}}, .workload = ClosedLoop(Scaled(c.size, kUnitNs), c.requests),
                      .machine = CostlyMachine(c.preemption, c.dispatch)});
    r.figures.push_back({.name = fmt::format("{}, quantum {}, preemption {}, dispatch {}", c.name, c.quantum, c.preemption, c.dispatch),
                         .reference = 1e3 * QuantumCapacity(kServers, SizeLaw(c.size), c.quantum, c.preemption, c.dispatch),
                         .source = "k/(E[S] + d + c E[ceil(S/q) - 1])", .value = MetricOf("throughput", 1e3), .unit = "1/ms"});
    ladder.push_back(std::move(r));
  }
}

constexpr double kSlowdown = 50, kBeyondAllowed = 1e-3;

// The load at which the 99.9th percentile of slowdown is 50, that is, at which a thousandth of all requests has more,
// from two runs near it on the same arrivals and sizes: that part's logarithm is close to a line between them. It
// is averaged over replications, which a percentile may not be: where nearly all of the tail comes from a few bad times,
// most replications have none.
Estimate Crossing(const std::vector<Replication>& replications, const std::vector<std::vector<double>>& controls, double below, double above) {
  std::vector<double> part[2], between;
  for (const Replication& r : replications)
    for (size_t run : {0, 1}) part[run].push_back(MetricOf(kBeyond, 1, run)(r));
  double mean[2];
  for (size_t run : {0, 1}) {
    mean[run] = EstimateMean(part[run], controls).mean;
    if (!(mean[run] > 0)) mean[run] = EstimateMean(part[run]).mean;  // a few large values, which controls overshoot
  }
  const double low = mean[0], high = mean[1];
  const double rise = std::log(high / low), share = std::log(kBeyondAllowed / low) / rise;
  // What each adds to the logarithm at the crossing.
  for (size_t i = 0; i < part[0].size(); ++i) between.push_back((1 - share) * part[0][i] / low + share * part[1][i] / high);
  Estimate e = EstimateMean(between, controls);
  e.mean = below + share * (above - below);
  e.error *= (above - below) / rise;
  return e;
}

void AddMaxLoads(std::vector<Rung>& ladder) {
  struct Case {
    const char* sizes;
    const Dist& size;
    const char* policy;
    double quantum, preemption, load, requests;
  };
  constexpr double kTolerance = 0.01;  // of load
  for (const Case& c : {
           Case{"50:1/50:100", kHalf, "fifo", 0, 0, .687, 1.2e6},
           Case{"50:1/50:100", kHalf, "rr", 5, 1, .795, 2e5},
           Case{"50:1/50:100", kHalf, "rr", 5, .1, .936, 3e5},
           Case{"50:1/50:100", kHalf, "rr", 2, 1, .655, 1.5e5},
           Case{"50:1/50:100", kHalf, "rr", 2, .1, .931, 6e5},
           Case{"50:1/50:100", kHalf, "srpt", 0, 0, .988, 1e6},
           Case{"99.5:0.5/0.5:500", kRare, "fifo", 0, 0, .417, 6e6},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 5, 1, .782, 1e6},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 5, .1, .916, 2e6},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 2, 1, .689, 1e6},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 2, .1, .955, 4e6},
           Case{"99.5:0.5/0.5:500", kRare, "srpt", 0, 0, .988, 4e6},
       }) {
    // The part of the capacity that overhead leaves; the tail grows steeply towards it.
    const double capacity = c.quantum > 0 ? SizeLaw(c.size).Mean() / kServers * QuantumCapacity(kServers, SizeLaw(c.size), c.quantum, c.preemption, 0) : 1;
    const double step = std::min(0.01, (capacity - c.load) / 4);
    const double below = c.load - step, above = c.load + step;
    Rung r{.group = fmt::format("Highest load of M/G/{} with a 99.9th percentile of slowdown of at most 50", kServers), .runs = {}, .replications = 14};
    for (double load : {below, above}) {
      SimRun run{.policy = c.policy, .tunables = {}, .workload = OpenLoop(Scaled(c.size, kUnitNs), load, kServers, c.requests, 20000),
                 .machine = CostlyMachine(c.preemption, 0), .slowdown_limit = kSlowdown};
      if (run.policy == "rr") run.tunables = {{"quantum_ns", std::llround(c.quantum * kUnitNs)}};
      if (run.policy == "fifo") run.tunables = {{"slice_ns", 1'000'000'000}};
      if (run.policy == "srpt") run.workload.groups[0].hint_is_work = true;
      r.runs.push_back(std::move(run));
    }
    r.controls = [w = r.runs[0].workload, memories = MemoriesOf(Scaled(c.size, kUnitNs), c.load / capacity, kServers)](uint64_t seed) {
      return ArrivalControls(w, kServers, seed, memories);
    };
    const std::string how = c.quantum > 0 ? fmt::format("round robin, quantum {} us, preemption {} us", c.quantum, c.preemption) : std::string(c.policy) == "fifo" ? "FCFS" : "SRPT";
    r.figures.push_back({.name = fmt::format("{}, {}", c.sizes, how), .reference = c.load,
                         .source = "an independent simulator, 20 M requests a point, 95% intervals by 30 batch means", .value = {},
                         .limit = kTolerance / c.load, .criterion = Criterion::kWithin,
                         .estimate = [below, above](const std::vector<Replication>& all, const std::vector<std::vector<double>>& controls) {
                           return Crossing(all, controls, below, above);
                         }});
    ladder.push_back(std::move(r));
  }
}

}  // namespace

void AddOverheadRungs(std::vector<Rung>& ladder) {
  AddCapacity(ladder);
  AddMaxLoads(ladder);
}

}  // namespace ose
