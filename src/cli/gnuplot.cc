#include "cli/gnuplot.h"

#include <stdlib.h>

#include "base/subprocess.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr uint64_t kLargestSvg = 256 << 20;

}  // namespace

Result<std::string> DrawSvg(const Chart& chart) {
  if (FindExecutable("gnuplot").empty())
    return Error{kExitFailure, "gnuplot, which draws the charts, is missing; apt-get install gnuplot-nox"};
  CommandOptions options;
  options.argv = {"gnuplot", "-d"};  // -d: without anybody's .gnuplot
  const char* path = getenv("PATH");
  options.env = {std::string("PATH=") + (path ? path : ""), "LC_ALL=C.UTF-8"};
  options.stdin_data = GnuplotScript(chart);
  options.max_stdout_bytes = kLargestSvg;
  options.wall_limit = Nanos::Seconds(120);
  OSE_ASSIGN(CommandResult run, RunCommand(options));
  if (run.timed_out) return Error{kExitFailure, "gnuplot did not finish within 120 s; draw less (--to-ms, --max-events)"};
  if (!run.exit.ok() || run.out_truncated || run.out.find("</svg>") == std::string::npos)
    return Error{kExitInternal, "gnuplot failed: " + run.err.substr(0, 500)};
  return std::move(run.out);
}

}  // namespace ose
