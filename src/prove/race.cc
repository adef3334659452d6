#include "prove/race.h"

#include <algorithm>

#include "eval/collect.h"

namespace ose {

Result<RaceResult> Race(const RaceOptions& options, const std::vector<RaceEntry>& entries, Evaluator& evaluator) {
  RaceResult result;
  result.evaluations.resize(entries.size());
  std::vector<size_t> running;
  for (size_t i = 0; i < entries.size(); ++i) running.push_back(i);
  const size_t all = options.seeds.size();
  const size_t block = static_cast<size_t>(std::max(4, options.block));
  const double rounds = static_cast<double>(std::max<size_t>(1, (all + block - 1) / block));
  const double comparisons = std::max(1.0, static_cast<double>(entries.size()) - 1) * rounds;
  const double confidence = 1 - (1 - options.confidence) / comparisons;
  std::vector<std::vector<size_t>> left;  // those that left, by round
  for (size_t n = std::min(block, all); !running.empty(); n = std::min(n + block, all)) {
    const std::vector<uint64_t> seeds(options.seeds.begin(), options.seeds.begin() + static_cast<std::ptrdiff_t>(n));
    std::vector<std::future<Evaluation>> futures;
    for (size_t i : running) futures.push_back(evaluator.Submit({.source = entries[i].source, .file = entries[i].file, .seeds = seeds, .skeleton_of = {}}));
    OSE_ASSIGN(std::vector<Evaluation> ran, CollectEvaluations(std::move(futures), {.stop = options.stop, .interrupted = "interrupted before the winner was chosen; go on with --resume", .on_progress = options.on_progress}));
    for (size_t k = 0; k < running.size(); ++k) {
      Evaluation& e = result.evaluations[running[k]];
      // The seeds of before are among those of now.
      result.seeds_run += static_cast<int64_t>(ran[k].seeds.size()) - static_cast<int64_t>(e.seeds.size());
      e = std::move(ran[k]);
    }
    std::erase_if(running, [&](size_t i) { return result.evaluations[i].outcome != Outcome::kOk; });
    std::sort(running.begin(), running.end(), [&](size_t a, size_t b) {
      const double x = result.evaluations[a].MeanScore(), y = result.evaluations[b].MeanScore();
      return x != y ? x > y : a < b;
    });
    if (n == all || running.size() < 2) {
      // The only one left still runs all seeds: they are what it is judged by.
      if (n == all || running.empty()) break;
      continue;
    }
    const std::vector<double> leader = result.evaluations[running[0]].Scores();
    left.emplace_back();
    std::erase_if(running, [&](size_t i) {
      if (i == running[0] || PairedGainPct(leader, result.evaluations[i].Scores(), confidence).hi >= 0) return false;
      left.back().push_back(i);
      return true;
    });
  }
  result.order = running;
  for (auto round = left.rbegin(); round != left.rend(); ++round) result.order.insert(result.order.end(), round->begin(), round->end());
  return result;
}

}  // namespace ose
