#include "cli/log_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/exit_code.h"

namespace ose {
namespace {

double Ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

void LogFlags::AddTo(CLI::App& app) {
  app.add_option("--from-ms", from_ms, "draw the schedule from here")->check(CLI::Range(0.0, 1e9))->capture_default_str();
  app.add_option("--to-ms", to_ms, "draw it to here; default: its end")->check(CLI::Range(0.0, 1e9));
  app.add_option("--max-events", max_events, "at most so many moments of it; then the picture ends")
      ->check(CLI::Range(int64_t{1}, int64_t{20'000'000}))
      ->capture_default_str();
}

Result<ScheduleLogOptions> LogFlags::Options() const {
  ScheduleLogOptions options{.max_events = max_events};
  options.from_ns = static_cast<int64_t>(from_ms * 1e6);
  if (to_ms < 0) return options;
  if (to_ms <= from_ms) return Error{kExitUsage, fmt::format("--to-ms {:g} is not after --from-ms {:g}", to_ms, from_ms)};
  options.to_ns = static_cast<int64_t>(to_ms * 1e6);
  return options;
}

Result<ScheduleLog> LogOf(Result<std::vector<WorkerSeed>> seeds) {
  if (!seeds.ok()) return seeds.error();
  if (seeds->size() != 1 || !seeds->front().log) return Error{kExitInternal, "the worker left out the log"};
  ScheduleLog log = std::move(*seeds->front().log);
  if (log.begin_ns >= log.end_ns)
    return Error{kExitUsage, fmt::format("the schedule is {:g} ms long; --from-ms has to be before that", Ms(log.run_ns))};
  return log;
}

std::string WhereLogEnds(const ScheduleLog& log) {
  return fmt::format("shows {:.3f} to {:.3f} ms of a schedule of {:.3f} ms, as that is {} moments; --max-events for more, --from-ms for a later part",
                     Ms(log.begin_ns), Ms(log.end_ns), Ms(log.run_ns), log.events.size());
}

}  // namespace ose
