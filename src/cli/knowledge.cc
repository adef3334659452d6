#include "cli/knowledge.h"

#include <fmt/format.h>

#include <set>

#include "base/hash.h"
#include "base/json.h"
#include "core/exit_code.h"
#include "evolve/run_memory.h"
#include "report/rows.h"
#include "workload/signature.h"

namespace ose {
namespace {

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  Signature x{}, y{};
  if (a.size() != x.size() || b.size() != y.size()) return 1;
  std::copy(a.begin(), a.end(), x.begin());
  std::copy(b.begin(), b.end(), y.begin());
  return SignatureDistance(x, y);
}

}  // namespace

Result<Knowledge> Knowledge::Open(const std::string& path) {
  if (path == "/knowledge.db")
    return Error{kExitIo, "no folder for the knowledge base: HOME is not set; name a file with --kb, or use --no-kb"};
  auto kb = KnowledgeBase::Open(path, OpenMode::kCreate);
  if (!kb.ok()) {
    Error e = kb.error();
    if (e.code == kExitIo) e.message += "; name another file with --kb, or use --no-kb";
    return e;
  }
  return Knowledge(std::move(*kb));
}

Result<QueryAnswer> QueryNearest(KnowledgeBase& kb, const Problem& problem, int k) {
  VeteranQuery q;
  q.signature = problem.signature;
  q.signature_version = kSignatureVersion;
  q.cpus = problem.machine.cpus;
  q.k = k;
  q.threshold = kNearThreshold;
  q.distance = Distance;
  return kb.Query(q);
}

Result<std::vector<KnownPolicy>> Knowledge::PoliciesFor(const Problem& problem) {
  std::vector<KnownPolicy> out;
  std::set<std::string> seen;
  auto add = [&](const std::string& hash, bool incumbent) -> Status {
    if (!seen.insert(hash).second) return {};
    OSE_ASSIGN(PolicyRecord record, kb_.LoadPolicy(hash));
    out.push_back({"veteran-" + hash.substr(0, 8), record.source, incumbent});
    return {};
  };
  OSE_ASSIGN(auto veteran, kb_.CurrentVeteran(problem.workload_hash, problem.machine_hash));
  if (veteran) OSE_TRY(add(veteran->claim.policy, true));
  OSE_ASSIGN(QueryAnswer answer, QueryNearest(kb_, problem, 3));
  for (const VeteranMatch& m : answer.matches) OSE_TRY(add(m.veteran.claim.policy, false));
  return out;
}

Status Knowledge::RecordProblem(const Problem& problem) {
  OSE_TRY(kb_.UpsertWorkload({.hash = problem.workload_hash, .name = problem.workload.name, .text = problem.workload_text, .signature = problem.signature, .signature_version = kSignatureVersion, .added_wall = {}}));
  OSE_TRY(kb_.UpsertMachine({.hash = problem.machine_hash, .name = problem.machine.name, .text = problem.machine_text, .cpus = problem.machine.cpus, .added_wall = {}}));
  return {};
}

Status Knowledge::RecordFinal(const Problem& problem, const std::string& policy, const Evaluation& e, uint64_t seed_base) {
  EvaluationRecord r;
  r.policy = policy;
  r.workload = problem.workload_hash;
  r.machine = problem.machine_hash;
  r.host = "sim";
  r.family = SeedFamily::kFinal;
  r.seeds = static_cast<int>(e.seeds.size());
  r.seed_base = seed_base;
  r.score = e.MeanScore();
  r.metrics_json = MetricsJson(e).dump();
  r.versions_json = nlohmann::json{{"osevolve", "0.1.0"}}.dump();
  OSE_TRY(kb_.RecordEvaluation(r));
  return {};
}

Result<Promotion> Knowledge::Archive(const Problem& problem, const Proof& proof, const std::vector<SeedPolicy>& seeds, uint64_t seed_base) {
  OSE_TRY(RecordProblem(problem));
  auto upsert = [&](const std::string& name, const std::string& source, const std::string& object, const std::string& parent, const std::string& author) {
    PolicyRecord p;
    p.source = source;
    p.object_hash = object;
    p.name = name;
    p.author = author;
    p.parent = parent;
    return kb_.UpsertPolicy(p);
  };
  // The policies it was compared with, then the winner.
  std::string root, incumbent;
  for (const ProvenRow& row : proof.baselines) {
    for (size_t i = 0; i < seeds.size(); ++i) {
      if (seeds[i].name != row.name) continue;
      OSE_ASSIGN(std::string hash, upsert(row.name, seeds[i].source, row.evaluation.object_hash, "", "human"));
      OSE_TRY(RecordFinal(problem, hash, row.evaluation, seed_base));
      if (static_cast<int64_t>(i) == proof.winner.root) root = hash;
      if (row.name == proof.incumbent) incumbent = hash;
    }
  }
  if (!proof.winner.name.empty()) return Promotion{false, "", "the search found nothing better than " + proof.winner.name};
  OSE_ASSIGN(std::string winner, upsert(problem.workload.name + "-" + Sha256Hex(proof.winner.source).substr(0, 8), proof.winner.source, proof.winner_row.evaluation.object_hash, root, proof.winner.op == kMcpOp ? kMcpOp : proof.winner.author.empty() ? "operators" : proof.winner.author));
  OSE_TRY(RecordFinal(problem, winner, proof.winner_row.evaluation, seed_base));
  if (!(proof.select_gain.lo > 0))
    return Promotion{false, "", fmt::format("its gain on the select seeds may be luck: {:+.2f}% [{:+.2f}, {:+.2f}], corrected for the choice among {}", proof.select_gain.mean, proof.select_gain.lo, proof.select_gain.hi, proof.finalists)};
  VeteranClaim claim;
  claim.policy = winner;
  claim.workload = problem.workload_hash;
  claim.machine = problem.machine_hash;
  claim.incumbent = incumbent;
  claim.gain_pct = proof.vs_incumbent;
  claim.seeds = static_cast<int>(proof.winner_row.evaluation.seeds.size());
  claim.seed_base = seed_base;
  claim.score = proof.winner_row.score;
  claim.pct_of_bound = proof.winner_row.score;
  return kb_.PromoteVeteran(claim);
}

}  // namespace ose
