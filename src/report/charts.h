// Charts of what policies do: pure functions from values to a Chart. What each shows: docs/pictures.md.
#ifndef OSEVOLVE_REPORT_CHARTS_H_
#define OSEVOLVE_REPORT_CHARTS_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/distribution.h"
#include "core/schedule_log.h"
#include "report/chart.h"

namespace ose {

// --- Distributions of a metric ------------------------------------------------------------

struct CdfCurve {
  std::string policy;
  std::vector<Distribution> seeds;  // one each, at least one, none empty
};

// `metric` as in Distributions; `where` is the subtitle. Quantiles that a seed has too few samples for are
// left out.
Chart CdfChart(const std::string& workload, const std::string& metric, const std::string& where, const std::vector<CdfCurve>& curves);

// --- Load ---------------------------------------------------------------------------------

struct LoadPoint {
  double load, mean, lo, hi;
};
struct LoadCurve {
  std::string policy;
  std::vector<LoadPoint> points;  // by ascending load
};
struct LoadCurves {
  std::string workload, where;    // where: machine and seeds, as far as the files say
  std::vector<LoadCurve> curves;  // in the order in which policies first appear
};

// From one JSON of `sweep`, added to what other files gave: rows with policy, load and metrics. Rows that
// failed or lack the metric are left out; without any left: kExitNotFound, with the metrics that there are.
Status AddLoadCurves(const nlohmann::json& sweep, const std::string& file, const std::string& metric, LoadCurves& to);
Chart LoadChart(const LoadCurves& curves, const std::string& metric);

// --- A schedule ---------------------------------------------------------------------------

// A row for each CPU and, up to 40 tasks, for each task.
Chart GanttChart(const ScheduleLog& log, const std::string& policy);

// --- A run of evolve ----------------------------------------------------------------------

struct RunPoint {
  int64_t id = 0;                 // evaluation
  std::optional<double> score = {};  // on all search seeds; none: it failed, or was given up after the quick ones
  bool failed = false;
  std::string seed_policy = {};   // the hand-written policy that it is, or ""
};
Chart RunChart(const std::string& run, const std::string& workload, const std::vector<RunPoint>& points);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_CHARTS_H_
