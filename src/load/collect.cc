// LoadRun after its end: what unfinished events count as, and the metrics. See sim/engine.cc.
#include <algorithm>

#include "load/run.h"

namespace ose {

void LoadRun::Finish() {
  const Nanos end{end_.load()};
  for (LoadTask& t : tasks_) samples_[static_cast<size_t>(t.group)].Merge(t.samples);
  for (const LoadTask& t : tasks_) {
    GroupSamples& s = samples_[static_cast<size_t>(t.group)];
    const bool waits = t.awaits_first_run && Measured(t.woken_at);
    if (waits) s.wakeup_us.push_back((end - t.woken_at).us());
    if (waits && !t.event_open && !t.serving && GroupOf(t).event != EventKind::kNone) {
      s.AddUnfinished(end - t.woken_at, Nanos{0}, false, false);
      continue;
    }
    const bool unserved = t.serving && !t.pass_open;
    if ((!t.event_open && !unserved) || !Measured(t.event_release) || t.event_release > end) continue;
    s.AddUnfinished(end - t.event_release, unserved ? Nanos{0} : t.run_total - t.event_work_base, !unserved, !IsOpen(t));
  }
  // Requests that no thread was free to take.
  for (size_t g = 0; g < open_.size(); ++g) {
    for (Nanos at : open_[g].Left(end))
      if (Measured(at)) samples_[g].AddUnfinished(end - at, Nanos{0}, false, false);
  }
}

Metrics LoadRun::CollectMetrics() {
  Finish();
  Metrics out;
  const Nanos window = w_.run_to_completion ? Nanos{0} : w_.horizon - w_.warmup;
  GroupSamples all;
  const bool several = w_.groups.size() > 1;
  for (size_t g = 0; g < samples_.size(); ++g) {
    if (w_.groups[g].measured) all.Merge(samples_[g]);
    if (several) AddEventMetrics(samples_[g], w_.groups[g].name + ".", window, out);
  }
  AddEventMetrics(all, "", window, out);

  Nanos first_start = Nanos::Max(), last_exit{0};
  double cpu_s = 0, switches = 0, migrations = 0, runs = 0, sleeps = 0, wakeups = 0, n = 0, sum = 0, squares = 0;
  bool has_migrations = true;
  for (const LoadTask& t : tasks_) {
    first_start = std::min(first_start, t.first_woken);
    last_exit = std::max(last_exit, t.exited_at);
    const double cpu = static_cast<double>(t.cpu_ns) / 1e9;
    cpu_s += cpu;
    switches += static_cast<double>(t.switches);
    migrations += static_cast<double>(t.migrations);
    has_migrations &= t.has_migrations;
    runs += static_cast<double>(t.runs);
    sleeps += static_cast<double>(t.sleeps);
    wakeups += static_cast<double>(t.wakeups);
    if (!GroupOf(t).repeat) continue;
    const double share = cpu / GroupOf(t).weight;
    n += 1;
    sum += share;
    squares += share * share;
  }
  if (w_.run_to_completion && first_start != Nanos::Max()) out["span"] = (last_exit - first_start).us();
  if (n >= 2 && squares > 0) out["fairness"] = sum * sum / (n * squares);
  if (const double seconds = Nanos{end_.load()}.s(); seconds > 0) {
    out["utilization"] = 100 * cpu_s / (seconds * static_cast<double>(cpus_.size()));
    out["switches_per_s"] = switches / seconds;
    if (has_migrations) out["migrations_per_s"] = migrations / seconds;
  }
  out["cpu_time"] = cpu_s * 1e6;
  out["runs"] = runs;
  out["sleeps"] = sleeps;
  out["wakeups"] = wakeups;
  return out;
}

}  // namespace ose
