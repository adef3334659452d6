// What a run comes to: its metrics, or why it could not go on.
#include <fmt/format.h>

#include <algorithm>

#include "sim/engine.h"
#include "sim/schedule_observer.h"

namespace ose {

// Events that have not finished count with their age, so that nobody gains by never finishing
// them: all open-loop requests, and those of other groups that are older than the median event. Nor
// by never serving a wake-up: a task that waits for its first turn counts with the time it waited.
void Engine::Finish() {
  for (const Task& t : tasks_) {
    const bool waits = t.state == TaskState::kRunnable && t.awaits_first_run && Measured(t.woken_at);
    if (waits) samples_[static_cast<size_t>(t.group)].wakeup_us.push_back((end_ - t.woken_at).us());
    if (waits && !t.event_open && !t.serving && w_.groups[static_cast<size_t>(t.group)].event != EventKind::kNone) {
      samples_[static_cast<size_t>(t.group)].AddUnfinished(end_ - t.woken_at, Nanos{0}, false, false);
      continue;
    }
    // A request that was given to a thread which never ran since has not even begun.
    const bool unserved = t.serving && !t.pass_open;
    if ((!t.event_open && !unserved) || !Measured(t.event_release)) continue;
    const bool open = open_[static_cast<size_t>(t.group)].arrivals != nullptr;
    samples_[static_cast<size_t>(t.group)].AddUnfinished(
        end_ - t.event_release, unserved ? Nanos{0} : t.run_total - t.event_work_base, !unserved, !open);
  }
  for (size_t g = 0; g < open_.size(); ++g)
    while (!open_[g].backlog.empty())
      if (Nanos arrival = open_[g].backlog.Pop(); Measured(arrival)) samples_[g].AddUnfinished(end_ - arrival, Nanos{0}, false, false);
}

Metrics Engine::CollectMetrics() {
  Finish();
  Metrics out;
  const Nanos window = w_.run_to_completion ? Nanos{0} : w_.horizon - w_.warmup;
  if (samples_.size() == 1 && w_.groups[0].measured) {
    AddEventMetrics(samples_[0], "", window, out);
    if (options_.observer) options_.observer->OnSamples("", samples_[0]);
  } else {
    GroupSamples all;
    const bool several = w_.groups.size() > 1;
    for (size_t g = 0; g < samples_.size(); ++g) {
      if (w_.groups[g].measured) all.Merge(samples_[g]);
      if (!several) continue;
      const std::string prefix = w_.groups[g].name + ".";
      AddEventMetrics(samples_[g], prefix, window, out);
      if (options_.observer) options_.observer->OnSamples(prefix, samples_[g]);
    }
    AddEventMetrics(all, "", window, out);
    if (options_.observer) options_.observer->OnSamples("", all);
  }

  if (w_.run_to_completion && first_start_ != Nanos::Max())
    out["span"] = ((live_ > 0 ? end_ : last_exit_) - first_start_).us();

  double useful = 0, overhead = 0, n = 0, sum = 0, squares = 0, cpu_time = 0, wakeups = 0;
  for (int c = 0; c < m_.cpus; ++c) {
    useful += kernel_.totals(c).useful.s();
    overhead += kernel_.totals(c).overhead.s();
  }
  Nanos max_wait = kernel_.max_wait();
  for (const Task& t : tasks_) {
    if (t.state == TaskState::kRunnable) max_wait = std::max(max_wait, end_ - t.runnable_since);
    cpu_time += t.run_total.us();
    wakeups += static_cast<double>(t.nr_wakeups);
    if (!w_.groups[static_cast<size_t>(t.group)].repeat) continue;
    double share = t.run_total.s() / t.weight;
    n += 1;
    sum += share;
    squares += share * share;
  }
  const double seconds = end_.s(), capacity = seconds * m_.cpus;
  if (n >= 2 && squares > 0) out["fairness"] = sum * sum / (n * squares);
  if (capacity > 0) {
    out["utilization"] = 100 * useful / capacity;
    out["overhead"] = 100 * overhead / capacity;
    out["idle_while_waiting"] = 100 * kernel_.idle_while_waiting().s() / capacity;
    out["switches_per_s"] = static_cast<double>(kernel_.switches()) / seconds;
    out["migrations_per_s"] = static_cast<double>(kernel_.migrations()) / seconds;
  }
  out["wait_max"] = max_wait.us();
  out["cpu_time"] = cpu_time;
  out["runs"] = static_cast<double>(runs_);
  out["sleeps"] = static_cast<double>(sleeps_);
  out["wakeups"] = wakeups;
  out["sim_events"] = static_cast<double>(processed_);
  return out;
}

// --- A workload that cannot go on ---------------------------------------------------------

std::string Engine::WhatBlocks(const Task& t) const {
  if (t.pc == 0) return "waits for a request";
  const Op& op = t.program[t.pc - 1];
  switch (op.kind) {
    case OpKind::kLock: return fmt::format("waits for lock '{}'", w_.locks[op.object]);
    case OpKind::kWait: return fmt::format("waits for '{}', which nobody signals any more", w_.semaphores[op.object]);
    case OpKind::kBarrier:
      return fmt::format("waits at barrier '{}', where {} of {} have arrived", w_.barriers[op.object].name,
                         barriers_[op.object].arrived, w_.barriers[op.object].parties);
    case OpKind::kPut: return fmt::format("waits for room in queue '{}'", w_.queues[op.object].name);
    case OpKind::kTake: return fmt::format("waits for an item in queue '{}'", w_.queues[op.object].name);
    case OpKind::kCondWait: return fmt::format("waits for condition '{}', which nobody signals any more", w_.conditions[op.object]);
    default: return "sleeps";
  }
}

void Engine::FailUnfinished() {
  for (const Task& t : tasks_) {
    if (t.state == TaskState::kExited || !t.enabled) continue;
    return kernel_.Fail(Outcome::kStall,
                        fmt::format("{} of {} tasks had not finished at the horizon of {:.0f} ms, {}[{}] (pid {}) for one: a run "
                                    "that is cut off has no result",
                                    live_, tasks_.size(), w_.horizon.ms(), w_.groups[static_cast<size_t>(t.group)].name,
                                    t.index_in_group, t.pid));
  }
}

void Engine::FailStuck() {
  // Open-loop threads that wait for requests after the last arrival are at rest, not stuck.
  for (const Task& t : tasks_) {
    if (t.state != TaskState::kSleeping || t.pc == 0) continue;
    return kernel_.Fail(Outcome::kStuck,
                        fmt::format("workload '{}' cannot finish: every task sleeps at {:.3f} ms and nothing will wake one; "
                                    "{}[{}] {} (operation {} of its program)",
                                    w_.name, kernel_.now().ms(), w_.groups[static_cast<size_t>(t.group)].name,
                                    t.index_in_group, WhatBlocks(t), t.pc));
  }
}

}  // namespace ose
