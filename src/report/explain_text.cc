#include "report/explain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/json.h"
#include "core/metrics.h"
#include "core/policy_source.h"
#include "report/mechanism.h"
#include "report/rows.h"
#include "report/table.h"

namespace ose {
namespace {

using nlohmann::json;

// Metrics beside the objectives that may be worth a word.
const std::vector<std::string> kOthers = {"throughput",   "latency_p50",   "latency_p99", "latency_p999",       "slowdown_p50",   "slowdown_p99",
                                          "slowdown_p999", "fairness",     "overhead",    "idle_while_waiting", "switches_per_s", "migrations_per_s"};
constexpr size_t kMostOthers = 3, kMostParts = 8;
constexpr double kLeastOtherPct = 1;

std::string Number(double x) {
  const double a = std::fabs(x);
  if (a >= 1000 && a < 1e7) return fmt::format("{:.0f}", x);
  return fmt::format("{:.3g}", x);
}

std::string Percent(double x) {
  if (std::isinf(x)) return "+inf";
  const double a = std::fabs(x);
  if (a >= 1e5) return fmt::format("{:+.1e}", x);
  return fmt::format("{:+.{}f}", x, a >= 9.95 && x > -90 ? 0 : a >= 0.095 ? 1 : a < 5e-4 ? 1 : 3);
}

std::string PercentText(const Interval& i) { return fmt::format("{}% [{}, {}]", Percent(i.mean), Percent(i.lo), Percent(i.hi)); }

bool Shown(const Interval& i) { return i.lo > 0 || i.hi < 0; }

// The objectives, then the few others that moved.
std::vector<MetricEffect> Effects(const std::vector<Objective>& objectives, const Evaluation& from, const Evaluation& to) {
  std::vector<MetricEffect> out;
  for (const Objective& o : objectives)
    if (auto e = EffectOn(o.metric, from, to)) out.push_back(*e);
  const size_t mine = out.size();
  for (const std::string& name : kOthers) {
    if (IsObjective(objectives, name) || out.size() >= mine + kMostOthers) continue;
    auto e = EffectOn(name, from, to, 1 - 0.05 / static_cast<double>(kOthers.size()));
    if (e && std::fabs(e->change_pct.mean) >= kLeastOtherPct && Shown(e->change_pct)) out.push_back(*e);
  }
  return out;
}

std::string EffectText(const MetricEffect& e) {
  const MetricInfo* info = FindMetric(e.metric);
  const std::string unit = info && info->unit != "1" ? (info->unit == "%" ? "%" : " " + std::string(info->unit)) : "";
  if (e.from == e.to && e.change_pct.lo == 0 && e.change_pct.hi == 0) return fmt::format("{} {}{} unchanged", e.metric, Number(e.to), unit);
  return fmt::format("{} {} -> {}{} ({})", e.metric, Number(e.from), Number(e.to), unit, PercentText(e.change_pct));
}

std::string EffectsText(const std::vector<Objective>& objectives, const Evaluation& from, const Evaluation& to) {
  std::string out;
  for (const MetricEffect& e : Effects(objectives, from, to)) out += (out.empty() ? "" : ", ") + EffectText(e);
  return out;
}

std::string Verdict(const Interval& gain, double tolerance_pct) {
  if (gain.lo > tolerance_pct) return "pays";
  if (gain.hi < -tolerance_pct) return "costs";
  if (gain.lo >= -tolerance_pct) return "does nothing";
  return "no effect shown";
}

Tunables TunablesOf(const std::string& source) {
  auto t = DefaultTunables(source);
  return t.ok() ? *t : Tunables{};
}

// The measured hunks, the one that brings most first; a hunk's number is its place here, from 1.
std::vector<size_t> Ranking(const Explanation& e) {
  std::vector<size_t> order;
  std::vector<double> gain(e.hunks.size());
  for (size_t i = 0; i < e.hunks.size(); ++i) {
    const ExplainedHunk& h = e.hunks[i];
    if (h.shared) continue;
    order.push_back(i);
    gain[i] = h.without && h.without->outcome == Outcome::kOk ? ScoreGain(*h.without, e.minimized).mean : -1e9;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return gain[a] > gain[b]; });
  return order;
}

std::string NumbersText(const std::vector<int>& hunks, const std::vector<size_t>& ranking) {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < ranking.size(); ++i)
    if (std::find(hunks.begin(), hunks.end(), static_cast<int>(ranking[i])) != hunks.end()) numbers.push_back(i + 1);
  std::string out;
  for (size_t n : numbers) out += (out.empty() ? "" : ", ") + std::to_string(n);
  return out.empty() ? "" : (numbers.size() == 1 ? "change " : "changes ") + out;
}

