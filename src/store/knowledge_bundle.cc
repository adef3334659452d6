// Bundles in and out of the knowledge base.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "core/exit_code.h"
#include "store/bundle.h"
#include "store/json_text.h"
#include "store/knowledge_impl.h"

namespace ose {

Result<Bundle> KnowledgeBase::Impl::Export(const std::vector<std::string>& veterans) {
  Bundle bundle;
  std::set<std::pair<std::string, std::string>> places;  // workload and machine
  std::set<std::string> policies, workloads, machines;
  for (const std::string& id : veterans) {
    auto row = db->Prepare(OSE_VETERAN_COLUMNS "WHERE v.id = ? AND v.superseded_by IS NULL");
    row->bind(1, id);
    if (!row->executeStep()) return Error{kExitNotFound, "the knowledge base " + db->path() + " has no current veteran '" + id + "'"};
    VeteranClaim claim = ReadVeteran(row).claim;
    places.emplace(claim.workload, claim.machine);
    policies.insert({claim.policy, claim.incumbent});
    workloads.insert(claim.workload);
    machines.insert(claim.machine);
    bundle.claims.push_back(std::move(claim));
  }
  // Ancestors as far as they are known.
  for (std::vector<std::string> next(policies.begin(), policies.end()); !next.empty();) {
    auto row = db->Prepare("SELECT * FROM policy WHERE hash = ?");
    row->bind(1, next.back());
    next.pop_back();
    if (!row->executeStep()) continue;
    bundle.policies.push_back(ReadPolicy(row));
    if (const std::string& parent = bundle.policies.back().parent; !parent.empty() && policies.insert(parent).second) next.push_back(parent);
  }
  for (const std::string& hash : workloads) {
    auto row = db->Prepare("SELECT name, text, signature, signature_version FROM workload WHERE hash = ?");
    row->bind(1, hash);
    while (row->executeStep())
      bundle.workloads.push_back({.hash = hash, .name = row->getColumn(0).getString(), .text = row->getColumn(1).getString(),
                                  .signature = ParseDoubles(row->getColumn(2).getString()).value_or(std::vector<double>()),
                                  .signature_version = row->getColumn(3).getInt()});
  }
  for (const std::string& hash : machines) {
    auto row = db->Prepare("SELECT name, text FROM machine WHERE hash = ?");
    row->bind(1, hash);
    while (row->executeStep())
      bundle.machines.push_back({.hash = hash, .name = row->getColumn(0).getString(), .text = row->getColumn(1).getString()});
  }
  for (const PolicyRecord& p : bundle.policies) {
    auto row = db->Prepare("SELECT * FROM evaluation WHERE policy = ? AND imported = 0");
    row->bind(1, p.hash);
    while (row->executeStep())
      if (EvaluationRecord e = ReadEvaluation(row); places.contains({e.workload, e.machine})) bundle.evaluations.push_back(std::move(e));
  }
  return bundle;
}

Result<Bundle> KnowledgeBase::Export(const std::vector<std::string>& veterans) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Read([&]() { return impl_->Export(veterans); });
}

Result<ImportCounts> KnowledgeBase::Import(const Bundle& bundle) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<ImportCounts> {
    ImportCounts added;
    for (const PolicyRecord& p : bundle.policies) {
      auto put = db.Prepare("INSERT INTO policy VALUES (?, ?, ?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO NOTHING");
      put->bind(1, p.hash);
      put->bind(2, p.source);
      put->bind(3, p.object_hash);
      put->bind(4, p.name);
      put->bind(5, p.author);
      put->bind(6, p.parent);
      added.policies += put->exec();
    }
    for (const WorkloadRecord& w : bundle.workloads) {
      auto put = db.Prepare("INSERT INTO workload VALUES (?, ?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO NOTHING");
      put->bind(1, w.hash);
      put->bind(2, w.name);
      put->bind(3, w.text);
      put->bind(4, ToJson(w.signature));
      put->bind(5, w.signature_version);
      added.workloads += put->exec();
    }
    for (const MachineRecord& m : bundle.machines) {
      auto put = db.Prepare("INSERT INTO machine VALUES (?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO NOTHING");
      put->bind(1, m.hash);
      put->bind(2, m.name);
      put->bind(3, m.text);
      put->bind(4, m.cpus);
      added.machines += put->exec();
    }
    for (const EvaluationRecord& e : bundle.evaluations) {
      OSE_TRY(impl_->CheckAllKnown(e.policy, e.workload, e.machine));
      added.evaluations += impl_->InsertEvaluation(e, /*imported=*/true);
    }
    return added;
  });
}

}  // namespace ose
