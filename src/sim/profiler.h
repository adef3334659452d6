// SimulateWithProfile: a run, and where its time went.
//
// The run is simulated twice: the first time everything is counted and the worst episodes are found,
// the second time what happened around those is written down. So memory depends on the numbers of
// tasks, groups and CPUs, not on the length of the run, and nothing about the episodes is lost.
#ifndef OSEVOLVE_SIM_PROFILER_H_
#define OSEVOLVE_SIM_PROFILER_H_

#include <string>
#include <vector>

#include "core/schedule_profile.h"
#include "sim/duration_histogram.h"
#include "sim/schedule_observer.h"
#include "sim/simulate.h"

namespace ose {

inline constexpr size_t kProfileGroups = 64;   // groups after this many are one
inline constexpr size_t kProfileEpisodes = 3;

// A stretch of time in which one task fared badly.
struct EpisodeSpan {
  int task = 0;  // index
  bool is_event = false;
  Nanos begin{0}, end{0}, start{-1}, work{0};
  bool ended = true;
  double badness = 0;
};

// Counts.
class Profiler : public ScheduleObserver {
 public:
  void OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) override;
  void OnEnd(const Kernel& kernel) override;
  void OnWakeup(const Task& task, Nanos now, int cpu, bool is_first) override;
  void OnRunning(const Task& task, int cpu, Nanos now, Nanos begins) override;
  void OnStopping(const Task& task, int cpu, Nanos now, TurnEnd why, int by_cpu) override;
  void OnIdle(int cpu, Nanos now, bool idle) override;
  void OnCost(int cpu, CostKind kind, Nanos cost) override;
  void OnEventBegin(const Task& task, Nanos now, Nanos release) override;
  void OnEventEnd(const Task& task, Nanos now, Nanos release, Nanos work) override;

  // After OnEnd. The profile lacks episodes; the spans are those of the worst, worst first.
  ScheduleProfile TakeProfile() { return std::move(profile_); }
  const std::vector<EpisodeSpan>& worst() const { return worst_; }

 private:
  enum class Judge { kWaits, kLatency, kSlowdown };
  struct PerTask {
    Nanos turn_base{0};       // run_total when its turn began
    Nanos event_start{-1};
    int cpu = -1;             // ran here last
  };
  struct PerGroup {
    DurationHistogram waits, wakeups, turns;
  };

  void ChooseGroups();
  size_t Slot(const Task& t) const { return std::min(static_cast<size_t>(t.group), kProfileGroups - 1); }
  ProfileGroup& GroupOf(const Task& t) { return profile_.groups[Slot(t)]; }
  bool Matters(const Task& t) const { return matters_[static_cast<size_t>(t.group)]; }
  void Advance(Nanos now);    // integrates up to now
  void EndWait(const Task& t, Nanos now, bool ended);
  void EndEvent(const Task& t, Nanos now, Nanos release, Nanos work, bool ended);
  void Consider(const EpisodeSpan& span);
  void AddTotals(const Kernel& kernel);

  const Workload* workload_ = nullptr;
  const std::vector<Task>* tasks_ = nullptr;
  Judge judge_ = Judge::kWaits;
  ScheduleProfile profile_;
  std::vector<PerTask> per_task_;
  std::vector<PerGroup> per_group_;
  std::vector<bool> matters_;  // of the workload's groups: episodes are looked for here
  struct Costs { Nanos wakeup{0}, context_switch{0}, migration{0}, interrupt{0}, system_call{0}, noise{0}; };
  std::vector<Costs> costs_;   // of CPUs
  Nanos integrated_to_{0};
  int waiting_ = 0, idle_ = 0;
  std::vector<EpisodeSpan> worst_;
};

// The result is that of Simulate(); `options.observer` is not called. `profile` is set when the run
// succeeds.
SimResult SimulateWithProfile(const Workload& workload, const Machine& machine, const NativePolicy& policy, uint64_t seed,
                              SimOptions options, ScheduleProfile* profile);

}  // namespace ose

#endif  // OSEVOLVE_SIM_PROFILER_H_