std::string Lines(const ExplainedHunk& h) {
  int first = h.changes[0].line, last = first;
  for (const ExplainedChange& c : h.changes) first = std::min(first, c.line), last = std::max(last, c.line);
  return first == last ? fmt::format("line {}", first) : fmt::format("lines {} to {}", first, last);
}

struct PartEffect {
  const ExplainedPart* part;
  Interval gain;
};

// The parts with an effect, the largest first; each behaviour once.
std::vector<PartEffect> PartEffects(const Explanation& e, const ExplainedHunk& h) {
  std::vector<PartEffect> out;
  std::set<std::vector<double>> seen;
  for (const ExplainedPart& p : h.parts) {
    const Interval gain = ScoreGain(p.without, e.minimized);
    if (!Shown(gain) || std::fabs(gain.mean) <= e.tolerance_pct) continue;
    if (seen.insert(p.without.Scores()).second) out.push_back({&p, gain});
  }
  std::stable_sort(out.begin(), out.end(), [](const PartEffect& a, const PartEffect& b) { return a.gain.mean > b.gain.mean; });
  return out;
}

// What is said of one hunk, without its number.
struct HunkText {
  std::string what;
  std::vector<std::string> measured, parts;
};

HunkText TextOf(const ExplainHead& head, const Explanation& e, const std::vector<size_t>& ranking, const ExplainedHunk& h) {
  const Tunables tunables = TunablesOf(e.source);
  HunkText t;
  t.what = DescribeChanges(h.changes, tunables);
  if (h.without && h.without->outcome == Outcome::kOk) {
    const Interval gain = ScoreGain(*h.without, e.minimized);
    t.measured.push_back(fmt::format("{}; score {}: {}", EffectsText(head.objectives, *h.without, e.minimized), PercentText(gain), Verdict(gain, e.tolerance_pct)));
  } else if (h.without) {
    t.measured.push_back(fmt::format("cannot be left out: {}", QuoteCode(h.without->diagnosis, 200)));
  }
  if (const std::string with = NumbersText(h.goes_with, ranking); !with.empty()) t.measured.push_back(fmt::format("measured together with {}, which cannot stay without it", with));
  if (h.alone && h.alone->outcome == Outcome::kOk)
    t.measured.push_back(fmt::format("alone in {}{}: score {}", head.seed_policy, NumbersText(h.needs, ranking).empty() ? "" : ", with " + NumbersText(h.needs, ranking) + ", which it needs",
                                     PercentText(ScoreGain(e.seed, *h.alone))));
  else if (h.alone)
    t.measured.push_back(fmt::format("alone in {} it fails ({})", head.seed_policy, OutcomeName(h.alone->outcome)));
  const std::vector<PartEffect> parts = PartEffects(e, h);
  for (const PartEffect& p : parts) {
    if (t.parts.size() >= kMostParts) break;
    t.parts.push_back(fmt::format("line {}: {}: score {}; `{}`", p.part->change.line, DescribeChanges({p.part->change}, tunables), PercentText(p.gain), QuoteCode(p.part->change.after)));
  }
  if (parts.size() > t.parts.size()) t.parts.push_back(fmt::format("and {} more with less effect", parts.size() - t.parts.size()));
  if (const size_t idle = h.parts.size() - parts.size(); idle > 0 && !h.parts.empty())
    t.parts.push_back(fmt::format("{} more parts could be left out one at a time; no effect of their own was shown", idle));
  return t;
}

std::string WholeText(const ExplainHead& head, const Explanation& e) {
  return fmt::format("score {} -> {} % of the bound: {}\n{}\n", Number(e.seed.MeanScore()), Number(e.policy.MeanScore()), PercentText(ScoreGain(e.seed, e.policy)),
                     EffectsText(head.objectives, e.seed, e.policy));
}

