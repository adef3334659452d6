// The agent's process: one policy, loaded natively, in the sandbox. Started by the supervisor (agent_session.h).
#ifndef OSEVOLVE_LIVE_AGENT_CHILD_H_
#define OSEVOLVE_LIVE_AGENT_CHILD_H_

#include <string>

#include "base/result.h"
#include "core/candidate.h"

namespace ose {

struct AgentChildOptions {
  std::string object, maps;
  Tunables tunables;
};

// Talks with its parent by bytes on stdin and lines on stdout:
//   > "ready"              loaded, locked, init() done; waits
//   < 'g'                  take over: the table of tasks, then the events
//   > "took"               it rules
//   < 's', or end of file  stop
//   > "stopped N"          N tasks that wait were in no queue of the policy: 0, or they would be lost
//   > "failed TEXT"        it could not start
//   > "broke TEXT"         the policy broke a rule; the process ends with kExitPolicyRule
// The process is its own: memory locked, no rights, no files, no capabilities from before init() on.
Status RunAgentChild(const AgentChildOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_AGENT_CHILD_H_
