#include "validate/theory.h"

#include <cmath>

#include "core/exit_code.h"
#include "core/seeds.h"
#include "validate/ladder.h"

namespace ose {
namespace {

constexpr uint64_t kSeedsOfRung = 1'000;

// Quantile-like figures of a run may be missing, when nothing was measured.
Result<ValidationRow> MakeRow(const Rung& rung, const LadderFigure& figure, const std::vector<Replication>& replications,
                              const std::vector<std::vector<double>>& controls) {
  ValidationRow row{.group = rung.group, .name = figure.name, .unit = figure.unit, .reference = figure.reference, .source = figure.source,
                    .measured = {}, .criterion = figure.criterion, .limit = figure.limit, .p = {}, .note = figure.note};
  if (figure.estimate) {
    SetMeasured(row, figure.estimate(replications, controls));
    if (!std::isfinite(row.measured->mean)) {
      row.measured.reset();
      row.note = "too little happened in these runs to tell";
    }
    if (figure.criterion != Criterion::kContains) row.p.reset();
    return row;
  }
  std::vector<double> samples;
  for (const Replication& r : replications) {
    samples.push_back(figure.value(r));
    if (!std::isfinite(samples.back())) return Error{kExitInternal, rung.group + ", " + figure.name + ": a run lacks the metric"};
  }
  if (figure.path_value) row.reference = figure.path_value(replications.at(0).seed);
  const Estimate estimate = EstimateMean(samples, figure.controlled ? controls : std::vector<std::vector<double>>{});
  SetMeasured(row, estimate);
  if (figure.criterion != Criterion::kContains) row.p.reset();
  return row;
}

}  // namespace

Result<ValidationTable> ValidateTheory(const ReplicateOptions& options, uint64_t seed, const std::string& only) {
  std::vector<Rung> rungs;
  std::vector<ReplicationPlan> plans;
  uint64_t first = 0;  // seeds do not depend on what else is run
  for (Rung& rung : TheoryLadder()) {
    first += kSeedsOfRung;
    if (rung.group.find(only) == std::string::npos) continue;
    ReplicationPlan plan{.name = rung.group, .runs = rung.runs, .seeds = {}};
    for (int i = 0; i < rung.replications; ++i) plan.seeds.push_back(MakeSeed(SeedFamily::kSearch, seed, first + static_cast<uint64_t>(i)));
    plans.push_back(std::move(plan));
    rungs.push_back(std::move(rung));
  }
  if (rungs.empty()) return Error{kExitUsage, "no group of the ladder contains '" + only + "'"};
  OSE_ASSIGN(auto results, Replicate(plans, options));

  ValidationTable table{.name = "theory", .title = "The simulator against queueing theory", .rows = {}};
  for (size_t i = 0; i < rungs.size(); ++i) {
    std::vector<std::vector<double>> controls;
    if (rungs[i].controls)
      for (const Replication& r : results[i]) controls.push_back(rungs[i].controls(r.seed));
    for (const LadderFigure& figure : rungs[i].figures) {
      OSE_ASSIGN(ValidationRow row, MakeRow(rungs[i], figure, results[i], controls));
      table.rows.push_back(std::move(row));
    }
  }
  Judge(table);
  return table;
}

}  // namespace ose