std::string DroppedText(const Explanation& e) {
  if (e.dropped.empty()) return "";
  const bool one = e.dropped.size() == 1;
  return fmt::format("{} not help and {} left out of the smaller policy; its score against the whole: {}", one ? "One change does" : fmt::format("{} changes do", e.dropped.size()), one ? "is" : "are",
                     PercentText(ScoreGain(e.policy, e.minimized)));
}

std::string DroppedLine(const Explanation& e, const ExplainedChange& c) {
  return fmt::format("line {}: {}", c.line, DescribeChanges({c}, TunablesOf(e.source)));
}

std::string SharedText(const Explanation& e) {
  std::string list;
  for (const ExplainedHunk& h : e.hunks)
    for (const ExplainedChange& c : h.changes)
      if (h.shared) list += (list.empty() ? "" : ", ") + ("`" + QuoteCode(c.after) + "`");
  return list.empty() ? "" : "\nDeclarations that several of them use, nothing by themselves: " + list + "\n";
}

std::string InteractionText(const Explanation& e) {
  const auto i = InteractionOf(e);
  if (!i) return "";
  std::string text = fmt::format("Left out one at a time, the changes' effects multiply to {}; all together give {}: ", PercentText(i->single_pct), PercentText(i->whole_pct));
  if (!Shown(i->excess_pct)) return text + "no interaction is shown.";
  return text + (i->excess_pct.lo > 0 ? "they need each other, so single effects count the same gain more than once." : "they stand in for each other: what one loses, another makes good in part.");
}

}  // namespace

bool IsObjective(const std::vector<Objective>& objectives, const std::string& metric) {
  return std::any_of(objectives.begin(), objectives.end(), [&](const Objective& o) { return o.metric == metric; });
}

json MetricEffectJson(const MetricEffect& e) {
  return {{"from", e.from}, {"to", e.to}, {"change_pct", e.change_pct.mean}, {"ci95", IntervalJson(e.change_pct)}};
}

std::optional<MetricEffect> EffectOn(const std::string& metric, const Evaluation& from, const Evaluation& to, double confidence) {
  std::vector<double> a, b;
  if (from.seeds.size() != to.seeds.size() || from.seeds.empty()) return std::nullopt;
  for (size_t i = 0; i < from.seeds.size(); ++i) {
    auto x = from.seeds[i].metrics.find(metric), y = to.seeds[i].metrics.find(metric);
    if (x == from.seeds[i].metrics.end() || y == to.seeds[i].metrics.end() || !(x->second > 0) || !(y->second > 0)) return std::nullopt;
    a.push_back(x->second);
    b.push_back(y->second);
  }
  return MetricEffect{metric, MeanInterval(a).mean, MeanInterval(b).mean, PairedGainPct(a, b, confidence)};
}

Interval ScoreGain(const Evaluation& from, const Evaluation& to) { return PairedGainPct(from.Scores(), to.Scores()); }

std::optional<Interaction> InteractionOf(const Explanation& e) {
  const size_t n = e.minimized.seeds.size();
  std::vector<double> single(n), whole(n), excess(n);
  int hunks = 0;
  auto log_gain = [&](const Evaluation& from, size_t s) { return std::log(e.minimized.seeds[s].score / from.seeds[s].score); };
  for (const ExplainedHunk& h : e.hunks) {
    if (!h.without || h.without->outcome != Outcome::kOk || h.without->seeds.size() != n) continue;
    ++hunks;
    for (size_t s = 0; s < n; ++s) single[s] += log_gain(*h.without, s);
  }
  if (hunks < 2 || e.seed.seeds.size() != n) return std::nullopt;
  for (size_t s = 0; s < n; ++s) whole[s] = log_gain(e.seed, s), excess[s] = single[s] - whole[s];
  auto percent = [](const std::vector<double>& logs) {
    const Interval l = MeanInterval(logs);
    return Interval{100 * std::expm1(l.mean), 100 * std::expm1(l.lo), 100 * std::expm1(l.hi)};
  };
  for (const std::vector<double>* x : {&single, &whole})
    for (double v : *x)
      if (!std::isfinite(v)) return std::nullopt;
  return Interaction{percent(single), percent(whole), percent(excess)};
}

