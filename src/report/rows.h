// Rows: evaluated policies as a table for people and as the JSON of docs/json.md. Pure functions.
#ifndef OSEVOLVE_REPORT_ROWS_H_
#define OSEVOLVE_REPORT_ROWS_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/candidate.h"
#include "core/schedule_profile.h"
#include "core/score.h"
#include "core/stats.h"

namespace ose {

// The trace file that was written of one schedule of a policy.
struct RowTrace {
  std::string file;
  uint64_t seed = 0;
  int64_t begin_ns = 0, end_ns = 0, run_ns = 0, events = 0;
  bool full = false;
};

struct ReportRow {
  std::string policy;
  Evaluation evaluation;
  std::string vs_policy;            // compare: the first policy
  std::optional<Interval> vs;       // gain over it, per cent
  std::optional<ScheduleProfile> profile = {};  // of the first seed, if it was asked for
  std::optional<RowTrace> trace = {};           // likewise
};

struct ReportHead {
  std::string workload, host, machine;
  int cpus = 0;
  std::string seeds;  // "final:64"
  std::string score = "bound";  // what scores are per cent of: "bound", or "kernel" on a real kernel
};

// Mean of a metric over the seeds with its interval; nullopt when a seed lacks it.
std::optional<Interval> MetricInterval(const Evaluation& evaluation, std::string_view metric);

// {"NAME":{"mean","ci95":[lo,hi],"unit"}}
nlohmann::json MetricsJson(const Evaluation& evaluation);
nlohmann::json RowJson(const ReportRow& row, bool compare);
nlohmann::json RowsJson(const ReportHead& head, const std::vector<ReportRow>& rows, bool compare);
nlohmann::json IntervalJson(const Interval& i);

// One line a policy: score (per cent of the bound), the objectives' metrics with their half
// widths, and for compare the gain over the first; of a policy that failed, the outcome.
std::string RowsTable(const ReportHead& head, const std::vector<Objective>& objectives,
                      const std::vector<ReportRow>& rows);

// "+3.1% [+2.8, +3.4]"
std::string GainText(const Interval& gain);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_ROWS_H_
