// Machine: the profile of the hardware and kernel that a simulation models. File format and
// the source of each figure: docs/machines.md and the comments in machines/*.toml.
#ifndef OSEVOLVE_WORKLOAD_MACHINE_H_
#define OSEVOLVE_WORKLOAD_MACHINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ose {

inline constexpr int kMachineFormat = 1;

struct Machine {
  std::string name, description;

  // Topology. CPU c is hardware thread c % smt of core c / smt.
  int cpus = 2;
  int smt = 1;
  int cpus_per_llc = 0;   // 0 = all CPUs share one
  int cpus_per_node = 0;  // 0 = one node

  // The kernel. A slice ends at the first tick after it is used up, as in sched_ext; tick 0
  // means a precise timer (user-space data planes), which fires no earlier than min_slice.
  Nanos tick{1'000'000};
  Nanos min_slice{0};
  Nanos watchdog{30'000'000'000};  // a runnable task that waits longer ejects the policy

  // Costs, each paid by the CPU named.
  Nanos context_switch{1'500};  // to another task, by the CPU that switches
  Nanos wakeup{800};            // try_to_wake_up, by the waker
  Nanos ipi{1'200};             // from kick or remote wake-up until the target CPU reacts
  Nanos interrupt{0};           // by a busy CPU that another one or its precise slice timer interrupts
  Nanos idle_exit{2'000};       // added when the target was idle
  Nanos migration_core{200}, migration_llc{800}, migration_node{3'000};  // first run after moving within the LLC / within the node / across
  double refill_ns_per_kb_llc = 0;   // working set refetched after moving within an LLC (private caches)
  double refill_ns_per_kb_far = 0;   // after leaving the LLC
  Nanos hook{60};      // each policy hook
  Nanos dsq_op{80};    // insert into or move from a queue
  Nanos remote{60};    // added when the queue or CPU touched belongs to another CPU
  Nanos kick{150};     // by the kicker

  int LlcOf(int cpu) const { return cpus_per_llc ? cpu / cpus_per_llc : 0; }
  int NodeOf(int cpu) const { return cpus_per_node ? cpu / cpus_per_node : 0; }
  int SiblingOf(int cpu) const { return smt == 2 ? (cpu ^ 1) < cpus ? (cpu ^ 1) : cpu : cpu; }
  bool operator==(const Machine&) const = default;
};

// Errors: kExitBadMachine, "file:line: what; fix". Unknown keys are errors.
Result<Machine> ParseMachine(std::string_view text, const std::string& file);
Result<Machine> LoadMachine(const std::string& path);
std::string FormatMachine(const Machine& machine);

// The machine that a workload runs on: `profile` with the workload's number of CPUs, if it names
// one. An error (kExitBadWorkload) when a group's affinity leaves it.
struct Workload;
Result<Machine> MachineFor(const Workload& workload, const Machine& profile);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_MACHINE_H_
