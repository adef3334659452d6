// Rungs on what preemption costs: capacity, and the highest load within a slowdown objective.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "validate/ladder.h"
#include "validate/many_servers.h"
#include "validate/queueing.h"

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
                        Case{"99.5:0.5/0.5:500", kRare, 1.2e6, 5, 1, 0}, Case{"99.5:0.5/0.5:500", kRare, 8e5, 2, 0.1, 0.1}}) {
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
constexpr char kCrossing[] = "crossing", kWithin[] = "within";
constexpr char kTable[] = "an independent simulator, 20 M requests a point, 95% intervals by 30 batch means";

// The highest load that keeps the 99.9th percentile of slowdown at 50 or less, that is, at which a thousandth of all requests
// has more, on the same arrivals and sizes but for their scale. At most `bracket` is missing to `guess`; NaN outside of that.
// By bisection, until the logarithm of that part is nearly linear in the load, and then a step of false position.
double HighestLoad(const Dist& size, const ManyServers& servers, double requests, double guess, double bracket, int halvings, uint64_t seed) {
  const auto excess = [&](double load) {
    const double beyond = Serve(OpenLoop(Scaled(size, kUnitNs), load, servers.servers, requests), servers, seed, kSlowdown).beyond;
    return std::log(std::max(beyond, 1 / requests) / kBeyondAllowed);
  };
  struct Point {
    double load, excess;
  };
  const auto at = [&](double load) { return Point{load, excess(load)}; };
  Point low = at(guess), high = low;
  (low.excess > 0 ? low : high) = at(low.excess > 0 ? guess - bracket : std::min(guess + bracket, 0.999));
  if (low.excess > 0 || high.excess < 0) return std::numeric_limits<double>::quiet_NaN();
  const auto crossing = [&] { return low.load + (high.load - low.load) * -low.excess / std::max(high.excess - low.excess, 1e-12); };
  for (int i = 0; i <= halvings; ++i) {
    const Point p = at(i < halvings ? (low.load + high.load) / 2 : crossing());
    (p.excess > 0 ? high : low) = p;
  }
  return crossing();
}

// Of the samples' distribution, where one more of them is to be expected.
Estimate OneMore(const std::vector<double>& samples) {
  Estimate e = EstimateMean(samples);
  e.error *= std::sqrt(static_cast<double>(samples.size()) + 1);
  return e;
}

std::vector<double> Values(const std::vector<Replication>& replications, const char* metric) {
  std::vector<double> values;
  for (const Replication& r : replications) values.push_back(MetricOf(metric)(r));
  return values;
}

// The simulator agrees with a calculation of a page (many_servers.h) on the same arrivals, and the calculation is fast
// enough for as many requests as are behind each figure of the table. That is what it is held against: a sample of 20
// million, again and again. With long requests that are rare, what decides is how many clusters of them a sample has, and samples differ by
// several per cent. For SRPT the table's figure is the end of its grid: the objective holds there, and far beyond.
void AddMaxLoads(std::vector<Rung>& ladder) {
  struct Case {
    const char* sizes;
    const Dist& size;
    const char* policy;
    double quantum, preemption, load;
  };
  constexpr double kSimulated = 2e5, kOfTable = 2e7;  // requests
  constexpr double kOfFewer = 1e6;                    // where half of the requests are long, samples differ little
  constexpr double kBracket = 0.07, kTolerance = 0.01;  // of load, to either side
  constexpr double kHalfWidth = 0.06;
  constexpr int kReplications = 5;
  for (const Case& c : {
           Case{"50:1/50:100", kHalf, "fifo", 0, 0, .687}, Case{"50:1/50:100", kHalf, "rr", 5, 1, .795}, Case{"50:1/50:100", kHalf, "rr", 5, .1, .936},
           Case{"50:1/50:100", kHalf, "rr", 2, 1, .655}, Case{"50:1/50:100", kHalf, "rr", 2, .1, .931}, Case{"50:1/50:100", kHalf, "srpt", 0, 0, .988},
           Case{"99.5:0.5/0.5:500", kRare, "fifo", 0, 0, .417}, Case{"99.5:0.5/0.5:500", kRare, "rr", 5, 1, .782},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 5, .1, .916}, Case{"99.5:0.5/0.5:500", kRare, "rr", 2, 1, .689},
           Case{"99.5:0.5/0.5:500", kRare, "rr", 2, .1, .955}, Case{"99.5:0.5/0.5:500", kRare, "srpt", 0, 0, .988},
       }) {
    const bool quanta = c.quantum > 0;
    const std::string how = quanta ? fmt::format("round robin, quantum {} us, preemption {} us", c.quantum, c.preemption)
                            : std::string(c.policy) == "fifo" ? "FCFS" : "SRPT";
    const std::string name = fmt::format("{}, {}", c.sizes, how);
    ManyServers servers{.servers = kServers};
    if (std::string(c.policy) == "srpt") servers.order = ServiceOrder::kSrpt;
    if (quanta) {
      servers.quantum = {std::llround(c.quantum * kUnitNs)};
      servers.overhead = {std::llround(c.preemption * kUnitNs)};
    }
    SimRun run{.policy = c.policy, .workload = OpenLoop(Scaled(c.size, kUnitNs), c.load, kServers, kSimulated, 20000), .machine = CostlyMachine(c.preemption, 0)};
    if (quanta) run.tunables = {{"quantum_ns", servers.quantum.v}};
    if (run.policy == "fifo") run.tunables = {{"slice_ns", 1'000'000'000}};
    run.workload.groups[0].hint_is_work = run.policy == "srpt";
    Rung same{.group = fmt::format("M/G/{} on the same arrivals, mean slowdown", kServers), .runs = {run}, .replications = 1};
    // Of events at one instant, such as two quanta that end together, either may come first: that is all the difference there is.
    same.figures.push_back({.name = name, .source = "calculated from the same arrivals and sizes without the simulator", .value = MetricOf("slowdown_mean"),
                            .limit = quanta ? 1e-2 : 1e-9, .criterion = Criterion::kWithin,
                            .path_value = [w = run.workload, servers](uint64_t seed) { return Serve(w, servers, seed, kSlowdown).mean_slowdown; }});
    ladder.push_back(std::move(same));

    Rung highest{.group = fmt::format("Highest load of M/G/{} with a 99.9th percentile of slowdown of at most 50", kServers), .runs = {}, .replications = 0};
    highest.path_replications = kReplications;
    if (servers.order == ServiceOrder::kSrpt) {
      highest.path = [c, servers](uint64_t seed) {
        return Replication{seed, {{{kWithin, 1 - Serve(OpenLoop(Scaled(c.size, kUnitNs), c.load, kServers, kOfTable / kReplications), servers, seed, kSlowdown).beyond}}}};
      };
      highest.figures.push_back({.name = fmt::format("{}, part of the requests within it at load {}", name, c.load), .source = kTable, .value = {}, .limit = 1 - kBeyondAllowed,
                                 .criterion = Criterion::kAtLeast, .estimate = [](const std::vector<Replication>& all) { return EstimateMean(Values(all, kWithin)); }});
    } else {
      const bool rare = &c.size == &kRare;
      highest.path = [c, servers, rare, requests = rare ? kOfTable : kOfFewer](uint64_t seed) {
        return Replication{seed, {{{kCrossing, HighestLoad(c.size, servers, requests, c.load, kBracket, rare ? 0 : 3, seed)}}}};
      };
      LadderFigure figure{.name = name, .reference = c.load, .source = kTable, .value = {}};
      if (rare) {
        figure.limit = kHalfWidth;
        figure.estimate = [](const std::vector<Replication>& all) { return OneMore(Values(all, kCrossing)); };
        figure.note = "the interval is that of one more sample of 20 M requests, as the reference is one";
      } else {
        figure.limit = kTolerance / c.load;
        figure.criterion = Criterion::kWithin;
        figure.estimate = [](const std::vector<Replication>& all) { return EstimateMean(Values(all, kCrossing)); };
      }
      highest.figures.push_back(std::move(figure));
    }
    ladder.push_back(std::move(highest));
  }
}

}  // namespace

void AddOverheadRungs(std::vector<Rung>& ladder) {
  AddCapacity(ladder);
  AddMaxLoads(ladder);
}

}  // namespace ose
