#include "prove/explain.h"

#include <algorithm>
#include <future>

#include "core/exit_code.h"
#include "core/statements.h"
#include "eval/collect.h"
#include "prove/hunks.h"
#include "prove/minimize.h"

namespace ose {
namespace {

class Explainer {
 public:
  Explainer(const ExplainOptions& options, Evaluator& evaluator) : options_(options), evaluator_(evaluator) {}

  Result<Explanation> Run(const std::string& seed, const std::string& policy) {
    out_.tolerance_pct = options_.tolerance_pct;
    for (const bool is_seed : {true, false}) {
      const std::string& file = is_seed ? options_.seed_file : options_.policy_file;
      OSE_ASSIGN(std::vector<Evaluation> e, Measure({is_seed ? seed : policy}, "measuring " + file, options_.seeds, file));
      if (e[0].outcome != Outcome::kOk) return Error{evaluator_.ExitCode(e[0]), e[0].diagnosis};
      (is_seed ? out_.seed : out_.policy) = std::move(e[0]);
    }
    out_.minimized = out_.policy;
    // After the gate: it bounds how deep code is nested.
    OSE_ASSIGN(PolicyDiff whole, PolicyDiff::Make(seed, policy));
    if (whole.pieces().empty()) return Error{kExitUsage, options_.policy_file + " does not differ from " + options_.seed_file + " in its code: there is nothing to explain"};
    out_.source = policy;
    if (!options_.minimize_seeds.empty()) OSE_TRY(Minimise(seed, policy));
    OSE_ASSIGN(PolicyDiff diff, PolicyDiff::Make(seed, out_.source));
    OSE_TRY(LeaveOut(diff));
    if (options_.parts) OSE_TRY(Parts(diff));
    return std::move(out_);
  }

 private:
  static constexpr char kInterrupted[] = "interrupted before the policy was explained";

  Result<std::vector<Evaluation>> Measure(const std::vector<std::string>& sources, const std::string& doing) { return Measure(sources, doing, options_.seeds, "policy.cc"); }
  Result<std::vector<Evaluation>> Measure(const std::vector<std::string>& sources, const std::string& doing, const std::vector<uint64_t>& seeds,
                                          const std::string& file) {
    std::vector<std::future<Evaluation>> futures;
    for (const std::string& s : sources) futures.push_back(evaluator_.Submit({.source = s, .file = file, .seeds = seeds, .skeleton_of = {}}));
    CollectOptions collect{.stop = options_.stop, .interrupted = kInterrupted, .on_progress = {}};
    if (options_.on_progress) collect.on_progress = [&](int done, int total) { options_.on_progress(doing, done, total); };
    OSE_ASSIGN(std::vector<Evaluation> out, CollectEvaluations(std::move(futures), collect));
    out_.evaluations += static_cast<int>(out.size());
    return out;
  }

  // Whether a variant runs at all, on one seed.
  Result<bool> Runs(const std::string& source) {
    OSE_ASSIGN(std::vector<Evaluation> one, Measure({source}, "looking for changes that can be left out", {options_.seeds[0]}, "policy.cc"));
    return one[0].outcome == Outcome::kOk;
  }

  Status Minimise(const std::string& seed, const std::string& policy) {
    MinimizeOptions minimize;
    minimize.seeds = options_.minimize_seeds;
    minimize.tolerance_pct = options_.tolerance_pct;
    minimize.max_tries = options_.max_tries;
    minimize.stop = options_.stop;
    minimize.on_progress = [&](int tries, int) {
      if (options_.on_progress) options_.on_progress("taking out what does nothing", tries, 0);
    };
    const Minimized m = Minimize(minimize, seed, policy, evaluator_);
    if (options_.stop && *options_.stop) return Error{kExitInterrupted, kInterrupted};
    out_.evaluations += m.tries;
    if (m.source == policy) return {};
    OSE_ASSIGN(std::vector<Evaluation> again, Measure({m.source}, "measuring what is left"));
    if (again[0].outcome != Outcome::kOk || !NoWorse(PairedGainPct(out_.policy.Scores(), again[0].Scores()), options_.tolerance_pct)) return {};
    out_.source = m.source;
    out_.minimized = std::move(again[0]);
    // What the one has and the other lacks, seen from the policy that was given.
    OSE_ASSIGN(PolicyDiff dropped, PolicyDiff::Make(m.source, policy));
    const SourceTree tree(dropped.after());
    for (int top : dropped.Tops()) out_.dropped.push_back(ChangeOf(dropped, top, tree));
    return {};
  }

