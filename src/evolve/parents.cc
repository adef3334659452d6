#include "evolve/parents.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "evolve/names.h"

namespace ose {
namespace {

double Median(std::vector<double> xs) {
  auto middle = xs.begin() + static_cast<std::ptrdiff_t>(xs.size() / 2);
  std::nth_element(xs.begin(), middle, xs.end());
  return *middle;
}

}  // namespace

const std::vector<std::string>& ParentRuleNames() {
  static const std::vector<std::string> names = {"weighted", "power-law", "tournament", "beam", "novelty", "niche", "mixed"};
  return names;
}

Result<ParentRule> ParseParentRule(std::string_view name) { return ParseName<ParentRule>(name, ParentRuleNames(), "rule to pick parents"); }

std::vector<double> ParentWeights(ParentRule rule, const std::vector<Member>& members) {
  const size_t n = members.size();
  std::vector<double> weights(n, 1.0);
  auto tired = [&](size_t i) { return 1.0 / (1 + members[i].children); };
  switch (rule) {
    case ParentRule::kWeighted: {
      std::vector<double> scores, off;
      for (const Member& m : members) scores.push_back(m.score);
      const double median = Median(scores);
      for (double s : scores) off.push_back(std::abs(s - median));
      const double mad = std::max(Median(off), 1e-9 * std::max(1.0, std::abs(median)));
      for (size_t i = 0; i < n; ++i) weights[i] = tired(i) / (1 + std::exp(-10 * std::clamp((scores[i] - median) / mad, -50.0, 50.0)));
      break;
    }
    case ParentRule::kPowerLaw:
      for (size_t i = 0; i < n; ++i) weights[i] = tired(i) / static_cast<double>(1 + i);
      break;
    case ParentRule::kBeam:
      for (size_t i = kBeam; i < n; ++i) weights[i] = 0;
      break;
    case ParentRule::kNovelty:
      for (size_t i = 0; i < n; ++i) {
        double sum = 0.5;  // all alike: equal chances
        for (const Member& other : members) sum += NicheDistance(members[i].niche, other.niche);
        weights[i] = tired(i) * sum;
      }
      break;
    case ParentRule::kNiche: {
      std::set<Niche> seen;
      for (size_t i = 0; i < n; ++i) weights[i] = seen.insert(members[i].niche).second;
      break;
    }
    case ParentRule::kTournament:
    case ParentRule::kMixed: break;
  }
  return weights;
}

const Member& Leader(const std::vector<Member>& members) {
  const Member* leader = &members[0];
  for (const Member& m : members)
    if (m.score >= kAsGood * members[0].score && m.depth < leader->depth) leader = &m;
  return *leader;
}

const Member& PickParent(ParentRule rule, const std::vector<Member>& members, Rng& rng) {
  if (rule == ParentRule::kMixed) {
    if (rng.Below(4) != 0) return Leader(members);
    constexpr ParentRule kMix[] = {ParentRule::kPowerLaw, ParentRule::kPowerLaw, ParentRule::kNovelty, ParentRule::kNiche};
    rule = kMix[rng.Below(std::size(kMix))];
  }
  if (rule == ParentRule::kTournament) {
    size_t best = members.size();
    for (int i = 0; i < kTournament; ++i) best = std::min(best, static_cast<size_t>(rng.Below(members.size())));
    return members[best];
  }
  const std::vector<double> weights = ParentWeights(rule, members);
  double total = 0;
  for (double w : weights) total += w;
  double x = rng.Unit() * total;
  size_t pick = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    pick = i;
    if ((x -= weights[i]) < 0) break;
  }
  return members[pick];
}

}  // namespace ose
