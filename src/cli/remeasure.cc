#include "cli/remeasure.h"

#include <fmt/format.h>

#include <set>

#include "base/hash.h"
#include "cli/output.h"
#include "core/exit_code.h"

namespace ose {
namespace {

struct Opponent {
  PolicyRecord policy;
  Evaluation evaluation;
};

// Seeds on which a policy was measured here, on this workload and machine.
Result<std::set<uint64_t>> MeasuredBases(KnowledgeBase& kb, const Problem& problem, const std::string& policy) {
  std::set<uint64_t> bases;
  auto details = kb.Show(policy);
  if (!details.ok()) return details.error().code == kExitNotFound ? Result<std::set<uint64_t>>(bases) : details.error();
  for (const EvaluationRecord& e : details->evaluations)
    if (!e.imported && e.family == SeedFamily::kFinal && e.workload == problem.workload_hash && e.machine == problem.machine_hash)
      bases.insert(e.seed_base);
  return bases;
}

Result<std::vector<Opponent>> Opponents(const Context& context, KnowledgeBase& kb, const std::optional<Veteran>& current) {
  std::vector<Opponent> opponents;
  if (current) {
    OSE_ASSIGN(PolicyRecord record, kb.LoadPolicy(current->claim.policy));
    opponents.push_back({std::move(record), {}});
    return opponents;
  }
  OSE_ASSIGN(std::vector<NamedSource> shipped, ShippedPolicies(context));
  for (NamedSource& s : shipped) {
    PolicyRecord record{.hash = Sha256Hex(s.source), .source = std::move(s.source), .name = std::move(s.name), .author = "human"};
    opponents.push_back({std::move(record), {}});
  }
  return opponents;
}

}  // namespace

Result<Remeasured> Remeasure(const Context& context, Knowledge& knowledge, const Problem& problem, const std::string& hash,
                             const RemeasureOptions& options) {
  KnowledgeBase& kb = knowledge.base();
  OSE_ASSIGN(const PolicyRecord policy, kb.LoadPolicy(hash));
  Remeasured r;
  OSE_ASSIGN(auto current, kb.CurrentVeteran(problem.workload_hash, problem.machine_hash));
  if (current && current->claim.policy == policy.hash) {
    r.veteran = true;
    r.reason = "it is the veteran already";
    return r;
  }
  OSE_ASSIGN(std::vector<Opponent> opponents, Opponents(context, kb, current));
  OSE_ASSIGN(const std::set<uint64_t> mine, MeasuredBases(kb, problem, policy.hash));
  for (const Opponent& o : opponents) {
    if (o.policy.hash == policy.hash) {
      r.reason = "it is a hand-written policy of this OS-Evolve";
      return r;
    }
    OSE_ASSIGN(const std::set<uint64_t> theirs, MeasuredBases(kb, problem, o.policy.hash));
    for (uint64_t base : mine)
      if (theirs.contains(base)) {
        r.reason = fmt::format("it was measured here against {} before, and did not become the veteran", o.policy.name);
        return r;
      }
  }

  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, options.jobs));
  const std::vector<uint64_t> seeds = MakeSeeds(SeedFamily::kFinal, options.seed_base, problem.workload.final_seeds);
  auto submit = [&](const PolicyRecord& p) { return evaluator->Submit({.source = p.source, .file = p.name + ".cc", .seeds = seeds, .skeleton_of = {}}); };
  auto wait = [&](std::future<Evaluation>& future, const std::string& name) -> Result<Evaluation> {
    OSE_TRY(Await(future, [&] {
      if (options.on_progress) options.on_progress(fmt::format("measuring {} on {} final seeds of {}", name, seeds.size(), problem.workload.name));
    }));
    Evaluation e = future.get();
    if (e.outcome == Outcome::kInternal) return Error{evaluator->ExitCode(e), e.diagnosis};
    return e;
  };
  std::future<Evaluation> future = submit(policy);
  OSE_ASSIGN(const Evaluation evaluation, wait(future, policy.name));
  if (evaluation.outcome != Outcome::kOk) {
    r.reason = fmt::format("it fails here: {}: {}", OutcomeName(evaluation.outcome), evaluation.diagnosis);
    return r;
  }
  std::vector<std::future<Evaluation>> futures;
  for (const Opponent& o : opponents) futures.push_back(submit(o.policy));
  const Opponent* best = nullptr;
  for (size_t i = 0; i < opponents.size(); ++i) {
    OSE_ASSIGN(opponents[i].evaluation, wait(futures[i], opponents[i].policy.name));
    if (opponents[i].evaluation.outcome != Outcome::kOk) continue;
    if (!best || opponents[i].evaluation.MeanScore() > best->evaluation.MeanScore()) best = &opponents[i];
  }
  if (!best) {
    r.reason = fmt::format("there is nothing to compare it with: {} fails here: {}", opponents.empty() ? "" : opponents[0].policy.name,
                           opponents.empty() ? "" : opponents[0].evaluation.diagnosis);
    return r;
  }

  auto record = [&](PolicyRecord p, const Evaluation& e) -> Status {
    p.object_hash = e.object_hash;
    OSE_TRY(kb.UpsertPolicy(p));
    return knowledge.RecordFinal(problem, p.hash, e, options.seed_base);
  };
  OSE_TRY(record(policy, evaluation));
  for (const Opponent& o : opponents)
    if (o.evaluation.outcome == Outcome::kOk) OSE_TRY(record(o.policy, o.evaluation));
  r.measured = true;
  r.incumbent = best->policy.name;
  r.gain = PairedGainPct(best->evaluation.Scores(), evaluation.Scores());
  r.seeds = static_cast<int>(seeds.size());
  r.score = evaluation.MeanScore();
  OSE_ASSIGN(Promotion promotion, kb.PromoteVeteran({.policy = policy.hash, .workload = problem.workload_hash, .machine = problem.machine_hash,
                                                     .incumbent = best->policy.hash, .gain_pct = r.gain, .family = SeedFamily::kFinal, .seeds = r.seeds,
                                                     .seed_base = options.seed_base, .score = r.score, .pct_of_bound = r.score}));
  r.veteran = promotion.promoted;
  r.reason = promotion.reason;
  return r;
}

}  // namespace ose
