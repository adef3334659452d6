#include "sim/schedule_recorder.h"

#include <algorithm>
#include <utility>

#include "sim/kernel.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;

// One payment may have several causes; they are taken to come in this order.
constexpr CostKind kOrder[] = {CostKind::kNoise, CostKind::kInterrupt, CostKind::kSystemCall, CostKind::kWakeup, CostKind::kPolicy, CostKind::kSwitch, CostKind::kMigration};

}  // namespace

void ScheduleRecorder::OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) {
  log_.workload = workload.name;
  log_.machine = machine.name;
  log_.cpus = machine.cpus;
  for (const Group& g : workload.groups) log_.groups.push_back({g.name, g.count});
  tasks_ = &tasks;
  per_task_.resize(tasks.size());
  per_cpu_.resize(static_cast<size_t>(machine.cpus));
}

bool ScheduleRecorder::Records(Nanos now) {
  if (ended_ || now.v < options_.from_ns) return false;
  if (!begun_) Begin();
  log_.full = static_cast<int64_t>(log_.events.size()) >= options_.max_events;
  if (log_.full || now.v > options_.to_ns) End(now);
  return !ended_;
}

// What is the case at from_ns.
void ScheduleRecorder::Begin() {
  begun_ = true;
  const int64_t at = log_.begin_ns = options_.from_ns;
  for (size_t i = 0; i < per_task_.size(); ++i) {
    const PerTask& t = per_task_[i];
    if (!t.waits) continue;
    const auto task = static_cast<int32_t>(i);
    Add({.kind = Kind::kWakeup, .detail = static_cast<uint8_t>(WakeReason::kBefore), .cpu = 0, .task = task, .at_ns = at});
    Add({.kind = Kind::kQueued, .cpu = t.queue_cpu, .task = task, .at_ns = at, .value = t.queue});
  }
  for (int c = 0; c < log_.cpus; ++c) {
    const PerCpu& cpu = Of(c);
    if (cpu.idle) Add({.kind = Kind::kIdle, .cpu = c, .at_ns = at, .value = 1});
    if (cpu.task < 0) continue;
    Add({.kind = Kind::kWakeup, .detail = static_cast<uint8_t>(WakeReason::kBefore), .cpu = c, .task = cpu.task, .at_ns = at});
    Add({.kind = Kind::kRun, .cpu = c, .task = cpu.task, .at_ns = at, .value = std::max(at, cpu.begins.v)});
  }
  for (const ScheduleEvent& e : early_overhead_) Add(e);
}

void ScheduleRecorder::End(Nanos now) {
  ended_ = true;
  const int64_t at = log_.end_ns = std::min(now.v, options_.to_ns);
  for (const Task& t : *tasks_) {
    if ((!t.event_open && !t.serving) || t.event_release.v > at) continue;
    const Nanos start = Of(t).event_start;
    Add({.kind = Kind::kEvent, .detail = 0, .task = t.index, .at_ns = at, .value = t.event_release.v, .start_ns = start.v,
         .work_ns = t.event_open ? (t.run_total - t.event_work_base).v : 0});
  }
}

void ScheduleRecorder::OnEnd(const Kernel& kernel) {
  if (Records(kernel.now())) End(kernel.now());
  log_.run_ns = kernel.now().v;
  if (!begun_) log_.begin_ns = log_.end_ns = log_.run_ns;
}

void ScheduleRecorder::OnWakeup(const Task& t, Nanos now, int cpu, bool is_first) {
  const bool records = Records(now);
  Of(t) = {.waits = true, .event_start = Of(t).event_start};
  if (!records) return;
  WakeReason why = WakeReason::kTimer;
  if (t.waker_pid != 0) why = is_first ? WakeReason::kForked : WakeReason::kWoken;
  else if (t.serving) why = WakeReason::kRequest;
  else if (is_first) why = WakeReason::kStart;
  // Pids begin elsewhere in each seed family.
  const int waker = t.waker_pid == 0 ? -1 : t.waker_pid - (t.pid - t.index);
  Add({.kind = Kind::kWakeup, .detail = static_cast<uint8_t>(why), .cpu = cpu, .task = t.index, .other = waker, .at_ns = now.v});
}

