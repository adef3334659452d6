// The run of a finite workload on infinitely many CPUs, each operation as soon as it can: its
// length is the critical path, its instants are the earliest at which any schedule can execute
// each stretch of CPU work, and on the way it realises what the tasks draw.
#ifndef OSEVOLVE_WORKLOAD_CRITICAL_PATH_H_
#define OSEVOLVE_WORKLOAD_CRITICAL_PATH_H_

#include <cstdint>
#include <vector>

#include "workload/least_calls.h"
#include "workload/workload.h"

namespace ose {

struct CriticalPath {
  // A stretch of CPU work that no schedule can begin before `at`, and after whose end every schedule needs `tail` to
  // its last exit.
  struct Run {
    int64_t at, work, tail;  // ns; no tails (0) without releases and beyond 4 million steps
    int group;
    bool calls = false;  // not work, but system calls
  };
  struct Event {
    int group;
    int64_t release;  // of an iteration of a task that starts by itself: its start, in every schedule
    int64_t work;     // ns of CPU that it needs
    int64_t own;      // work + sleeps in it: no schedule ends it sooner after its release
    int64_t spare;    // CPU time that it may use beyond `work`: of a kSpin that is not interrupted
  };
  struct PerGroup {
    int64_t tasks = 0;         // that run at all (a forked task that nobody forks does not)
    int64_t events = 0;
    int64_t finish = 0;        // last exit
    double window_work = 0;    // ns of CPU from the first event's begin to the last one's end
    double window_calls = 0;   // ... and of system calls
    int64_t window_chain = 0;  // the longest such stretch of one task, with its sleeps
  };
  std::vector<Run> runs;  // sorted by at
  std::vector<Event> events;
  std::vector<PerGroup> groups;
  std::vector<double> hold;  // per lock: ns for which it is held, over all tasks
  int64_t first_release = 0;
  int64_t finish = 0;  // last exit
  int64_t most_owed = 0;  // the longest stretch of system calls of one task before its next work, ns
};

// `calls`: what system calls cost; they have `runs` of their own, and delay what comes after them.
// `releases` false: tasks that start by themselves do so at 0, and timers have passed. The finish
// is then a bound of the time from the first instruction to the last, however long a policy
// leaves everything waiting.
// Groups with arrivals or repetition are left out (ParseWorkload refuses them in a workload that
// runs to completion). O(operations) plus sorting.
CriticalPath FindCriticalPath(const Workload& workload, const LeastCalls& calls, uint64_t seed, bool releases = true);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_CRITICAL_PATH_H_
