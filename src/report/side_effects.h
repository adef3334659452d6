// What a winner costs beside its objectives. An objective that can be met by neglect will be: a 99th percentile says nothing
// of the hundredth that waits for ever, nor of those that are never served. Who promotes a policy should see that.
#ifndef OSEVOLVE_REPORT_SIDE_EFFECTS_H_
#define OSEVOLVE_REPORT_SIDE_EFFECTS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/score.h"
#include "report/explain_text.h"

namespace ose {

// Throughputs, latencies, slowdowns and fairness, of the whole and of groups, that are no objective and are worse in `to` than in
// `from` by more than a tenth, with the whole 95% interval, paired by seed. The worst
// first, by ratio; at most `most`. Overhead also has to cost 1% of the CPUs' time more: a policy may keep idle CPUs looking for
// work. Metrics that a seed lacks, or that are 0, are left out.
std::vector<MetricEffect> SideEffects(const std::vector<Objective>& objectives, const Evaluation& from, const Evaluation& to, size_t most = 5);

// "no objective, and worse than under fifo:" and a line for each; "" without any.
std::string SideEffectsText(const std::vector<MetricEffect>& effects, const std::string& baseline);
// [{"metric", "from", "to", "change_pct", "ci95"}]
nlohmann::json SideEffectsJson(const std::vector<MetricEffect>& effects);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_SIDE_EFFECTS_H_
