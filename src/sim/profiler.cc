#include "sim/profiler.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/episode_recorder.h"
#include "sim/kernel.h"

namespace ose {

void Profiler::OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) {
  workload_ = &workload;
  tasks_ = &tasks;
  per_task_.resize(tasks.size());
  const size_t groups = workload.groups.size();
  per_group_.resize(std::min(groups, kProfileGroups));
  profile_.groups.resize(per_group_.size());
  for (size_t g = 0; g < per_group_.size(); ++g) profile_.groups[g].name = workload.groups[g].name;
  if (groups > kProfileGroups) profile_.groups.back().name = fmt::format("{} other groups", groups - kProfileGroups + 1);
  profile_.workload = workload.name;
  profile_.machine = machine.name;
  costs_.resize(static_cast<size_t>(machine.cpus));
  idle_ = machine.cpus;
  ChooseGroups();
}

// Episodes are looked for in the groups that objectives name, or else in all measured ones. Open-loop
// groups are judged by their events, as their users see them; the others by their waits.
void Profiler::ChooseGroups() {
  const Workload& w = *workload_;
  matters_.resize(w.groups.size());
  bool named = false, slowdown = false, open = false;
  for (const Objective& o : w.objectives) {
    slowdown = slowdown || o.metric.find("slowdown") != std::string::npos;
    for (size_t g = 0; g < w.groups.size(); ++g)
      if (o.metric.starts_with(w.groups[g].name + ".")) matters_[g] = named = true;
  }
  for (size_t g = 0; g < w.groups.size(); ++g) {
    if (!named) matters_[g] = w.groups[g].measured;
    open = open || (matters_[g] && w.groups[g].arrivals.kind != Arrivals::Kind::kNone && w.groups[g].event != EventKind::kNone);
  }
  if (open) judge_ = slowdown ? Judge::kSlowdown : Judge::kLatency;
}

// --- What waits and what idles ------------------------------------------------------------

void Profiler::Advance(Nanos now) {
  const int64_t dt = (now - integrated_to_).v;
  integrated_to_ = now;
  if (waiting_ == 0) return;
  profile_.some_waiting_ns += dt;
  profile_.waiting_task_ns += dt * waiting_;
  if (idle_ > 0) profile_.some_idle_waiting_ns += dt;
}

void Profiler::OnIdle(int, Nanos now, bool idle) {
  Advance(now);
  idle_ += idle ? 1 : -1;
}

void Profiler::OnWakeup(const Task& t, Nanos now, int, bool is_first) {
  Advance(now);
  profile_.max_waiting = std::max<int64_t>(profile_.max_waiting, ++waiting_);
  if (is_first) ++GroupOf(t).tasks;
}

void Profiler::OnRunning(const Task& t, int cpu, Nanos now, Nanos begins) {
  Advance(now);
  --waiting_;
  EndWait(t, now, true);
  if (t.awaits_first_run) per_group_[Slot(t)].wakeups.Add(begins - t.woken_at);
  PerTask& p = per_task_[static_cast<size_t>(t.index)];
  if (p.cpu >= 0 && p.cpu != cpu) ++GroupOf(t).migrations;
  p.cpu = cpu;
  p.turn_base = t.run_total;
}

void Profiler::OnStopping(const Task& t, int, Nanos now, TurnEnd why, int) {
  per_group_[Slot(t)].turns.Add(t.run_total - per_task_[static_cast<size_t>(t.index)].turn_base);
  ProfileTurnEnds& ends = GroupOf(t).ends;
  switch (why) {
    case TurnEnd::kSlept: ++ends.slept; return;
    case TurnEnd::kExited: ++ends.exited; return;
    case TurnEnd::kYielded: ++ends.yielded; break;
    case TurnEnd::kSliceUsedUp: ++ends.slice_used_up; break;
    case TurnEnd::kPreempted: ++ends.preempted; break;
  }
  Advance(now);
  profile_.max_waiting = std::max<int64_t>(profile_.max_waiting, ++waiting_);
}

void Profiler::OnCost(int cpu, CostKind kind, Nanos cost) {
  Costs& c = costs_[static_cast<size_t>(cpu)];
  switch (kind) {
    case CostKind::kWakeup: c.wakeup += cost; break;
    case CostKind::kSwitch: c.context_switch += cost; break;
    case CostKind::kMigration: c.migration += cost; break;
    case CostKind::kInterrupt: c.interrupt += cost; break;
    case CostKind::kSystemCall: c.system_call += cost; break;
    case CostKind::kNoise: c.noise += cost; break;
    case CostKind::kPolicy: break;  // what is left
  }
}

// --- Episodes -----------------------------------------------------------------------------

void Profiler::EndWait(const Task& t, Nanos now, bool ended) {
  const Nanos wait = now - t.runnable_since;
  per_group_[Slot(t)].waits.Add(wait);
  if (judge_ != Judge::kWaits || !Matters(t) || t.runnable_since < workload_->warmup) return;
  Consider({.task = t.index, .begin = t.runnable_since, .end = now, .ended = ended, .badness = static_cast<double>(wait.v)});
}

