// SchedEvent: one scheduling event of a Linux trace, whatever it was read from (the kernel's
// ring buffer or text). The fields are those of the sched:* tracepoints.
#ifndef OSEVOLVE_WORKLOAD_SCHED_EVENT_H_
#define OSEVOLVE_WORKLOAD_SCHED_EVENT_H_

#include <cstdint>
#include <functional>
#include <string_view>

namespace ose {

// Why the previous task of a switch left the CPU.
enum class PrevState : uint8_t {
  kRunnable,   // "R": it yielded, or was preempted on its way back to user space
  kPreempted,  // "R+": preempted inside the kernel
  kBlocked,    // "S", "D", "T", "t", "P", "I": sleeps until somebody wakes it
  kDead,       // "Z", "X", "x": it will never run again
};

struct SchedEvent {
  enum class Kind : uint8_t {
    kSwitch,     // pid leaves the CPU, next_pid takes it
    kWaking,     // pid is woken; sched_waking, which fires in the waker's context
    kWakeup,     // sched_wakeup: may fire on another CPU; only of use without kWaking
    kWakeupNew,  // pid runs for the first time
    kFork,       // the context created pid
    kExec,       // pid runs another program; it was old_pid before (threads that exec)
    kExit,       // pid is about to end (it still runs for a while)
    kMigrate,    // pid moves to target_cpu
    kYield,      // the context called sched_yield (syscalls:sys_enter_sched_yield)
    kGap,        // `lost` events of this CPU are missing before this point (0: unknown number)
  };
  Kind kind = Kind::kSwitch;
  PrevState prev_state = PrevState::kRunnable;  // kSwitch
  // The event was emitted by an interrupt that borrowed the context, so what it did was not
  // the context task's doing. Text of `perf script` does not say; then it is false.
  bool interrupt = false;
  int cpu = 0;
  int64_t time_ns = 0;
  int context = 0;                    // thread id of the task that was current; 0 is the idle task
  int pid = 0;                        // thread id; kSwitch: of the previous task
  int prio = 120;                     // 120 = nice 0; 100..139 are nice -20..19; lower is real time
  int next_pid = 0, next_prio = 120;  // kSwitch
  int old_pid = 0;                    // kExec
  int target_cpu = -1;                // wake-ups and kMigrate; -1 = unknown
  int64_t lost = 0;                   // kGap
  // Valid only while the event is being handled.
  std::string_view comm, next_comm;
};

// Called for each event in time order.
using SchedEventSink = std::function<void(const SchedEvent&)>;

// The raw prev_state of sched_switch (Linux >= 4.14) and its letters.
PrevState PrevStateFromBits(int64_t bits);
PrevState PrevStateFromLetters(std::string_view letters);

// Weight of a priority on the scale of sched_ext and cgroups (100 = nice 0), 1..10000.
int WeightOfPrio(int prio);

// True for names that Linux gives to its own threads ("kworker/0:1", "ksoftirqd/0"), for
// traces that do not tell kernel threads from programs.
bool IsKernelThreadName(std::string_view comm);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_SCHED_EVENT_H_