std::string ExplainText(const ExplainHead& head, const Explanation& e) {
  std::string out = fmt::format("{} against {} on {}, {} with {} CPUs, {} seeds; intervals are 95%, paired by seed\n\n{}\n", Printable(head.policy), Printable(head.seed_policy),
                                Printable(head.workload), Printable(head.machine), head.cpus, head.seeds, WholeText(head, e));
  if (!e.dropped.empty()) {
    out += DroppedText(e) + "\n";
    for (const ExplainedChange& c : e.dropped) out += "  - " + DroppedLine(e, c) + "\n";
    out += "\n";
  }
  const std::vector<size_t> ranking = Ranking(e);
  if (!ranking.empty()) out += "What each change brings the policy that has all the others: values without it -> with it.\n\n";
  for (size_t i = 0; i < ranking.size(); ++i) {
    const HunkText t = TextOf(head, e, ranking, e.hunks[ranking[i]]);
    out += fmt::format("{}. {} ({})\n", i + 1, t.what, Lines(e.hunks[ranking[i]]));
    for (const std::string& m : t.measured) out += "   " + m + "\n";
    for (const std::string& p : t.parts) out += "   - " + p + "\n";
  }
  if (e.hunks.empty()) out += "Nothing is left: no change of this policy has an effect on the score here.\n";
  out += SharedText(e);
  if (const std::string text = InteractionText(e); !text.empty()) out += "\n" + text + "\n";
  return out;
}

std::string ExplainMarkdown(const ExplainHead& head, const Explanation& e) {
  std::string out = fmt::format("# {}\n\nEvolved from `{}` for the workload `{}` on `{}` with {} CPUs. Measured on {} seeds in the simulator; intervals are 95%, paired by seed.\n\n",
                                Printable(head.policy), Printable(head.seed_policy), Printable(head.workload), Printable(head.machine), head.cpus, head.seeds);
  if (!head.header.empty()) out += "Its own header says:\n\n```\n" + head.header + "```\n\n";
  const Interval gain = ScoreGain(e.seed, e.policy);
  std::vector<std::vector<std::string>> table = {{"", head.seed_policy, head.policy, "change"}};
  table.push_back({"score, % of the bound", Number(e.seed.MeanScore()), Number(e.policy.MeanScore()), PercentText(gain)});
  for (const MetricEffect& m : Effects(head.objectives, e.seed, e.policy)) {
    const MetricInfo* info = FindMetric(m.metric);
    table.push_back({m.metric + (info && info->unit != "1" ? ", " + std::string(info->unit) : ""), Number(m.from), Number(m.to), PercentText(m.change_pct)});
  }
  out += FormatMarkdownTable(table) + "\n## What pays\n\nEach change: what it does, and what it brings the policy that has all the others (values without it -> with it). The largest effect on the score first.\n\n";
  const std::vector<size_t> ranking = Ranking(e);
  for (size_t i = 0; i < ranking.size(); ++i) {
    const HunkText t = TextOf(head, e, ranking, e.hunks[ranking[i]]);
    out += fmt::format("{}. **{}** ({})\n", i + 1, t.what, Lines(e.hunks[ranking[i]]));
    for (const std::string& m : t.measured) out += "   - " + m + "\n";
    if (!t.parts.empty()) out += "   - parts:\n";
    for (const std::string& p : t.parts) out += "     - " + p + "\n";
  }
  if (e.hunks.empty()) out += "Nothing is left: no change of this policy has an effect on the score here.\n";
  out += SharedText(e);
  if (const std::string text = InteractionText(e); !text.empty()) out += "\n" + text + "\n";
  if (!e.dropped.empty()) {
    out += "\n## What does not help\n\n" + DroppedText(e) + ".\n\n";
    for (const ExplainedChange& c : e.dropped) out += "- " + DroppedLine(e, c) + "\n";
  }
  if (!head.lineage.empty()) {
    out += "\n## Lineage\n\n";
    for (const LineageStep& s : head.lineage)
      out += fmt::format("- candidate {}, {}: {} (score on the search seeds {})\n", s.id, s.op, Printable(s.note), s.score ? Number(*s.score) : "not measured");
    if (head.simplified) out += "\nThe policy is the last of these without what did not help.\n";
  }
  out += "\n## How this was measured\n\n";
  if (!head.command.empty()) out += "```\n" + head.command + "\n```\n\n";
  out += fmt::format("{} variants; what changes the score by less than {}% counts as nothing. The difference to `{}`, without what does nothing:\n\n```diff\n{}```\n", e.evaluations,
                     Number(e.tolerance_pct), head.seed_policy, head.diff);
  return out;
}

