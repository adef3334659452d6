// The agent's view of a task, and of the machine. Policies see both only through the services of policy.h.
#ifndef OSEVOLVE_LIVE_AGENT_TASK_H_
#define OSEVOLVE_LIVE_AGENT_TASK_H_

#include <osevolve/policy.h>

#include <cstdint>

#include "base/time.h"
#include "core/topology.h"
#include "live/bpf/agent_abi.h"
#include "native/dsq.h"

namespace ose {

enum class Where : uint8_t {
  kNowhere,   // no task
  kAsleep,
  kQueued,    // in a queue of the policy's
  kPlaced,    // decided: in the local queue of a CPU, here and soon in the kernel
  kCutOff,    // off its CPU with slice left: the kernel runs it on by itself, or it comes to enqueue
  kOnCpu,
};

using Dsq = BasicDsq<osevolve::osv_task>;

}  // namespace ose

// The header of policies leaves this type incomplete; this host completes it.
struct osevolve::osv_task {
  int pid = 0, tgid = 0;
  uint32_t comm = 0, weight = 100, hint = 0;
  uint64_t mask[AGENT_CPU_WORDS] = {};
  const uint64_t* allowed = mask;
  int nr_allowed = 0;
  unsigned char* state_bytes = nullptr;  // the policy's TaskState

  ose::Where where = ose::Where::kNowhere;
  bool enabled = false;
  bool runnable = false;   // between the hooks runnable and quiescent
  bool keeps_on = false;   // its turn is over, but it goes on: neither stopping nor enqueue nor running are called
  bool unsent = false;     // placed, but the decision found no room
  int cpu = 0;
  uint64_t slice = 0, vtime = 0;
  ose::Dsq* dsq = nullptr;
  osv_task *prev = nullptr, *next = nullptr, *child = nullptr;
  uint64_t dsq_vtime_key = 0, dsq_seq = 0;

  // Of the kernel's side (agent_abi.h).
  uint64_t identity = 0, seq = 0, place_flags = 0;
  uint32_t nr = 0;

  ose::Nanos run_total{0}, wait_total{0};
  uint64_t nr_wakeups = 0;
  int waker_pid = 0;
};

namespace ose {

using Task = osevolve::osv_task;

// The shape that native/ asks for.
struct AgentMachine {
  explicit AgentMachine(Topology t) : topology(std::move(t)), cpus(static_cast<int>(topology.cpus.size())) {
    for (int c = 0; c < cpus; ++c)
      if (SiblingOf(c) != c) smt = 2;
  }
  int LlcOf(int cpu) const { return topology.cpus[static_cast<size_t>(cpu)].llc; }
  int NodeOf(int cpu) const { return topology.cpus[static_cast<size_t>(cpu)].node; }
  int SiblingOf(int cpu) const { return topology.cpus[static_cast<size_t>(cpu)].sibling; }

  Topology topology;
  int cpus;
  int smt = 1;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_AGENT_TASK_H_
