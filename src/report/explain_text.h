// An Explanation as a page for the terminal, as Markdown that ships beside a policy, and as the JSON of
// docs/json.md. Pure functions.
//
// What is said of a change is what it does (report/mechanism.h) and what was measured with and without it.
// A metric that is no objective is mentioned when its change is at least 1% and shown at a level
// corrected for the number of metrics looked at (Bonferroni).
#ifndef OSEVOLVE_REPORT_EXPLAIN_TEXT_H_
#define OSEVOLVE_REPORT_EXPLAIN_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/explanation.h"
#include "core/score.h"
#include "core/stats.h"

namespace ose {

// One step from the seed policy to the explained one.
struct LineageStep {
  int64_t id = 0;
  std::string op, note;
  std::optional<double> score;  // on the search seeds
};

struct ExplainHead {
  std::string policy, seed_policy;  // names
  std::string workload, machine, seeds;
  int cpus = 0;
  std::vector<Objective> objectives;
  std::string command;              // that makes this again, "" when there is none
  std::string run;                  // folder, "" without one
  std::string header;               // what the policy's own header says of its origin
  std::vector<LineageStep> lineage; // the seed policy first
  std::string diff;                 // of the seed policy and the smaller policy, unified
  bool simplified = false;          // the policy is the last of the lineage without what did not help
};

// How a metric goes from one policy to another, paired by seed; nullopt when a seed lacks it.
struct MetricEffect {
  std::string metric;
  double from = 0, to = 0;  // means
  Interval change_pct;      // of the value: below 0 is good for one to minimise
};
std::optional<MetricEffect> EffectOn(const std::string& metric, const Evaluation& from, const Evaluation& to, double confidence = 0.95);
// {"from", "to", "change_pct", "ci95"}
nlohmann::json MetricEffectJson(const MetricEffect& effect);
bool IsObjective(const std::vector<Objective>& objectives, const std::string& metric);
Interval ScoreGain(const Evaluation& from, const Evaluation& to);

// How the effects of single hunks add up to that of all: the logarithms of the gains, summed by seed.
// nullopt when fewer than two hunks can be left out.
struct Interaction {
  Interval single_pct, whole_pct;  // the single effects multiplied; the whole change
  Interval excess_pct;             // the first over the second; without zero: they interact
};
std::optional<Interaction> InteractionOf(const Explanation& e);

std::string ExplainText(const ExplainHead& head, const Explanation& e);
std::string ExplainMarkdown(const ExplainHead& head, const Explanation& e);
nlohmann::json ExplainJson(const ExplainHead& head, const Explanation& e);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_EXPLAIN_TEXT_H_
