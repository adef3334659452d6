#include "validate/ladder.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "validate/queueing.h"
#include "validate/sample_path.h"

namespace ose {
namespace {

constexpr double kUnitNs = 1e5, kUnitUs = 100;

constexpr char kErlang[] = "Erlang C (Erlang 1917; Kleinrock 1975, 3.5)";
constexpr char kPk[] = "Pollaczek-Khinchine (Kleinrock 1975, 5.7)";
constexpr char kSharing[] = "E[T(x)]/x = 1 + C/(k (1 - rho)) (Sakata, Noguchi, Oizumi 1971; Cohen 1979)";
constexpr char kSchrageMiller[] = "Schrage and Miller 1966";
constexpr char kFeedback[] = "Schrage 1967; Kleinrock 1976, 4.6";
constexpr char kCobham[] = "Cobham 1954";
constexpr char kPath[] = "computed from the same arrivals and sizes without the simulator";

const Dist kExponential{.kind = Dist::Kind::kExponential, .a = 1};
const Dist kConstant{.kind = Dist::Kind::kConstant, .a = 1};
const Dist kUniform{.kind = Dist::Kind::kUniform, .a = 0.5, .b = 1.5};
const Dist kLognormal{.kind = Dist::Kind::kLognormal, .a = 1, .b = 2};
const Dist kOneTen{.kind = Dist::Kind::kMix, .value = {1, 10}, .weight = {50, 50}};
const Dist kHalf{.kind = Dist::Kind::kMix, .value = {1, 100}, .weight = {50, 50}};
const Dist kRare{.kind = Dist::Kind::kMix, .value = {0.5, 500}, .weight = {99.5, 0.5}};

struct Sizes {
  const char* name;
  const Dist& dist;
  double requests;  // of one replication
  int replications;
};

Rung OpenRung(std::string group, const std::string& policy, const Tunables& tunables, const Dist& size, int cpus, double load,
              double requests, int replications) {
  Rung rung{.group = std::move(group), .runs = {}, .replications = replications};
  rung.runs.push_back({.policy = policy, .tunables = tunables, .workload = OpenLoop(Scaled(size, kUnitNs), load, cpus, requests),
                       .machine = IdealMachine(cpus)});
  rung.controls = [w = rung.runs[0].workload, cpus, memories = MemoriesOf(Scaled(size, kUnitNs), load, cpus)](uint64_t seed) {
    return ArrivalControls(w, cpus, seed, memories);
  };
  return rung;
}

const Tunables kLongSlice = {{"slice_ns", 1'000'000'000}};

double RateOf(const Dist& size, double load, int cpus = 1) { return load * cpus / SizeLaw(size).Mean(); }

void AddFcfs(std::vector<Rung>& ladder) {
  constexpr double kLoad = 0.8;
  for (int k : {1, 2, 16}) {
    Rung r = OpenRung(fmt::format("M/M/{} FCFS, load {}", k, kLoad), "fifo", kLongSlice, kExponential, k, kLoad, 6e5, k == 1 ? 30 : 48);
    const MMk q{k, RateOf(kExponential, kLoad, k), 1};
    r.figures.push_back({.name = "mean response", .reference = q.MeanResponse(), .source = kErlang, .value = MetricOf("latency_mean", kUnitUs), .controlled = true});
    if (k == 1) {
      r.figures.push_back({.name = "response, 50th percentile", .reference = MM1ResponseQuantile(q.lambda, 1, 0.5), .source = kErlang, .value = MetricOf("latency_p50", kUnitUs), .controlled = true});
      r.figures.push_back({.name = "response, 99th percentile", .reference = MM1ResponseQuantile(q.lambda, 1, 0.99), .source = kErlang, .value = MetricOf("latency_p99", kUnitUs), .controlled = true});
    }
    for (auto [p, metric] : {std::pair{0.95, "start_p95"}, std::pair{0.99, "start_p99"}})
      r.figures.push_back({.name = fmt::format("wait, {:.0f}th percentile", 100 * p), .reference = q.WaitQuantile(p), .source = kErlang, .value = MetricOf(metric, kUnitUs), .controlled = true});
    ladder.push_back(std::move(r));
  }
  for (const Sizes& s : {Sizes{"constant", kConstant, 3e5, 20}, Sizes{"uniform 0.5 to 1.5", kUniform, 3e5, 20}, Sizes{"lognormal, C 2", kLognormal, 1e6, 20},
                         Sizes{"50:1/50:100", kHalf, 5e5, 20}, Sizes{"99.5:0.5/0.5:500", kRare, 1.5e6, 56}}) {
    Rung r = OpenRung(fmt::format("M/G/1 FCFS, load {}, {}", kLoad, s.name), "fifo", kLongSlice, s.dist, 1, kLoad, s.requests, s.replications);
    const SizeLaw law(s.dist);
    const double lambda = RateOf(s.dist, kLoad);
    r.figures.push_back({.name = "mean response", .reference = FcfsResponse(lambda, law), .source = kPk, .value = MetricOf("latency_mean", kUnitUs), .controlled = true});
    r.figures.push_back({.name = "mean slowdown", .reference = FcfsSlowdown(lambda, law), .source = kPk, .value = MetricOf("slowdown_mean"), .controlled = true});
    ladder.push_back(std::move(r));
  }
}

// Round robin with quantum q is processor sharing up to terms of order q, LAS likewise. Two runs on the same
// arrivals, with q and 2 q, take the first-order term out (Richardson's extrapolation to q = 0).
void AddQuantumRung(std::vector<Rung>& ladder, Rung rung, double quantum, std::vector<LadderFigure> figures) {
  SimRun twice = rung.runs[0];
  rung.runs[0].tunables = {{"quantum_ns", std::llround(quantum * kUnitNs)}};
  twice.tunables = {{"quantum_ns", std::llround(2 * quantum * kUnitNs)}};
  rung.runs.push_back(std::move(twice));
  for (LadderFigure& f : figures) {
    f.value = [value = f.value](const Replication& r) {
      const double once = value({r.seed, {r.runs[0]}});
      return 2 * once - value({r.seed, {r.runs[1]}});
    };
    f.note = fmt::format("extrapolated to quantum 0 from {} and {}", quantum, 2 * quantum);
    f.controlled = true;
    rung.figures.push_back(std::move(f));
  }
  ladder.push_back(std::move(rung));
}

void AddSharing(std::vector<Rung>& ladder) {
  struct Case {
    int cpus;
    double load;
    Sizes sizes;
    double quantum;
  };
  for (const Case& c : {Case{1, 0.5, {"constant", kConstant, 3e4, 16}, 0.02}, Case{1, 0.5, {"exponential", kExponential, 5e4, 16}, 0.02},
                        Case{1, 0.5, {"50:1/50:10", kOneTen, 3e4, 16}, 0.05}, Case{16, 0.8, {"exponential", kExponential, 5e4, 16}, 0.02},
                        Case{16, 0.8, {"50:1/50:10", kOneTen, 5e4, 16}, 0.1}}) {
    Rung r = OpenRung(fmt::format("PS on {} CPU{}, load {}, {}", c.cpus, c.cpus > 1 ? "s" : "", c.load, c.sizes.name), "rr", {}, c.sizes.dist, c.cpus, c.load,
                      c.sizes.requests, c.sizes.replications);
    const double slowdown = SharingSlowdown(c.cpus, c.load);
    std::vector<LadderFigure> figures = {{.name = "mean response", .reference = slowdown * SizeLaw(c.sizes.dist).Mean(), .source = kSharing, .value = MetricOf("latency_mean", kUnitUs)}};
    if (c.sizes.dist.kind == Dist::Kind::kMix)
      figures.push_back({.name = "mean slowdown", .reference = slowdown, .source = kSharing, .value = MetricOf("slowdown_mean")});
    AddQuantumRung(ladder, std::move(r), c.quantum, std::move(figures));
  }
}

void AddSrpt(std::vector<Rung>& ladder) {
  constexpr double kLoad = 0.8;
  for (const Sizes& s : {Sizes{"exponential", kExponential, 5e5, 20}, Sizes{"50:1/50:100", kHalf, 5e5, 20}, Sizes{"99.5:0.5/0.5:500", kRare, 1.5e6, 40}}) {
    Rung r = OpenRung(fmt::format("M/G/1 SRPT, load {}, {}", kLoad, s.name), "srpt", {}, s.dist, 1, kLoad, s.requests, s.replications);
    r.runs[0].workload.groups[0].hint_is_work = true;
    const SizeLaw law(s.dist);
    const double lambda = RateOf(s.dist, kLoad);
    r.figures.push_back({.name = "mean response", .reference = SrptMeanResponse(lambda, law), .source = kSchrageMiller, .value = MetricOf("latency_mean", kUnitUs), .controlled = true});
    r.figures.push_back({.name = "mean slowdown", .reference = SrptMeanSlowdown(lambda, law), .source = kSchrageMiller, .value = MetricOf("slowdown_mean"), .controlled = true});
    ladder.push_back(std::move(r));
  }
}

// Small quanta take long to simulate. So most requests are served with a coarse one, and what that is off by is
// measured on fewer: the difference of two runs on the same arrivals varies little (M. Giles, Multilevel Monte
// Carlo path simulation, Operations Research 56(3), 2008).
void AddLas(std::vector<Rung>& ladder) {
  struct Case {
    double load;
    Sizes sizes;         // of the coarse runs
    double few;          // requests of the others
    double quantum, coarse;
  };
  for (const Case& c : {Case{0.5, {"exponential", kExponential, 4e5, 20}, 4e4, 0.02, 0.16}, Case{0.5, {"50:1/50:100", kHalf, 1e5, 40}, 1e4, 0.125, 2},
                        Case{0.5, {"99.5:0.5/0.5:500", kRare, 1.5e6, 40}, 6e4, 0.03125, 0.5}}) {
    Rung r = OpenRung(fmt::format("M/G/1 LAS, load {}, {}", c.load, c.sizes.name), "las", {}, c.sizes.dist, 1, c.load, c.sizes.requests, c.sizes.replications);
    r.runs[0].tunables = {{"quantum_ns", std::llround(c.coarse * kUnitNs)}};
    for (double q : {c.coarse, c.quantum, 2 * c.quantum}) {
      r.runs.push_back(r.runs[0]);
      r.runs.back().workload = OpenLoop(Scaled(c.sizes.dist, kUnitNs), c.load, 1, c.few);
      r.runs.back().tunables = {{"quantum_ns", std::llround(q * kUnitNs)}};
    }
    // Both the many arrivals and the few.
    r.controls = [many = r.controls, w = r.runs[1].workload](uint64_t seed) {
      std::vector<double> controls = many(seed);
      for (double x : ArrivalControls(w, 1, seed)) controls.push_back(x);
      return controls;
    };
    const auto value = [](const std::string& metric, double unit) {
      return [metric, unit](const Replication& rep) {
        const auto of = [&](size_t run) { return MetricOf(metric, unit, run)(rep); };
        return of(0) + 2 * of(2) - of(3) - of(1);
      };
    };
    const std::string note = fmt::format("quantum {}, and from fewer requests what is missing to quantum 0, extrapolated from {} and {}", c.coarse, c.quantum, 2 * c.quantum);
    const SizeLaw law(c.sizes.dist);
    const double lambda = RateOf(c.sizes.dist, c.load);
    r.figures.push_back({.name = "mean response", .reference = LasMeanResponse(lambda, law), .source = kFeedback, .value = value("latency_mean", kUnitUs), .controlled = true, .note = note});
    if (c.sizes.dist.kind == Dist::Kind::kMix)
      r.figures.push_back({.name = "mean slowdown", .reference = LasMeanSlowdown(lambda, law), .source = kFeedback, .value = value("slowdown_mean", 1), .controlled = true, .note = note});
    ladder.push_back(std::move(r));
  }
}

void AddPriority(std::vector<Rung>& ladder) {
  struct Class {
    const char* name;
    int weight;
    double load;
    Dist size;
  };
  const std::vector<Class> classes = {{"high", 400, 0.2, kExponential}, {"middle", 200, 0.3, kOneTen}, {"low", 100, 0.3, kConstant}};
  Rung r = OpenRung("M/G/1, three classes by priority, load 0.8", "priority", {{"slice_ns", 1'000'000'000}}, kExponential, 1, 0.5, 1e6, 20);
  Workload& w = r.runs[0].workload;
  const Group form = w.groups[0];
  w.groups.clear();
  w.dists.clear();
  std::vector<PriorityClass> laws;
  for (const Class& c : classes) {
    Group g = form;
    g.name = c.name;
    g.weight = c.weight;
    g.arrivals.load = c.load;
    if (c.size.kind == Dist::Kind::kConstant) {
      g.program = {{.kind = OpKind::kRun, .ns = std::llround(c.size.a * kUnitNs)}};
    } else {
      g.program[0].object = static_cast<uint32_t>(w.dists.size());
      w.dists.push_back(Scaled(c.size, kUnitNs));
    }
    w.groups.push_back(g);
    laws.push_back({RateOf(c.size, c.load), SizeLaw(c.size)});
  }
  r.controls = [w = r.runs[0].workload](uint64_t seed) { return ArrivalControls(w, 1, seed); };
  for (size_t i = 0; i < classes.size(); ++i)
    r.figures.push_back({.name = fmt::format("mean response, {}", classes[i].name), .reference = PriorityWait(laws, i) + laws[i].sizes.Mean(), .source = kCobham,
                         .value = MetricOf(std::string(classes[i].name) + ".latency_mean", kUnitUs), .controlled = true});
  ladder.push_back(std::move(r));
}

// The simulator against a calculation with the same arrivals and sizes: no noise, so to the last digits.
void AddPaths(std::vector<Rung>& ladder) {
  constexpr double kRounding = 1e-9;
  auto add = [&](const char* name, const char* policy, const Dist& size, int cpus, double load, auto mean_response) {
    Rung r = OpenRung("The same arrivals, exactly", policy, {}, size, cpus, load, 5e5, 1);
    Workload& w = r.runs[0].workload;
    w.groups[0].hint_is_work = std::string_view(policy) == "srpt";
    if (w.groups[0].hint_is_work) w.warmup = {0};  // SrptTotalFlow counts all
    else r.runs[0].tunables = kLongSlice;
    r.controls = {};
    r.figures.push_back({.name = name, .source = kPath, .value = MetricOf("latency_mean", kUnitUs), .limit = kRounding, .criterion = Criterion::kWithin,
                         .path_value = [w, cpus, mean_response](uint64_t seed) { return mean_response(ArrivingJobs(w, cpus, seed), w.warmup.v) / kUnitNs; }});
    ladder.push_back(std::move(r));
  };
  auto fcfs = [](int cpus) { return [cpus](const std::vector<Job>& jobs, int64_t from) { return FcfsMeanResponse(jobs, cpus, from); }; };
  auto srpt = [](const std::vector<Job>& jobs, int64_t) { return SrptTotalFlow(jobs, 1) / static_cast<double>(jobs.size()); };
  add("mean response, FCFS, 99.5:0.5/0.5:500 on 1 CPU, load 0.8", "fifo", kRare, 1, 0.8, fcfs(1));
  add("mean response, FCFS, lognormal on 16 CPUs, load 0.9", "fifo", kLognormal, 16, 0.9, fcfs(16));
  add("mean response, SRPT, lognormal on 1 CPU, load 0.8", "srpt", kLognormal, 1, 0.8, srpt);
  add("mean response, SRPT, 50:1/50:100 on 1 CPU, load 0.8", "srpt", kHalf, 1, 0.8, srpt);
}

}  // namespace

Machine IdealMachine(int cpus) {
  Machine m = CostlessMachine(cpus);
  m.name = "ideal";
  m.min_slice = {1};  // a profile with a precise timer must have one
  return m;
}

std::vector<Nanos> MemoriesOf(const Dist& size, double load, int cpus) {
  const SizeLaw law(size);
  const double relaxation = law.Moment(2) / law.Mean() / ((1 - load) * (1 - load) * cpus);
  return {{std::llround(relaxation / 8)}, {std::llround(relaxation)}};
}

Workload OpenLoop(const Dist& size, double load, int cpus, double requests, int threads) {
  const double measured_ns = requests * size.Mean() / (load * cpus);
  Workload w;
  w.name = "open";
  w.machine = "ideal";
  w.run_to_completion = false;
  w.warmup = {std::llround(measured_ns / 9)};
  w.horizon = {std::llround(measured_ns / 9) + std::llround(measured_ns)};
  Group g;
  g.name = "request";
  g.count = threads;
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = load};
  if (size.kind == Dist::Kind::kConstant) {
    g.program = {{.kind = OpKind::kRun, .ns = std::llround(size.a)}};
  } else {
    g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
    w.dists = {size};
  }
  w.groups.push_back(std::move(g));
  return w;
}

std::function<double(const Replication&)> MetricOf(std::string name, double unit, size_t run) {
  return [name = std::move(name), unit, run](const Replication& r) {
    const Metrics& m = r.runs.at(run);
    auto it = m.find(name);
    return it == m.end() ? std::numeric_limits<double>::quiet_NaN() : it->second / unit;
  };
}

std::vector<Rung> TheoryLadder() {
  std::vector<Rung> ladder;
  AddFcfs(ladder);
  AddSharing(ladder);
  AddSrpt(ladder);
  AddLas(ladder);
  AddPriority(ladder);
  AddPaths(ladder);
  AddOverheadRungs(ladder);
  return ladder;
}

}  // namespace ose
