// EpisodeRecorder: watches a run whose worst episodes are known beforehand and writes down how each
// came about, where the task waited and what its CPUs did meanwhile.
#ifndef OSEVOLVE_SIM_EPISODE_RECORDER_H_
#define OSEVOLVE_SIM_EPISODE_RECORDER_H_

#include <string>
#include <vector>

#include "core/schedule_profile.h"
#include "sim/schedule_observer.h"

namespace ose {

struct EpisodeSpan;

class EpisodeRecorder : public ScheduleObserver {
 public:
  explicit EpisodeRecorder(const std::vector<EpisodeSpan>& spans);
  void OnBegin(const Workload& workload, const Machine& machine, const std::vector<Task>& tasks) override;
  void OnEnd(const Kernel& kernel) override;
  void OnWakeup(const Task& task, Nanos now, int cpu, bool is_first) override;
  void OnQueued(const Task& task, Nanos now) override;
  void OnRunning(const Task& task, int cpu, Nanos now, Nanos begins) override;
  void OnStopping(const Task& task, int cpu, Nanos now, TurnEnd why, int by_cpu) override;

  // After OnEnd.
  std::vector<ProfileEpisode> TakeEpisodes();

 private:
  // What one CPU did during one episode.
  struct Share {
    std::vector<bool> seen;  // tasks of the group, by index in it
    int64_t ns = 0, turns = 0, tasks = 0;
    int only = -1;           // the task, while tasks == 1
    void Merge(const Share& other);
  };
  struct CpuLog {
    std::vector<ProfileStretch> first;  // turn by turn, as many as could be shown
    bool overflow = false;
    int last_task = -1;                 // of the latest stretch
    Nanos last_end{-1};
    int64_t idle_ns = 0;
  };
  struct Episode {
    ProfileEpisode text;
    int task = 0;
    std::vector<int> cpus;       // allowed
    std::vector<CpuLog> logs;    // of those
    // By scope (index into `cpus`, or just 0 when CPUs are taken together) and group.
    std::vector<std::vector<Share>> shares;
    bool together = false;
  };
  struct Occupant {
    int task = -1;  // index; -1: idle
    Nanos since{0};
  };

  std::string Name(int task) const;
  void Change(int cpu, int task, Nanos now);
  void Record(Episode& e, size_t at, const Occupant& who, Nanos begin, Nanos end);
  void Fold(Episode& e);
  void AddByCpu(Episode& e);
  void AddShares(Episode& e, int cpu, const std::vector<Share>& shares, int64_t idle, size_t most);
  // Idle time of less than a thousandth is not worth its line.
  static bool Counts(const Episode& e, int64_t idle_ns) { return idle_ns > 0 && idle_ns * 1000 >= e.text.length_ns(); }

  std::vector<Episode> episodes_;
  const Workload* workload_ = nullptr;         // these two until OnEnd
  const std::vector<Task>* tasks_ = nullptr;
  std::vector<Occupant> on_cpu_;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_EPISODE_RECORDER_H_
