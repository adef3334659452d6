// Where evaluations run: on this machine, or on the nodes of a Slurm cluster (docs/slurm.md).
#ifndef OSEVOLVE_CLI_EXECUTOR_H_
#define OSEVOLVE_CLI_EXECUTOR_H_

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/context.h"

namespace CLI {
class App;
}

namespace ose {

struct ExecutorFlags {
  std::string executor = "local";
  std::string partition, folder;
  int batch = 8, minutes = 0;
  bool copy = false;

  bool local() const { return executor == "local"; }
};

void AddExecutorFlags(CLI::App& app, ExecutorFlags* flags);

// As MakeEvaluator. `folder`: of the cluster's jobs, where the flags name none; "": a temporary one in the working folder.
Result<std::unique_ptr<Evaluator>> MakeEvaluatorOn(const ExecutorFlags& flags, const Context& context, const Problem& problem, int jobs,
                                                   const std::string& folder);

}  // namespace ose

#endif  // OSEVOLVE_CLI_EXECUTOR_H_
