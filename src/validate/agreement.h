// The model beside a real machine: rows for metrics that both report, and how far they rank policies alike.
#ifndef OSEVOLVE_VALIDATE_AGREEMENT_H_
#define OSEVOLVE_VALIDATE_AGREEMENT_H_

#include <string>
#include <vector>

#include "core/candidate.h"
#include "core/score.h"
#include "validate/validation.h"

namespace ose {

// One policy on one workload, with the same seeds in both worlds.
struct InBothWorlds {
  std::string policy;
  std::vector<SeedResult> model, real;
};

// How far the model may be off in a metric: 10% in rates, totals and medians, 25% in tails; 0: a metric that is not
// compared, since it is counted differently in the two worlds or has no goal.
double MetricTolerance(std::string_view metric);

// A row for each metric that both report and that has a tolerance, of the whole workload or an objective of it:
// reference = the mean over the real runs, measured = the model's. The note says how far the real runs vary.
std::vector<ValidationRow> MetricRows(const std::string& group, const InBothWorlds& both, const std::vector<Objective>& objectives,
                                      const std::string& source);

// Ranks of values from 1 for the smallest; neighbours whose ratio is at most 1 + tie share their mean rank, and so
// do chains of such. Precondition: all above 0.
std::vector<double> RanksWithTies(const std::vector<double>& values, double tie);
// Spearman's rank correlation: Pearson's of the ranks. 1 when all are tied in both, 0 when all are in one of them.
double RankCorrelation(const std::vector<double>& a_ranks, const std::vector<double>& b_ranks);

// One row: the rank correlation of the policies' scores on the objectives that both worlds report, with the largest
// disagreement, the errors of the metrics, all scores and, with several seeds, how far the kernel agrees with itself
// in its note. Scores nearer than `tie` count as equal. Fewer than three
// policies: nothing measured. Precondition: equally many seeds in all.
ValidationRow RankRow(const std::string& group, const std::vector<InBothWorlds>& policies, const std::vector<Objective>& objectives,
                      double tie, double limit);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_AGREEMENT_H_
