// The subcommands, one file each. Register* adds the command to the application with its help and
// flags; its callback stores what to run in `run`.
#ifndef OSEVOLVE_CLI_COMMANDS_H_
#define OSEVOLVE_CLI_COMMANDS_H_

#include <functional>

#include "base/result.h"
#include "cli/output.h"

namespace CLI {
class App;
}

namespace ose {

struct Command {
  CommonFlags flags;
  std::function<Status()> run;
};

void RegisterEvolve(CLI::App& app, Command& command);
void RegisterEval(CLI::App& app, Command& command);     // eval and compare
void RegisterExplain(CLI::App& app, Command& command);
void RegisterEvalBatch(CLI::App& app, Command& command);
void RegisterBound(CLI::App& app, Command& command);
void RegisterSweep(CLI::App& app, Command& command);
void RegisterLoad(CLI::App& app, Command& command);
void RegisterCalibrate(CLI::App& app, Command& command);
void RegisterRecord(CLI::App& app, Command& command);   // record and import
void RegisterLists(CLI::App& app, Command& command);    // workloads and policies
void RegisterGkb(CLI::App& app, Command& command);
void RegisterMcp(CLI::App& app, Command& command);
void RegisterVm(CLI::App& app, Command& command);       // vm and vm build
void RegisterBuildBpf(CLI::App& app, Command& command);
void RegisterDeploy(CLI::App& app, Command& command);  // deploy, undeploy, status
void RegisterObserve(CLI::App& app, Command& command);
void RegisterBuildAgent(CLI::App& app, Command& command);
void RegisterValidate(CLI::App& app, Command& command);  // validate theory, real, kernel
void RegisterPlot(CLI::App& app, Command& command);    // plot cdf, load, gantt and run
void RegisterBench(CLI::App& app, Command& command);   // bench engine
void RegisterDoctor(CLI::App& app, Command& command);

// --json and --quiet.
void AddCommonFlags(CLI::App& app, Command& command);

}  // namespace ose

#endif  // OSEVOLVE_CLI_COMMANDS_H_
