// The inside of KnowledgeBase, for its sources. Private to src/store.
#ifndef OSEVOLVE_STORE_KNOWLEDGE_IMPL_H_
#define OSEVOLVE_STORE_KNOWLEDGE_IMPL_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/db.h"
#include "store/knowledge_base.h"

namespace ose {

// What ReadVeteran reads; a WHERE follows.
#define OSE_VETERAN_COLUMNS                                                                              \
  "SELECT v.id, v.policy, v.workload, v.machine, v.incumbent, v.gain_pct, v.gain_lo_pct, v.gain_hi_pct, " \
  "v.family, v.seeds, v.seed_base, v.score, v.pct_of_bound, coalesce(v.superseded_by, ''), v.since_wall, " \
  "p.name, w.name, m.name, m.cpus, w.signature, w.signature_version FROM veteran v "                      \
  "JOIN policy p ON p.hash = v.policy JOIN workload w ON w.hash = v.workload JOIN machine m ON m.hash = v.machine "

struct KnowledgeBase::Impl {
  static constexpr int kSignatureColumn = 19, kSignatureVersionColumn = 20;  // of OSE_VETERAN_COLUMNS

  std::unique_ptr<Db> db;
  std::mutex mutex;

  // All of these run inside Db::Try: they throw what SQLite throws.
  static Veteran ReadVeteran(Db::Stmt& row);
  static PolicyRecord ReadPolicy(Db::Stmt& row);          // of SELECT * FROM policy
  static EvaluationRecord ReadEvaluation(Db::Stmt& row);  // of SELECT * FROM evaluation

  Status CheckKnown(const char* what, const char* sql, const std::string& hash);
  Status CheckAllKnown(const std::string& policy, const std::string& workload, const std::string& machine);
  std::optional<Veteran> Current(const std::string& workload, const std::string& machine);
  std::string WhyRefused(const VeteranClaim& claim, const std::optional<Veteran>& current);
  int InsertEvaluation(const EvaluationRecord& evaluation, bool imported);  // returns how many rows changed
  void InsertVeteran(const std::string& id, const VeteranClaim& claim);
  Result<PolicyRecord> Find(std::string_view policy);
  Result<std::vector<VeteranMatch>> Measure(const VeteranQuery& query, int64_t* other_versions);
  Result<Bundle> Export(const std::vector<std::string>& veterans);
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_KNOWLEDGE_IMPL_H_
