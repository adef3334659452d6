// What `osevolve bench engine` found, as values, text and charts: search strategies beside each other at the
// same number of evaluations.
#ifndef OSEVOLVE_REPORT_ENGINE_TABLE_H_
#define OSEVOLVE_REPORT_ENGINE_TABLE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/stats.h"
#include "report/chart.h"

namespace ose {

// One search: the best score on its search seeds after each evaluation, and what its winner scores on final ones.
struct EngineRun {
  std::vector<double> best;
  double final_score = 0;
};

struct EngineRow {
  std::string strategy;
  std::vector<EngineRun> runs;  // by run seed
};

struct EngineResult {
  std::string workload, machine;
  int64_t evaluations = 0;
  double hand_written = 0;      // best of the policies that all start from, on final seeds, mean over the runs
  std::vector<EngineRow> rows;  // the engine first; equally many runs, paired by seed
};

// The mean over the runs after `evaluations` of them, with its interval.
Interval EngineCurveAt(const EngineRow& row, int64_t evaluations);
// Gain of the first row's winners over those of `row`, per cent, paired by run seed.
Interval EngineGain(const EngineResult& result, const EngineRow& row);

// The same over several workloads, each pair of runs counting alike, for each row but the first.
struct EngineTotal {
  std::string strategy;
  Interval gain_pct;
  size_t pairs = 0;
};
// Preconditions: one result or more, all with the same strategies in the same order.
std::vector<EngineTotal> EngineTotals(const std::vector<EngineResult>& results);
std::string EngineTotalsText(const std::vector<EngineResult>& results);
nlohmann::json EngineTotalsJson(const std::vector<EngineResult>& results);

std::string EngineText(const EngineResult& result);
std::string EngineMarkdown(const EngineResult& result);
nlohmann::json EngineJson(const EngineResult& result);
Chart EngineChart(const EngineResult& result);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_ENGINE_TABLE_H_