  static ExplainedChange ChangeOf(const PolicyDiff& diff, int piece, const SourceTree& tree) {
    const DiffPiece& p = diff.pieces()[static_cast<size_t>(piece)];
    // The first line of code, behind comments and blank lines.
    const std::vector<LexToken> code = tree.TokensIn(p.begin, p.end);
    return {PieceKindName(p.kind), p.block, p.function, p.before, p.after, p.context, p.context_before, tree.LineAt(code.empty() ? p.begin : code[0].begin)};
  }

  static std::set<int> PiecesOf(const std::vector<Hunk>& hunks, const std::set<size_t>& chosen) {
    std::set<int> out;
    for (size_t h : chosen) out.insert(hunks[h].pieces.begin(), hunks[h].pieces.end());
    return out;
  }

  // The smallest set of hunks with `h` without which the policy runs; all of them at the worst.
  Result<std::set<size_t>> Removable(const PolicyDiff& diff, const std::vector<Hunk>& hunks, size_t h) {
    const DiffPiece& mine = diff.pieces()[static_cast<size_t>(hunks[h].pieces[0])];
    std::vector<std::set<size_t>> wider;
    std::set<size_t> block, hook, all;
    for (size_t o = 0; o < hunks.size(); ++o) {
      const DiffPiece& other = diff.pieces()[static_cast<size_t>(hunks[o].pieces[0])];
      all.insert(o);
      if (other.function != mine.function) continue;
      hook.insert(o);
      if (other.block == mine.block) block.insert(o);
    }
    std::vector<size_t> near(hook.begin(), hook.end());
    auto distance = [&](size_t o) { return o < h ? h - o : o - h; };
    std::sort(near.begin(), near.end(), [&](size_t a, size_t b) { return distance(a) != distance(b) ? distance(a) < distance(b) : a < b; });
    constexpr size_t kPairs = 6;
    for (size_t o : near)
      if (o != h && wider.size() < kPairs) wider.push_back({h, o});
    wider.push_back(block);
    wider.push_back(hook);
    for (const std::set<size_t>& chosen : wider) {
      if (chosen.size() < 2) continue;
      OSE_ASSIGN(bool runs, Runs(diff.Without(diff.Closure(PiecesOf(hunks, chosen)))));
      if (runs) return chosen;
    }
    return all;
  }

