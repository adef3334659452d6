// Machine: the profile of the hardware and kernel that a simulation models. File format and
// the source of each figure: docs/machines.md and the comments in machines/*.toml.
#ifndef OSEVOLVE_WORKLOAD_MACHINE_H_
#define OSEVOLVE_WORKLOAD_MACHINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "workload/workload.h"

namespace ose {

inline constexpr int kMachineFormat = 1;

// What a policy can ask of its host (policy.h), as far as it may cost differently.
enum class Service : uint8_t {
  kBasic,       // this_cpu, nr_cpus, self
  kNow,
  kRandom,
  kTopology,    // llc_of, node_of, sibling_of
  kCpuRunning,
  kCpuIdle,     // is_idle
  kCpuState,
  kTaskField,   // pid, weight, slice and the other fields of a task, read or written
  kTaskState,
  kCount,
  kTimerStart,
  kDsqInsert,
  kDsqMove,
  kDsqLength,   // dsq_nr_queued
  kDsqPeek,     // dsq_peek, dsq_peek_vtime
  kPickIdle,    // pick_idle, pick_idle_in
  kClaimIdle,
  kSelectDfl,
  kKick,        // of another CPU
  kKickSelf,
  kDsqInsertVtime,
  kDsqEmpty,    // dsq_move_to_local of a queue that has nothing
};
inline constexpr size_t kServices = static_cast<size_t>(Service::kDsqEmpty) + 1;

// Each cost is paid by the calling CPU. One below 0 is not given; ServiceCost() says what it is then.
struct ServiceCosts {
  Nanos general{0};
  Nanos remote{0}, remote_far{0};  // added for state of a CPU that shares the last-level cache / does not
  double pick_ns_per_cpu = 0;      // added to pick_idle and select_dfl for each CPU of the machine
  std::array<Nanos, kServices> cost = NotGiven();

  bool operator==(const ServiceCosts&) const = default;
  static constexpr std::array<Nanos, kServices> NotGiven() {
    std::array<Nanos, kServices> a;
    a.fill({-1});
    return a;
  }
};

// What runs on a CPU beside the workload: interrupts, kernel threads, the hypervisor. Comes at random
// (Poisson) times to each CPU, whatever that does, and takes it away for a while.
struct Noise {
  double rate_per_s = 0;  // of each CPU
  Dist duration = {};
  bool operator==(const Noise&) const = default;
};

struct Machine {
  std::string name, description;

  // Topology. CPU c is hardware thread c % smt of core c / smt.
  int cpus = 2;
  int smt = 1;
  int cpus_per_llc = 0;   // 0 = all CPUs share one
  int cpus_per_node = 0;  // 0 = one node
  double smt_speed = 1;   // of a hardware thread while its sibling is busy, too
  int64_t l2_kb = 0;      // private cache of a core, for which its tasks compete; 0: they do not

  // The kernel. A slice ends at the first tick after it is used up, as in sched_ext; tick 0
  // means a precise timer (user-space data planes), which fires no earlier than min_slice.
  Nanos tick{1'000'000};
  Nanos min_slice{0};
  Nanos watchdog{30'000'000'000};  // a runnable task that waits longer ejects the policy
  Nanos tick_cost{0};              // of each tick, by a busy CPU
  bool charge_overhead = false;    // the overhead of a turn counts in the task's run time and slice

  // Costs, each paid by the CPU named.
  Nanos context_switch{1'500};  // to another task, by the CPU that switches
  Nanos sched_ext_switch{0};    // added when a sched_ext policy runs the machine; negative: that core does less than the fair class
  Nanos wakeup{800};            // try_to_wake_up, by the waker
  Nanos wakeup_idle{0};         // added when that is on an idle CPU, which must be sent an interrupt
  Nanos ipi{1'200};             // from kick or remote wake-up until the target CPU reacts
  Nanos interrupt{0};           // by a busy CPU that another one or its precise slice timer interrupts
  Nanos wakeup_irq{0};          // of a timer or device that wakes a task, by the CPU that takes it
  Nanos idle_exit{2'000};       // added when the target was idle
  Nanos migration_core{200}, migration_llc{800}, migration_node{3'000};  // first run after moving within the LLC / within the node / across
  double refill_ns_per_kb_llc = 0;   // working set refetched after moving within an LLC (private caches)
  double refill_ns_per_kb_far = 0;   // after leaving the LLC
  Nanos hook{60};      // each policy hook
  Nanos dsq_op{80};    // insert into or move from a queue
  Nanos remote{60};    // added when the queue or CPU touched belongs to another CPU
  Nanos kick{150};     // by the kicker
  Nanos dsq_lock_hold{0};  // part of an operation on a shared queue, during which nobody else gets at it
  Nanos rq_lock_hold{0};   // ... of a wake-up or switch on the run queue of a CPU
  ServiceCosts service;

  // What tasks do themselves, by their CPU: a system call, and what the kinds of call take beyond that.
  Nanos syscall{0};
  Nanos futex_op{0};  // lock, unlock, wait and signal when they cannot be settled in user space; barrier
  Nanos pipe_op{0};   // put and take
  Nanos pipe_remote{0};  // beyond that when another CPU was the last at the queue: its cache lines come from there
  Nanos sleep_op{0};  // sleep and timer
  Nanos fork_op{0};

  Noise noise;

  int LlcOf(int cpu) const { return cpus_per_llc ? cpu / cpus_per_llc : 0; }
  int NodeOf(int cpu) const { return cpus_per_node ? cpu / cpus_per_node : 0; }
  int CoreOf(int cpu) const { return cpu / smt; }
  int SiblingOf(int cpu) const { return smt == 2 ? (cpu ^ 1) < cpus ? (cpu ^ 1) : cpu : cpu; }
  // A service that is not given costs what [cost] says of queue operations and kicks, others the
  // general figure.
  Nanos ServiceCost(Service service) const;
  bool operator==(const Machine&) const = default;
};

// The same machine under a scheduler that is part of the kernel: its hooks, services and queues are
// within the measured figures of switch and wake-up. Only what it kicks still costs.
Machine AsKernelClass(const Machine& machine);

// A machine without costs and with a precise timer: what queueing theory speaks of.
Machine CostlessMachine(int cpus);

// The first `cpus` CPUs of a machine; fewer than a core has hardware threads: one of them, alone on its core.
Machine WithCpus(const Machine& machine, int cpus);

// Errors: kExitBadMachine, "file:line: what; fix". Unknown keys are errors.
Result<Machine> ParseMachine(std::string_view text, const std::string& file);
Result<Machine> LoadMachine(const std::string& path);
std::string FormatMachine(const Machine& machine);

// The machine that a workload runs on: `profile` with the workload's number of CPUs, if it names
// one. An error (kExitBadWorkload) when a group's affinity leaves it.
Result<Machine> MachineFor(const Workload& workload, const Machine& profile);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_MACHINE_H_