json ExplainJson(const ExplainHead& head, const Explanation& e) {
  const Tunables tunables = TunablesOf(e.source);
  auto change = [&](const ExplainedChange& c) {
    json j = {{"kind", c.kind}, {"block", c.block}, {"function", c.function}, {"line", c.line}, {"before", c.before}, {"after", c.after}, {"what", DescribeChanges({c}, tunables)}};
    if (!c.context.empty()) j["context"] = c.context;
    return j;
  };
  auto gain = [](const Interval& i) { return json{{"gain_pct", i.mean}, {"ci95", IntervalJson(i)}}; };
  auto effect = [&](const Evaluation& from, const Evaluation& to) {
    json j = gain(ScoreGain(from, to));
    j["metrics"] = json::object();
    for (auto& [name, value] : to.seeds.empty() ? Metrics{} : to.seeds[0].metrics)
      if (auto m = EffectOn(name, from, to)) j["metrics"][name] = MetricEffectJson(*m);
    return j;
  };
  auto variant = [&](const Evaluation& from, const Evaluation& to, const Evaluation& its) {
    if (its.outcome == Outcome::kOk) return effect(from, to);
    return json{{"outcome", OutcomeName(its.outcome)}, {"diagnosis", its.diagnosis}};
  };
  json hunks = json::array(), dropped = json::array(), lineage = json::array();
  for (const ExplainedHunk& h : e.hunks) {
    json j = {{"what", DescribeChanges(h.changes, tunables)}, {"shared", h.shared}, {"changes", json::array()}, {"goes_with", h.goes_with}, {"needs", h.needs}, {"parts", json::array()}};
    for (const ExplainedChange& c : h.changes) j["changes"].push_back(change(c));
    if (h.without) j["effect"] = variant(*h.without, e.minimized, *h.without);
    if (h.without && h.without->outcome == Outcome::kOk) j["verdict"] = Verdict(ScoreGain(*h.without, e.minimized), e.tolerance_pct);
    if (h.alone) j["alone"] = variant(e.seed, *h.alone, *h.alone);
    for (const ExplainedPart& p : h.parts) {
      json part = change(p.change);
      part["effect"] = effect(p.without, e.minimized);
      j["parts"].push_back(std::move(part));
    }
    hunks.push_back(std::move(j));
  }
  for (const ExplainedChange& c : e.dropped) dropped.push_back(change(c));
  for (const LineageStep& s : head.lineage) lineage.push_back({{"id", s.id}, {"op", s.op}, {"note", s.note}, {"score", s.score ? json(*s.score) : json()}});
  json j = {{"policy", head.policy}, {"seed_policy", head.seed_policy}, {"workload", head.workload}, {"machine", head.machine}, {"cpus", head.cpus}, {"seeds", head.seeds},
            {"score", {{"seed_policy", e.seed.MeanScore()}, {"policy", e.policy.MeanScore()}, {"minimized", e.minimized.MeanScore()}}},
            {"whole", effect(e.seed, e.policy)}, {"minimized", effect(e.policy, e.minimized)}, {"tolerance_pct", e.tolerance_pct}, {"evaluations", e.evaluations},
            {"hunks", hunks}, {"dropped", dropped}};
  j["minimized"]["source"] = e.source;
  if (const auto i = InteractionOf(e)) j["interaction"] = {{"single", gain(i->single_pct)}, {"whole", gain(i->whole_pct)}, {"excess", gain(i->excess_pct)}};
  if (!head.run.empty()) j["run"] = head.run, j["lineage"] = lineage, j["simplified"] = head.simplified;
  return j;
}

}  // namespace ose
