#include "load/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/exit_code.h"
#include "workload/program.h"

namespace ose {
namespace {

constexpr int64_t kLookEvery = 20'000'000;    // at the cancel flag
constexpr int64_t kScanEvery = 100'000'000;   // for tasks that all wait
constexpr int kScans = 5;                     // with the same result: it stays so

}  // namespace

LoadRun::LoadRun(const Workload& workload, const LoadOptions& options)
    : w_(workload),
      options_(options),
      tasks_(static_cast<size_t>(workload.TaskCount())),
      forked_(workload.groups.size()),
      samplers_(MakeSamplers(workload)),
      locks_(workload.locks.size()),
      semaphores_(workload.semaphores.size()),
      barriers_(workload.barriers.size()),
      conditions_(workload.conditions.size()),
      timers_(workload.timers.size()),
      queues_(workload.queues.size()),
      open_(workload.groups.size()),
      samples_(workload.groups.size()) {
  for (const Group& g : w_.groups) open_loop_ |= g.arrivals.kind != Arrivals::Kind::kNone;
  for (FifoLock& lock : locks_) lock.set_handover(w_.lock_handover);
  end_ = open_loop_ ? w_.horizon.v * 2 : w_.horizon.v;
}

LoadRun::~LoadRun() {
  StopThreads();
  RestoreCaller();
}

Result<LoadResult> LoadRun::Go() {
  const Nanos began = MonotonicNow();
  OSE_TRY(ChooseCpus());
  ns_per_block_ = MeasureNsPerBlock();
  OSE_TRY(MakeObjects());
  OSE_TRY(StartThreads());
  ReleaseThreads();
  Status status = Supervise();
  StopThreads();
  RestoreCaller();
  OSE_TRY(std::move(status));
  LoadResult result;
  result.metrics = CollectMetrics();
  for (size_t q = 0; q < queues_.size(); ++q)
    if (queues_[q].overflowed())
      Note(fmt::format("queue '{}' was full: a pipe holds {} items here, so tasks slept in put", w_.queues[q].name, queues_[q].limit()));
  result.notes = std::move(notes_);
  result.cpus = static_cast<int>(cpus_.size());
  result.wall_s = (MonotonicNow() - began).s();
  result.iterations_per_ns = kChainLinks / ns_per_block_;
  for (const LoadTask& t : tasks_) result.requested += t.run_total;
  return result;
}

// Waits for the end of the run and sets end_.
Status LoadRun::Supervise() {
  const int64_t limit = end_.load();
  int64_t next_scan = kScanEvery;
  int same = 0;
  std::vector<uint64_t> waits;
  while (true) {
    const uint32_t news = news_.load(std::memory_order_acquire);
    if (options_.cancel && *options_.cancel) {
      end_ = std::min(limit, Now().v);
      return Error{kExitInterrupted, "interrupted"};
    }
    if (!open_loop_ && live_.load(std::memory_order_acquire) == 0) {
      int64_t last = 0;
      for (const LoadTask& t : tasks_)
        if (t.started.load(std::memory_order_acquire)) last = std::max(last, t.exited_at.v);
      end_ = last;
      return {};
    }
    const int64_t now = Now().v;
    if (open_loop_ && now >= w_.horizon.v && arriving_.load(std::memory_order_acquire) == 0 &&
        pending_.load(std::memory_order_acquire) == 0) {
      end_ = std::max(w_.horizon.v, last_done_.load(std::memory_order_acquire));
      return {};
    }
    if (now > limit) return w_.run_to_completion ? Unfinished() : Status();
    if (!open_loop_ && now >= next_scan) {
      next_scan = now + kScanEvery;
      const std::vector<uint64_t> before = waits;
      same = AllBlocked(waits) && (same == 0 || before == waits) ? same + 1 : 0;
      if (same == kScans) return Stuck();
    }
    int64_t look = now + kLookEvery;
    if (now < w_.horizon.v) look = std::min(look, w_.horizon.v);
    FutexWait(news_, news, origin_ + std::min(look, limit + 1));
  }
}

// Whether every task that has started and not ended waits for another one; `waits` tells, for two
// calls, whether they have waited all the time between.
bool LoadRun::AllBlocked(std::vector<uint64_t>& waits) {
  waits.clear();
  for (LoadTask& t : tasks_) {
    if (!t.started.load(std::memory_order_acquire) || t.finished.load(std::memory_order_acquire)) continue;
    const uint32_t at = t.blocked_at.load(std::memory_order_acquire);
    if (at < 2) return false;
    const Op& op = GroupOf(t).program[at - 2];
    if (op.kind == OpKind::kPut || op.kind == OpKind::kTake) {
      PipeQueue& q = queues_[op.object];
      if (!(op.kind == OpKind::kPut ? q.PutSleeps(t.waiter) : q.TakeSleeps())) return false;
    } else if (t.waiter.woken()) {
      return false;
    }
    waits.push_back(t.waits.load(std::memory_order_acquire));
  }
  return !waits.empty();
}

std::string LoadRun::Name(const LoadTask& t) const { return fmt::format("{}[{}]", GroupOf(t).name, t.index_in_group); }

std::string LoadRun::WhatBlocks(const LoadTask& t, uint32_t at) {
  if (at == 0) return "runs or sleeps";
  if (at == 1) return "waits for a request";
  const Op& op = GroupOf(t).program[at - 2];
  switch (op.kind) {
    case OpKind::kLock: return fmt::format("waits for lock '{}'", w_.locks[op.object]);
    case OpKind::kWait: return fmt::format("waits for '{}', which nobody signals any more", w_.semaphores[op.object]);
    case OpKind::kBarrier:
      return fmt::format("waits at barrier '{}', where {} of {} have arrived", w_.barriers[op.object].name,
                         barriers_[op.object].arrived(), w_.barriers[op.object].parties);
    case OpKind::kPut: return fmt::format("waits for room in queue '{}'", w_.queues[op.object].name);
    case OpKind::kTake: return fmt::format("waits for an item in queue '{}'", w_.queues[op.object].name);
    case OpKind::kCondWait: return fmt::format("waits for condition '{}', which nobody signals any more", w_.conditions[op.object]);
    default: return "sleeps";
  }
}

Status LoadRun::Stuck() {
  for (const LoadTask& t : tasks_) {
    const uint32_t at = t.blocked_at.load(std::memory_order_acquire);
    if (!at) continue;
    return Error{kExitWorkloadStuck, fmt::format("workload '{}' cannot finish: every task waits for another one; {} {} (operation {} of its program)", w_.name,
                                                 Name(t), WhatBlocks(t, at), at - 1)};
  }
  return {};
}

Status LoadRun::Unfinished() {
  // One that waits for another task says more than one that is busy.
  const LoadTask* example = nullptr;
  for (const LoadTask& t : tasks_) {
    if (!t.started.load(std::memory_order_acquire) || t.finished.load(std::memory_order_acquire)) continue;
    if (!example || (!example->blocked_at.load(std::memory_order_acquire) && t.blocked_at.load(std::memory_order_acquire))) example = &t;
  }
  return Error{kExitFailure,
               fmt::format("workload '{}': {} of {} tasks had not finished at the horizon of {:.0f} ms{}: a run that is cut off has no "
                           "result; this machine may be too slow or too busy for it, or the horizon too short",
                           w_.name, live_.load(), tasks_.size(), w_.horizon.ms(),
                           example ? fmt::format(", {} for one, which {}", Name(*example), WhatBlocks(*example, example->blocked_at.load())) : "")};
}

}  // namespace ose
