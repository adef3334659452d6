// What a search of many evaluations costs on a Slurm cluster, simulated: the engine's window, the batching of
// cluster/cluster_evaluator.h, Slurm's starts and the nodes, with constants that bench/slurm_measure measures.
//
//   slurm_cost [NAME=VALUE...]    the table of docs/slurm.md; names and defaults are those of Constants
//
// Model. The engine has `window` evaluations under way and makes the next one as soon as the oldest is in. The submitting
// side waits `linger` after the first of a batch, then starts all that wait as tasks of `batch` evaluations in one array:
// one sbatch (`submit`) at a time. A task can start `schedule` after its array is in, when a CPU is free and not
// within 1/`starts` of another start. It takes `task` (process, gate, worker) and its evaluations one after another, each
// drawn from an exponential distribution of mean `evaluation`, but at least a fifth of it. Its CPU is free `end` later. A result is
// seen at the next look. A share `failures` of tasks dies halfway and is repeated after `detect`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <queue>
#include <vector>

#include "base/random.h"

namespace ose {
namespace {

struct Constants {  // seconds
  double evaluation = 0.13, submit = 0.01, schedule = 1.0, starts = 70, task = 0.05, end = 0.15, linger = 0.25, look = 0.1, failures = 1e-4, detect = 60;
  int64_t evaluations = 100'000;
};

struct Outcome {
  double wall = 0, busy = 0, held = 0;
  int64_t arrays = 0, tasks = 0;
};

Outcome Simulate(const Constants& c, int window, int batch, int cpus, uint64_t seed) {
  Rng rng(seed);
  const auto uniform = [&] { return 1 - rng.Unit(); };
  struct Event {
    double at;
    int kind;  // 0 submit, 1 task may start, 2 result is seen, 3 CPU is free
    std::vector<int64_t> jobs;
    bool operator<(const Event& o) const { return at > o.at; }
  };
  std::priority_queue<Event> events;
  std::queue<std::vector<int64_t>> ready;  // tasks
  std::vector<bool> in(static_cast<size_t>(c.evaluations));
  std::vector<int64_t> waiting;
  int64_t made = 0, oldest = 0;
  int idle = cpus;
  double now = 0, submitter_free = 0, next_start = 0;
  bool submit_due = false;
  Outcome o;
  const auto make = [&] {
    for (; made < c.evaluations && made < oldest + window; ++made) waiting.push_back(made);
    if (!waiting.empty() && !submit_due) {
      submit_due = true;
      events.push({std::max(now + c.linger, submitter_free), 0, {}});
    }
  };
  const auto start = [&] {
    while (idle > 0 && !ready.empty()) {
      --idle;
      std::vector<int64_t> jobs = std::move(ready.front());
      ready.pop();
      double at = std::max(now, next_start);
      next_start = at + 1 / c.starts;
      const double began = at;
      const bool fails = uniform() < c.failures;
      ++o.tasks;
      at += c.task;
      if (fails) {
        events.push({at + c.detect, 1, std::move(jobs)});
        events.push({at + c.detect, 3, {}});
        o.held += at + c.detect - began;
        continue;
      }
      for (int64_t job : jobs) {
        const double took = c.evaluation * (0.2 - 0.8 * std::log(uniform()));
        o.busy += took;
        at += took;
        events.push({std::ceil(at / c.look) * c.look, 2, {job}});
      }
      events.push({at + c.end, 3, {}});
      o.held += at + c.end - began;
    }
  };
  make();
  while (!events.empty()) {
    Event e = events.top();
    events.pop();
    now = e.at;
    if (e.kind == 0) {
      submit_due = false;
      ++o.arrays;
      submitter_free = now + c.submit;
      for (size_t i = 0; i < waiting.size(); i += static_cast<size_t>(batch))
        events.push({submitter_free + c.schedule, 1, {waiting.begin() + static_cast<std::ptrdiff_t>(i), waiting.begin() + static_cast<std::ptrdiff_t>(std::min(i + static_cast<size_t>(batch), waiting.size()))}});
      waiting.clear();
    } else if (e.kind == 1) {
      ready.push(std::move(e.jobs));
      start();
    } else if (e.kind == 2) {
      in[static_cast<size_t>(e.jobs[0])] = true;
      while (oldest < c.evaluations && in[static_cast<size_t>(oldest)]) ++oldest;
      if (oldest == c.evaluations) break;
      make();
    } else {
      ++idle;
      start();
    }
  }
  o.wall = now;
  return o;
}

int Main(int argc, char** argv) {
  Constants c;
  const std::pair<const char*, double*> names[] = {{"evaluation", &c.evaluation}, {"submit", &c.submit}, {"schedule", &c.schedule}, {"starts", &c.starts}, {"task", &c.task},
                                                   {"end", &c.end}, {"linger", &c.linger}, {"look", &c.look}, {"failures", &c.failures}, {"detect", &c.detect}};
  for (int i = 1; i < argc; ++i) {
    const char* equals = strchr(argv[i], '=');
    bool known = false;
    for (const auto& [name, value] : names)
      if (equals && std::string_view(argv[i], static_cast<size_t>(equals - argv[i])) == name) *value = atof(equals + 1), known = true;
    if (equals && std::string_view(argv[i]).starts_with("evaluations=")) c.evaluations = atoll(equals + 1), known = true;
    if (!known) {
      fmt::print(stderr, "slurm_cost: unknown '{}'\n", argv[i]);
      return 2;
    }
  }
  fmt::print("{} evaluations of {} s: {:.1f} h of CPU\n\n", c.evaluations, c.evaluation, static_cast<double>(c.evaluations) * c.evaluation / 3600);
  fmt::print("| CPUs | window | batch | hours | evaluations/s | CPUs evaluate | CPU hours held | arrays | tasks |\n|---|---|---|---|---|---|---|---|---|\n");
  for (int cpus : {4, 64, 1024})
    for (int window : {8, 256, 4096})
      for (int batch : {1, 8, 32}) {
        if (batch >= window) continue;
        const Outcome o = Simulate(c, window, batch, cpus, 1);
        const double n = static_cast<double>(c.evaluations);
        fmt::print("| {} | {} | {} | {:.2f} | {:.1f} | {:.1f}% | {:.1f} | {} | {} |\n", cpus, window, batch, o.wall / 3600, n / o.wall, 100 * o.busy / (o.wall * cpus), o.held / 3600, o.arrays, o.tasks);
      }
  return 0;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) { return ose::Main(argc, argv); }
