// AgentSession: user-space policies rule while a command runs, one after the other, without a gap.
//
// This process is the supervisor. It holds the shim (shim.h), which stays attached all the time, and starts one agent
// process per policy (agent_child.h). A successor is loaded and ready before its predecessor stops, so that a swap
// costs the time in which the successor reads the table of tasks. When an agent dies, breaks a rule or stops
// answering, the shim schedules, the reason is recorded, and the policy that ruled before it takes over again; if there is none,
// the shim is taken out and the kernel's own scheduler goes on.
#ifndef OSEVOLVE_LIVE_AGENT_SESSION_H_
#define OSEVOLVE_LIVE_AGENT_SESSION_H_

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "live/agent_link.h"
#include "live/bpf_words.h"

namespace ose {

struct AgentSessionOptions {
  std::vector<std::string> objects;  // shared objects of policies; with several they take turns
  std::string program, shim;         // osevolve-live, which is the agent's process too, and osevolve-shim.bpf.o
  std::map<std::string, int64_t> tunables;
  std::vector<std::string> command;  // empty: until SIGINT or SIGTERM, or max_swaps are made
  Nanos swap_every = Nanos::Seconds(1);
  int max_swaps = 0;
  Nanos patience = Nanos::Millis(20);
  uint32_t timeout_ms = 5000;
  bool partial = false;
};

// One policy's time in power.
struct AgentRule {
  std::string object;
  std::string end;       // "swapped", "stopped", or what went wrong
  bool failed = false;
  Nanos time{};
  Nanos hand_over{};     // from the predecessor's last word to the table read; 0 for the first, and after a failure from the notice of it
  uint64_t handled = 0, deferred = 0, resyncs = 0, unplaced = 0;
  std::vector<uint64_t> counters;
};

struct AgentSessionResult {
  std::vector<AgentRule> rules;
  int swaps = 0;
  int exit_code = 0;      // of the command
  bool detached = false;  // the kernel's own scheduler took over before the end
  ExitInfo exit;          // kind 64 when we took the shim out
  agent_shim shim{};
  std::vector<unsigned> upward;  // histogram, agent_bucket()
  bool always_enabled = true;    // /sys/kernel/sched_ext/state, looked at every 50 ms
};

Result<AgentSessionResult> RunAgentSession(const AgentSessionOptions& options);

// The value at `share` (0..1) of a histogram, us; the middle of its bucket. 0 when it is empty.
double HistogramQuantile(const unsigned* counts, double share);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_AGENT_SESSION_H_