void ScheduleRecorder::OnQueued(const Task& t, Nanos now) {
  const bool records = Records(now);
  PerTask& p = Of(t);
  p.queue_cpu = t.dsq->home_cpu;
  p.queue = t.dsq->home_cpu >= 0 || t.dsq->id == osevolve::kDsqGlobal ? -1 : static_cast<int64_t>(t.dsq->id);
  if (records) Add({.kind = Kind::kQueued, .cpu = p.queue_cpu, .task = t.index, .at_ns = now.v, .value = p.queue});
}

void ScheduleRecorder::OnRunning(const Task& t, int cpu, Nanos now, Nanos begins) {
  const bool records = Records(now);
  Of(t).waits = false;
  Of(cpu).task = t.index;
  Of(cpu).begins = begins;
  if (records) Add({.kind = Kind::kRun, .cpu = cpu, .task = t.index, .at_ns = now.v, .value = begins.v});
}

void ScheduleRecorder::OnStopping(const Task& t, int cpu, Nanos now, TurnEnd why, int by_cpu) {
  const bool records = Records(now);
  Of(cpu).task = -1;
  Of(t).waits = StaysRunnable(why);
  if (records) Add({.kind = Kind::kStop, .detail = static_cast<uint8_t>(why), .cpu = cpu, .task = t.index, .other = by_cpu, .at_ns = now.v});
}

void ScheduleRecorder::OnIdle(int cpu, Nanos now, bool idle) {
  const bool records = Records(now);
  Of(cpu).idle = idle;
  if (records) Add({.kind = Kind::kIdle, .cpu = cpu, .at_ns = now.v, .value = idle});
}

void ScheduleRecorder::OnCost(int cpu, CostKind kind, Nanos cost) { Of(cpu).due[static_cast<size_t>(kind)] += cost; }

void ScheduleRecorder::OnOverhead(int cpu, Nanos begin, Nanos cost) {
  if (ended_) return;
  Nanos left = cost;
  std::array<Nanos, kCostKinds> paid{};
  for (CostKind kind : kOrder) {
    const auto k = static_cast<size_t>(kind);
    paid[k] = std::min(Of(cpu).due[k], left);
    Of(cpu).due[k] -= paid[k];
    left -= paid[k];
  }
  paid[static_cast<size_t>(CostKind::kPolicy)] = left;
  for (CostKind kind : kOrder) {
    const Nanos end = begin + paid[static_cast<size_t>(kind)], from = std::max(begin, Nanos{options_.from_ns});
    if (end > from)
      (begun_ ? log_.events : early_overhead_)
          .push_back({.kind = Kind::kOverhead, .detail = static_cast<uint8_t>(kind), .cpu = cpu, .at_ns = from.v, .value = (end - from).v});
    begin = end;
  }
}

void ScheduleRecorder::OnEventBegin(const Task& t, Nanos now, Nanos) { Of(t).event_start = now; }

void ScheduleRecorder::OnEventEnd(const Task& t, Nanos now, Nanos release, Nanos work) {
  const Nanos start = std::exchange(Of(t).event_start, Nanos{-1});
  const bool ended = ended_, records = Records(now);
  // If this is what ends the log, it is one of those that End() looks for, but the engine is through with it.
  const bool cut = begun_ && !records && !ended && !t.serving && release.v <= log_.end_ns;
  if (!records && !cut) return;
  Add({.kind = Kind::kEvent, .detail = records, .task = t.index, .at_ns = records ? now.v : log_.end_ns, .value = release.v,
       .start_ns = std::min(start.v, log_.end_ns), .work_ns = work.v});
}

}  // namespace ose