  Status LeaveOut(const PolicyDiff& diff) {
    std::vector<Hunk> hunks = Hunks(diff);
    std::vector<std::string> variants;
    std::vector<Evaluation> without;
    for (;;) {
      variants.clear();
      for (const Hunk& h : hunks) variants.push_back(h.shared ? out_.source : diff.Without(diff.Closure({h.pieces.begin(), h.pieces.end()})));
      OSE_ASSIGN(without, Measure(variants, "leaving out one change after the other"));
      // One that cannot go alone is joined with others, and all is measured again, mostly from the cache.
      size_t bad = 0;
      while (bad < hunks.size() && without[bad].outcome == Outcome::kOk) ++bad;
      if (bad == hunks.size() || hunks.size() == 1) break;
      OSE_ASSIGN(std::set<size_t> joined, Removable(diff, hunks, bad));
      Hunk together;
      for (size_t h : joined) together.pieces.insert(together.pieces.end(), hunks[h].pieces.begin(), hunks[h].pieces.end());
      std::sort(together.pieces.begin(), together.pieces.end());
      for (auto it = joined.rbegin(); it != joined.rend(); ++it) hunks.erase(hunks.begin() + static_cast<ptrdiff_t>(*it));
      hunks.insert(std::upper_bound(hunks.begin(), hunks.end(), together, [](const Hunk& a, const Hunk& b) { return a.pieces < b.pieces; }), together);
    }
    // The seed policy with one hunk and what it needs.
    const std::vector<int> tops = diff.Tops();
    auto index_of = [&](int top) {
      size_t h = 0;
      while (std::find(hunks[h].pieces.begin(), hunks[h].pieces.end(), top) == hunks[h].pieces.end()) ++h;
      return static_cast<int>(h);
    };
    auto others = [&](const std::set<int>& pieces, size_t me) {
      std::set<int> out;
      for (int p : pieces)
        if (diff.pieces()[static_cast<size_t>(p)].parent < 0) out.insert(index_of(p));
      out.erase(static_cast<int>(me));
      return std::vector<int>(out.begin(), out.end());
    };
    variants.clear();
    for (size_t h = 0; h < hunks.size(); ++h) {
      const std::set<int> mine(hunks[h].pieces.begin(), hunks[h].pieces.end()), needed = diff.Needs(mine);
      std::set<int> out(tops.begin(), tops.end());
      for (int p : needed) out.erase(p);
      variants.push_back(hunks[h].shared ? diff.before() : diff.Without(out));
      ExplainedHunk hunk;
      hunk.shared = hunks[h].shared;
      hunk.needs = others(needed, h);
      if (!hunk.shared) hunk.goes_with = others(diff.Closure(mine), h);
      out_.hunks.push_back(std::move(hunk));
    }
    OSE_ASSIGN(std::vector<Evaluation> alone, Measure(variants, "adding one change after the other to the seed policy"));
    const SourceTree tree(diff.after());
    for (size_t h = 0; h < hunks.size(); ++h) {
      ExplainedHunk& hunk = out_.hunks[h];
      for (int p : hunks[h].pieces) hunk.changes.push_back(ChangeOf(diff, p, tree));
      if (hunk.shared) continue;
      hunk.without = std::move(without[h]);
      hunk.alone = std::move(alone[h]);
    }
    hunks_ = std::move(hunks);
    return {};
  }

  Status Parts(const PolicyDiff& diff) {
    std::vector<std::pair<size_t, int>> parts;
    std::vector<std::string> variants;
    std::set<std::string> seen{out_.source};
    for (size_t h = 0; h < hunks_.size(); ++h) {
      if (hunks_[h].shared) continue;
      for (int top : hunks_[h].pieces)
        for (int part : diff.PartsOf(top)) {
          if (!diff.pieces()[static_cast<size_t>(part)].declares.empty()) continue;  // it is nothing by itself
          const std::set<int> out = diff.Closure({part});
          if (std::any_of(hunks_[h].pieces.begin(), hunks_[h].pieces.end(), [&](int t) { return out.contains(t); })) continue;
          if (std::string source = diff.Without(out); seen.insert(source).second) parts.emplace_back(h, part), variants.push_back(std::move(source));
        }
    }
    OSE_ASSIGN(std::vector<Evaluation> without, Measure(variants, "leaving out parts"));
    const SourceTree tree(diff.after());
    for (size_t i = 0; i < parts.size(); ++i)
      if (without[i].outcome == Outcome::kOk) out_.hunks[parts[i].first].parts.push_back({ChangeOf(diff, parts[i].second, tree), std::move(without[i])});
    return {};
  }

  const ExplainOptions& options_;
  Evaluator& evaluator_;
  Explanation out_;
  std::vector<Hunk> hunks_;
};

}  // namespace

Result<Explanation> Explain(const ExplainOptions& options, const std::string& seed, const std::string& policy, Evaluator& evaluator) {
  return Explainer(options, evaluator).Run(seed, policy);
}

}  // namespace ose
