// The torture workload: every candidate survives it, in checked mode, before it is scored.
//
// It makes a policy meet in a few milliseconds what real systems do to schedulers: tasks pinned to
// one CPU and to half of them, weights from 1 to 10000, bursts from microseconds to beyond a
// slice, storms of wake-ups through a semaphore, locks, a barrier, yields, tasks forked and
// exiting while others run, more tasks than CPUs and then fewer. A policy that loses a task,
// ignores affinity, mixes queue kinds or leaves a queue unserved fails here with the task, the
// CPU, the time and the rule. The watchdog is short, so that starvation shows.
#ifndef OSEVOLVE_EVAL_TORTURE_H_
#define OSEVOLVE_EVAL_TORTURE_H_

#include <string_view>

namespace ose {

std::string_view TortureWorkload();  // TOML, docs/workloads.md
std::string_view TortureMachine();   // TOML, docs/machines.md

}  // namespace ose

#endif  // OSEVOLVE_EVAL_TORTURE_H_
