// HostCompare: policies side by side on a real kernel, in the throw-away VM or on this machine.
//
// The kernel's own scheduler is always among them, and scores are per cent of what it reaches on the same seed:
// the geometric mean over the objectives, as core/score.h with the kernel's metrics for bounds.
#ifndef OSEVOLVE_CLI_HOST_COMPARE_H_
#define OSEVOLVE_CLI_HOST_COMPARE_H_

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "cli/vm.h"
#include "report/rows.h"

namespace CLI {
class App;
}

namespace ose {

inline constexpr char kKernelPolicy[] = "kernel";  // its row; stands for its own scheduler in lists of policies

struct HostFlags {
  std::string host = "sim";  // "sim", "vm", "live"
  int rounds = 5;            // seeds in one boot
  int boots = 1;             // of the VM; each with seeds of its own
  VmFlags vm;
};

// A policy of this prefix is the program of another sched_ext scheduler, for comparison.
inline constexpr char kProgramPrefix[] = "program:";

// --host and what belongs to it.
void AddHostFlags(CLI::App& app, HostFlags* flags);

// The kernel's row first, then the policies in their order; each with its gain over the kernel. A policy that the
// gate or the compiler refuses is a row that says so. `on_progress` says what is going on.
Result<std::vector<ReportRow>> HostCompare(const Context& context, const HostFlags& flags, const Problem& problem,
                                           const std::vector<NamedSource>& policies, const std::vector<uint64_t>& seeds,
                                           const std::function<void(const std::string&)>& on_progress);

// The table's head for such rows.
ReportHead HostHead(const HostFlags& flags, const Problem& problem, const std::string& seeds);

}  // namespace ose

#endif  // OSEVOLVE_CLI_HOST_COMPARE_H_