void Profiler::OnEventBegin(const Task& t, Nanos now, Nanos) { per_task_[static_cast<size_t>(t.index)].event_start = now; }

void Profiler::OnEventEnd(const Task& t, Nanos now, Nanos release, Nanos work) { EndEvent(t, now, release, work, true); }

void Profiler::EndEvent(const Task& t, Nanos now, Nanos release, Nanos work, bool ended) {
  PerTask& p = per_task_[static_cast<size_t>(t.index)];
  const Nanos start = p.event_start;
  p.event_start = {-1};
  if (judge_ == Judge::kWaits || !Matters(t) || release < workload_->warmup || release >= workload_->horizon) return;
  auto badness = static_cast<double>((now - release).v);
  if (judge_ == Judge::kSlowdown) badness /= static_cast<double>(std::max<int64_t>(work.v, ended ? 1 : 1000));
  Consider({.task = t.index, .is_event = true, .begin = release, .end = now, .start = start, .work = work, .ended = ended, .badness = badness});
}

// Keeps the worst; of one task only its worst wait, of events that overlap only the worst: three views
// of one jam would say no more than one.
void Profiler::Consider(const EpisodeSpan& span) {
  if (worst_.size() == kProfileEpisodes && span.badness <= worst_.back().badness) return;
  auto same = [&](const EpisodeSpan& s) {
    return span.is_event ? s.begin < span.end && span.begin < s.end : s.task == span.task;
  };
  for (const EpisodeSpan& s : worst_)
    if (same(s) && s.badness >= span.badness) return;
  std::erase_if(worst_, same);
  auto at = std::find_if(worst_.begin(), worst_.end(), [&](const EpisodeSpan& s) { return s.badness < span.badness; });
  worst_.insert(at, span);
  if (worst_.size() > kProfileEpisodes) worst_.pop_back();
}

// --- The end ------------------------------------------------------------------------------

void Profiler::OnEnd(const Kernel& kernel) {
  const Nanos now = kernel.now();
  Advance(now);
  for (const Task& t : *tasks_) {
    if (t.state == TaskState::kRunnable) {
      EndWait(t, now, false);
      if (t.awaits_first_run) per_group_[Slot(t)].wakeups.Add(now - t.woken_at);
    }
    if (t.event_open || t.serving) {
      const Nanos work = t.event_open ? t.run_total - t.event_work_base : Nanos{0};
      EndEvent(t, now, t.event_release, work, false);
    }
    GroupOf(t).cpu_ns += t.run_total.v;
  }
  for (size_t g = 0; g < per_group_.size(); ++g) {
    ProfileGroup& group = profile_.groups[g];
    group.waits = per_group_[g].waits.Times();
    group.wakeups = per_group_[g].wakeups.Times();
    group.turns = per_group_[g].turns.Times();
  }
  AddTotals(kernel);
}

void Profiler::AddTotals(const Kernel& kernel) {
  profile_.time_ns = kernel.now().v;
  profile_.idle_while_waiting_ns = kernel.idle_while_waiting().v;
  for (int i = 0; i < kernel.machine().cpus; ++i) {
    const CpuTotals& totals = kernel.totals(i);
    profile_.cpus.push_back({.useful_ns = totals.useful.v,
                             .overhead_ns = totals.overhead.v,
                             .idle_ns = totals.idle.v});
    // What is left over is the policy's. The run may end before the last costs are paid: those that lie
    // beyond are taken off again, the policy's first.
    Costs& c = costs_[static_cast<size_t>(i)];
    int64_t policy = totals.overhead.v - c.wakeup.v - c.context_switch.v - c.migration.v - c.interrupt.v - c.system_call.v - c.noise.v;
    for (Nanos* cost : {&c.noise, &c.system_call, &c.interrupt, &c.migration, &c.context_switch, &c.wakeup}) {
      const int64_t beyond = std::min(std::max<int64_t>(-policy, 0), cost->v);
      cost->v -= beyond;
      policy += beyond;
    }
    profile_.overhead.policy_ns += policy;
    profile_.overhead.switch_ns += c.context_switch.v;
    profile_.overhead.wakeup_ns += c.wakeup.v;
    profile_.overhead.migration_ns += c.migration.v;
    profile_.overhead.interrupt_ns += c.interrupt.v;
    profile_.overhead.system_call_ns += c.system_call.v;
    profile_.overhead.noise_ns += c.noise.v;
  }
}

SimResult SimulateWithProfile(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
                              SimOptions options, ScheduleProfile* profile) {
  Profiler profiler;
  options.observer = &profiler;
  SimResult result = Simulate(workload, machine, policy, seed, options);
  if (result.outcome != Outcome::kOk) return result;
  EpisodeRecorder recorder(profiler.worst());
  // A policy that hides state from the host could fail now; its episodes then end there.
  options = {.checked = false, .observer = &recorder};
  Simulate(workload, machine, policy, seed, options);
  *profile = profiler.TakeProfile();
  profile->seed = seed;
  profile->episodes = recorder.TakeEpisodes();
  return result;
}

}  // namespace ose
