// LiveClient: the unprivileged side of `osevolve deploy`: starts osevolve-live and talks to its supervisor.
#ifndef OSEVOLVE_CLI_LIVE_CLIENT_H_
#define OSEVOLVE_CLI_LIVE_CLIENT_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"
#include "cli/context.h"
#include "core/live_protocol.h"

namespace ose {

// The path of osevolve-live; kExitNoSchedExt with what to install when it was not built.
Result<std::string> FindLiveProgram(const Context& context);

// Runs osevolve-live to its end; what it wrote to stdout. Its errors are ours, with its words when stderr is captured.
Result<std::string> RunLiveProgram(const Context& context, const std::vector<std::string>& arguments, ChildOutput stderr_to);

// Whether a supervisor lives in `dir`.
bool SupervisorLives(const std::string& dir);

// One question to the supervisor in `dir`; its status as JSON. kExitNoSchedExt when there is none, or no right to ask.
Result<std::string> AskSupervisor(const std::string& dir, const LiveRequest& request);

// Starts one in the background with a first deployment; returns when its policy rules.
Status StartSupervisor(const Context& context, const std::string& dir, const std::string& journal, double good_after_s,
                       const LiveRequest& first);

}  // namespace ose

#endif  // OSEVOLVE_CLI_LIVE_CLIENT_H_
