// Task: a simulated task_struct. Policies see it only through the services of policy.h.
#ifndef OSEVOLVE_SIM_TASK_H_
#define OSEVOLVE_SIM_TASK_H_

#include <osevolve/policy.h>

#include <array>
#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "native/dsq.h"
#include "sim/busy_lock.h"
#include "workload/workload.h"

namespace ose {

// A queue and its lock.
struct Dsq : BasicDsq<osevolve::osv_task> {
  using BasicDsq::BasicDsq;
  BusyLock lock;
};

enum class TaskState : uint8_t {
  kNew,       // created, has not started
  kSleeping,  // blocked
  kRunnable,  // wants a CPU: in a DSQ, or on its way into one
  kRunning,   // on a CPU
  kExited,
};

inline constexpr int kMaxLoopDepth = 8;

}  // namespace ose

// The header of policies leaves this type incomplete; the simulator completes it.
struct osevolve::osv_task {
  // Identity.
  int index = 0;  // in Simulator::tasks_
  int pid = 0;
  int group = 0;
  int index_in_group = 0;
  uint32_t comm = 0;
  uint32_t weight = 100;
  uint32_t hint = 0;
  int64_t working_set_kb = 0;
  const uint64_t* allowed = nullptr;  // bit mask over CPUs, owned by the simulator
  int nr_allowed = 0;
  unsigned char* state_bytes = nullptr;  // the policy's TaskState

  // Scheduling.
  ose::TaskState state = ose::TaskState::kNew;
  int cpu = 0;            // runs here, or ran or was placed here last
  int last_run_cpu = -1;  // -1: never ran
  uint64_t slice = 0;
  uint64_t vtime = 0;
  bool enabled = false;
  ose::BasicDsq<osv_task>* dsq = nullptr;  // the queue it is in
  osv_task *prev = nullptr, *next = nullptr;  // FIFO links
  osv_task* child = nullptr;                  // vtime queues: native/dsq.h
  uint64_t dsq_vtime_key = 0, dsq_seq = 0;

  // Accounting.
  ose::Nanos run_total{0}, wait_total{0};
  ose::Nanos charged{0};  // overhead that counts as its run time
  ose::Nanos runnable_since{0};
  ose::Nanos woken_at{0};
  uint64_t nr_wakeups = 0;
  int waker_pid = 0;
  bool awaits_first_run = false;  // woken, has not run since: its wake-up latency is open
  bool in_burst = false;          // has run since it last slept

  // Program.
  ose::Rng rng{0};
  const ose::Op* program = nullptr;
  uint32_t pc = 0, program_size = 0;
  ose::Nanos remaining{0};  // of the current kRun
  int32_t progress_permille = 0;  // of a nanosecond, beyond `remaining`
  ose::Nanos spin_until{-1};  // of the kSpin that it is in
  ose::Nanos started_at{0};   // when it was first woken: its timers count from there
  int loop_depth = 0;
  struct Loop { uint32_t start, left; };
  std::array<Loop, ose::kMaxLoopDepth> loops{};
  osv_task* next_waiter = nullptr;  // in the FIFO of what it is blocked on
  uint32_t wants_lock = 0;          // woken for a lock that is not handed over: which, + 1
  bool released = false;            // woken since the last instruction: kBegin dates from woken_at

  // Current event.
  bool event_open = false;
  bool pass_open = false;  // between the first and the last operation of a pass
  bool serving = false;    // open loop: a request is assigned
  ose::Nanos event_release{0}, event_work_base{0};
  ose::Nanos request_arrival{0};  // open loop: of the request it serves
};

namespace ose {
using Task = osevolve::osv_task;
}

#endif  // OSEVOLVE_SIM_TASK_H_
