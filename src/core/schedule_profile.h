// ScheduleProfile: where the time of one simulated run went. For prompts and reports: what a person
// would look for in a schedule trace, small enough to read. Made by sim/profiler.h; definitions and an
// example in docs/profile.md.
//
// All times are whole simulated nanoseconds. Totals, counts, means and maxima are exact; quantiles come
// from a histogram and are within 0.4% (exact below 256 ns).
#ifndef OSEVOLVE_CORE_SCHEDULE_PROFILE_H_
#define OSEVOLVE_CORE_SCHEDULE_PROFILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

// A distribution of durations.
struct ProfileTimes {
  int64_t count = 0;
  int64_t total_ns = 0, p50_ns = 0, p99_ns = 0, max_ns = 0;
  double mean_ns() const { return count > 0 ? static_cast<double>(total_ns) / static_cast<double>(count) : 0; }
  bool operator==(const ProfileTimes&) const = default;
};

// useful + overhead + idle = the length of the run, to the nanosecond.
struct ProfileCpu {
  int64_t useful_ns = 0, overhead_ns = 0, idle_ns = 0;
  bool operator==(const ProfileCpu&) const = default;
};

// Overhead by what caused it. Together they are the overhead of all CPUs.
struct ProfileOverhead {
  int64_t policy_ns = 0;     // hooks, queue operations, kicks
  int64_t switch_ns = 0;     // context switches
  int64_t wakeup_ns = 0;     // wake-ups, paid by the waker's CPU
  int64_t migration_ns = 0;  // first turn on another CPU: the move and the refill of its caches
  int64_t interrupt_ns = 0;  // interrupts: kicks by others, ends of precise slices, ticks, timers that wake tasks
  int64_t system_call_ns = 0;  // system calls of the tasks themselves
  int64_t noise_ns = 0;      // what else the machine does
  int64_t total() const { return policy_ns + switch_ns + wakeup_ns + migration_ns + interrupt_ns + system_call_ns + noise_ns; }
  bool operator==(const ProfileOverhead&) const = default;
};

// Why turns ended. A turn is a stretch of one task on one CPU, however many slices long.
struct ProfileTurnEnds {
  int64_t slept = 0, exited = 0, yielded = 0;
  int64_t slice_used_up = 0;
  int64_t preempted = 0;  // kicked or cut short by the policy: kick_cpu, an inserted task, a slice set to 0
  int64_t total() const { return slept + exited + yielded + slice_used_up + preempted; }
  bool operator==(const ProfileTurnEnds&) const = default;
};

// A group of tasks of the workload; the last one may stand for many ("37 other groups").
struct ProfileGroup {
  std::string name;
  int64_t tasks = 0;      // that started
  int64_t cpu_ns = 0;
  ProfileTimes waits;     // runnable until picked, one per wait; a wait that has not ended counts with its age
  ProfileTimes wakeups;   // woken until the first instruction
  ProfileTimes turns;     // CPU time of the turns that ended
  ProfileTurnEnds ends;
  int64_t migrations = 0;
  bool operator==(const ProfileGroup&) const = default;
};

// What was on a CPU during an episode: one turn, or several folded into one.
struct ProfileStretch {
  int cpu = 0;            // -1: the others together, or all
  std::string who;        // "slow[0]", "fast" (several tasks of it), "idle", "others"
  int64_t begin_ns = -1;  // when `turns` is 1; else -1
  int64_t ns = 0;
  int64_t turns = 1, tasks = 1;
  bool operator==(const ProfileStretch&) const = default;
};

// One wait of a task, or one event (request) of an open-loop group, that went badly.
struct ProfileEpisode {
  std::string task;         // "fast[3]"
  bool is_event = false;    // from the release of an event to its finish; otherwise one wait
  int64_t begin_ns = 0;     // became runnable, or was released
  int64_t end_ns = 0;       // was picked, or finished; or the run ended
  bool ended = true;        // false: still waiting when the run ended
  std::string why;          // how it became runnable: "woken by feeder[0] on cpu 1", "its slice was used up on cpu 0"
  std::string queue;        // where it was put: "local queue of cpu 2", "queue 7", "global queue"
  int cpu = -1;             // where it ran then; -1: nowhere
  int64_t start_ns = -1;    // events: its first instruction; -1: none yet
  int64_t work_ns = 0;      // events: CPU time that it needed
  std::vector<ProfileStretch> meanwhile;  // on the CPUs it was allowed on, by CPU and time; a few
  int64_t length_ns() const { return end_ns - begin_ns; }
  bool operator==(const ProfileEpisode&) const = default;
};

struct ScheduleProfile {
  std::string workload, machine;
  uint64_t seed = 0;
  int64_t time_ns = 0;               // length of the run
  std::vector<ProfileCpu> cpus;
  ProfileOverhead overhead;
  int64_t idle_while_waiting_ns = 0; // CPU time: idle CPUs that waiting tasks could have used; as the metric
  int64_t some_waiting_ns = 0;       // time during which at least one task waited
  int64_t waiting_task_ns = 0;       // waiting tasks, integrated: / time_ns is the mean number
  int64_t max_waiting = 0;
  int64_t some_idle_waiting_ns = 0;  // time during which a CPU idled while a task waited
  std::vector<ProfileGroup> groups;  // in the order of the workload
  std::vector<ProfileEpisode> episodes;  // the worst first

  ProfileCpu Total() const;          // of all CPUs
  bool operator==(const ScheduleProfile&) const = default;
};

std::string EncodeProfile(const ScheduleProfile& profile);
// kExitInternal when it is not one.
Result<ScheduleProfile> DecodeProfile(std::string_view json);

// Plain text, at most 60 lines of 100 columns.
std::string FormatProfile(const ScheduleProfile& profile);

}  // namespace ose

#endif  // OSEVOLVE_CORE_SCHEDULE_PROFILE_H_
