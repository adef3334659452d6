// The same M/M/2 FIFO queue on SimGrid and on this simulator, on one core each, in turn; the median rates
// and their ratio. Run by bench/simgrid.
//   simgrid_mm2 [JOBS [REPETITIONS]]
// In SimGrid's part an actor makes requests and two actors on hosts of their own
// serve them from one queue (a semaphore and a deque); its CPU model executes the work. A SimGrid
// process can run one simulation only, so every run of either side has a process of its own; what is timed
// is its CPU time from the model's set-up to the mean response time, which both must have right.
#include <fmt/format.h>
#include <simgrid/s4u.hpp>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <vector>

#include "sim/simulate.h"

namespace {

constexpr double kMeanUs = 10, kLoad = 0.8;
constexpr double kTheoryUs = 27.778;  // E[T] by Erlang C: 10 us (1 + 0.71111 / 0.4)

struct Run {
  double seconds, jobs, response_us;
};

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// One second of SimGrid's clock is 1 us here, far from the limit of its precision (1e-9).
Run OnSimGrid(double jobs, unsigned seed) {
  namespace sg = simgrid::s4u;
  const double begin = CpuSeconds();
  int argc = 2;
  char name[] = "mm2", quiet[] = "--log=root.thres:critical";
  char* argv[] = {name, quiet, nullptr};
  sg::Engine engine(&argc, argv);
  sg::NetZone* zone = sg::create_full_zone("zone");
  sg::Host* host[3];
  for (int i = 0; i < 3; ++i) host[i] = zone->create_host("host" + std::to_string(i), 1.0);
  zone->seal();

  std::deque<double> queue;  // arrival times; negative: the end
  auto items = sg::Semaphore::create(0);
  double sum = 0, done = 0;
  sg::Actor::create("source", host[2], [&] {
    std::mt19937_64 rng(seed);
    std::exponential_distribution<double> gap(2 * kLoad / kMeanUs);
    for (double i = 0; i < jobs; ++i) {
      sg::this_actor::sleep_for(gap(rng));
      queue.push_back(sg::Engine::get_clock());
      items->release();
    }
    for (int i = 0; i < 2; ++i) queue.push_back(-1), items->release();
  });
  for (int i = 0; i < 2; ++i)
    sg::Actor::create("server", host[i], [&, i] {
      std::mt19937_64 rng(seed + 1000 + static_cast<unsigned>(i));
      std::exponential_distribution<double> size(1 / kMeanUs);
      for (;;) {
        items->acquire();
        const double arrival = queue.front();
        queue.pop_front();
        if (arrival < 0) return;
        sg::this_actor::execute(size(rng));
        sum += sg::Engine::get_clock() - arrival;
        ++done;
      }
    });
  engine.run();
  return {CpuSeconds() - begin, done, sum / done};
}

Run OnOurs(double jobs, unsigned seed) {
  using namespace ose;
  NativePolicy policy = NativePolicy::Open(std::string(OSE_BINARY_DIR) + "/policies/fifo.so").value();
  const double begin = CpuSeconds();
  Workload w;
  w.name = "mm2";
  w.horizon = {static_cast<int64_t>(jobs * kMeanUs * 1000 / (2 * kLoad))};
  w.dists.push_back({.kind = Dist::Kind::kExponential, .a = kMeanUs * 1000});
  Group g;
  g.name = "request";
  g.count = 1000;
  g.arrivals = {.kind = Arrivals::Kind::kPoisson, .load = kLoad};
  g.program = {{.kind = OpKind::kRun, .drawn = true, .object = 0}};
  w.groups.push_back(g);
  const Machine m = CostlessMachine(2);
  SimResult r = Simulate(w, m, policy, seed);
  if (r.outcome != Outcome::kOk) fmt::print(stderr, "{}\n", r.diagnosis);
  return {CpuSeconds() - begin, r.metrics["events"], r.metrics["latency_mean"]};
}

template <class F>
Run InAProcess(F f) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const Run run = f();
    const bool sent = write(ends[1], &run, sizeof run) == sizeof run;
    _exit(sent ? 0 : 1);
  }
  close(ends[1]);
  Run run{};
  const bool got = child > 0 && read(ends[0], &run, sizeof run) == sizeof run;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (!got) {
    fmt::print(stderr, "simgrid_mm2: a run died\n");
    std::exit(1);
  }
  return run;
}

double Median(std::vector<double> xs) {
  std::sort(xs.begin(), xs.end());
  return xs[xs.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const double jobs = argc > 1 ? std::atof(argv[1]) : 300'000;
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 7;
  if (!(jobs >= 1000) || repetitions < 1) {
    fmt::print(stderr, "usage: simgrid_mm2 [JOBS [REPETITIONS]], at least 1000 jobs\n");
    return 2;
  }
  setlinebuf(stdout);  // a child has no line of its parent to print
  std::vector<double> simgrid, ours, ratios;
  bool right = true;
  for (int i = 1; i <= repetitions; ++i) {
    const Run a = InAProcess([&] { return OnSimGrid(jobs, static_cast<unsigned>(i)); });
    const Run b = InAProcess([&] { return OnOurs(jobs, static_cast<unsigned>(i)); });
    simgrid.push_back(a.jobs / a.seconds);
    ours.push_back(b.jobs / b.seconds);
    ratios.push_back(ours.back() / simgrid.back());
    for (const Run& r : {a, b}) right = right && std::abs(r.response_us / kTheoryUs - 1) < 0.1;
    fmt::print("{:2}  SimGrid {:.3f} M jobs/s, E[T] {:.2f} us   OS-Evolve {:.3f} M jobs/s, E[T] {:.2f} us   ratio {:.1f}\n", i,
               simgrid.back() / 1e6, a.response_us, ours.back() / 1e6, b.response_us, ratios.back());
  }
  fmt::print("median  SimGrid {:.3f} M jobs/s   OS-Evolve {:.3f} M jobs/s   ratio {:.1f}\n", Median(simgrid) / 1e6, Median(ours) / 1e6, Median(ratios));
  if (!right) fmt::print(stderr, "simgrid_mm2: a mean response time is more than 10% from {} us: not the same model\n", kTheoryUs);
  return right ? 0 : 1;
}
