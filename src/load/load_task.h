// LoadTask: one task of a real run, and its thread. What only its thread touches until it has ended is
// not synchronised; the rest says how.
#ifndef OSEVOLVE_LOAD_LOAD_TASK_H_
#define OSEVOLVE_LOAD_LOAD_TASK_H_

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/random.h"
#include "base/time.h"
#include "load/spinner.h"
#include "load/sync.h"
#include "load/waiter.h"
#include "workload/samples.h"
#include "workload/workload.h"

namespace ose {

class LoadRun;

struct alignas(64) LoadTask {
  LoadRun* run = nullptr;
  pthread_t thread{};
  pid_t tid = 0;  // from its thread's start on; all have started before anything runs
  int group = 0;
  int index_in_group = 0;

  // Shared. The word of `waiter` orders what a waker writes for the sleeper (served requests).
  Waiter waiter;
  // Where it waits for another task: pc + 1, or 0. Set before it queues itself and cleared before the
  // waiter is armed again, so that "set and not woken" means that it waits. `waits` counts.
  std::atomic<uint32_t> blocked_at{0};
  std::atomic<uint64_t> waits{0};
  std::atomic<bool> started{false};   // not a forked task that nobody has forked yet
  std::atomic<bool> finished{false};  // its thread is about to end

  // The program.
  Rng rng{0};
  uint32_t pc = 0;
  struct Loop { uint32_t start, left; };
  std::vector<Loop> loops;
  std::unique_ptr<Spinner> spinner;
  std::vector<PeriodTimer> timers;  // its own, by index; empty if it has none

  // As in the simulator (sim/task.h); times are since the start of the run.
  Nanos woken_at{0};
  bool released = false;          // woken since it last used the CPU
  bool awaits_first_run = false;  // woken, but the run ended before it ran
  bool event_open = false, pass_open = false, serving = false;
  Nanos event_release{0}, event_work_base{0}, request_arrival{0};
  Nanos run_total{0};             // CPU time asked for and got
  Nanos first_woken = Nanos::Max(), exited_at{-1};

  // Measured.
  GroupSamples samples;
  uint64_t runs = 0, sleeps = 0, wakeups = 0;
  int64_t cpu_ns = 0, switches = 0, migrations = 0;  // first the values at its start, then the differences
  bool has_migrations = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_LOAD_TASK_H_
