#include "store/knowledge_base.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <mutex>

#include "base/file.h"
#include "base/hash.h"
#include "core/exit_code.h"
#include "store/identity.h"
#include "store/json_text.h"
#include "store/knowledge_impl.h"

namespace ose {
namespace {

// Two samples are the least that have an interval.
constexpr int kMinSeeds = 2;
constexpr size_t kMinPrefix = 4;

std::string Short(const std::string& hash) { return hash.substr(0, 12); }

SeedFamily ParseFamily(std::string_view name) { return SeedFamilyFromName(name).value_or(SeedFamily::kSearch); }

}  // namespace

Veteran KnowledgeBase::Impl::ReadVeteran(Db::Stmt& row) {
  Veteran v;
  auto text = [&](int i) { return row->getColumn(i).getString(); };
  auto real = [&](int i) { return row->getColumn(i).getDouble(); };
  v.id = text(0);
  v.claim = {.policy = text(1), .workload = text(2), .machine = text(3), .incumbent = text(4),
             .gain_pct = {real(5), real(6), real(7)}, .family = ParseFamily(text(8)), .seeds = row->getColumn(9).getInt(),
             .seed_base = static_cast<uint64_t>(row->getColumn(10).getInt64()), .score = real(11), .pct_of_bound = real(12)};
  v.superseded_by = text(13);
  v.since_wall = text(14);
  v.policy_name = text(15);
  v.workload_name = text(16);
  v.machine_name = text(17);
  v.cpus = row->getColumn(18).getInt();
  return v;
}

PolicyRecord KnowledgeBase::Impl::ReadPolicy(Db::Stmt& row) {
  auto text = [&](int i) { return row->getColumn(i).getString(); };
  return {.hash = text(0), .source = text(1), .object_hash = text(2), .name = text(3), .author = text(4),
          .parent = text(5), .added_wall = text(6)};
}

EvaluationRecord KnowledgeBase::Impl::ReadEvaluation(Db::Stmt& row) {
  auto text = [&](int i) { return row->getColumn(i).getString(); };
  return {.id = text(0), .policy = text(1), .workload = text(2), .machine = text(3), .host = text(4),
          .family = ParseFamily(text(5)), .seeds = row->getColumn(6).getInt(),
          .seed_base = static_cast<uint64_t>(row->getColumn(7).getInt64()),
          .score = row->getColumn(8).getDouble(), .metrics_json = text(9), .versions_json = text(10),
          .imported = row->getColumn(11).getInt() != 0, .recorded_wall = text(12)};
}

KnowledgeBase::KnowledgeBase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KnowledgeBase::KnowledgeBase(KnowledgeBase&&) noexcept = default;
KnowledgeBase& KnowledgeBase::operator=(KnowledgeBase&&) noexcept = default;
KnowledgeBase::~KnowledgeBase() = default;

Result<KnowledgeBase> KnowledgeBase::Open(const std::string& path, OpenMode mode) {
  auto impl = std::make_unique<Impl>();
  if (mode == OpenMode::kCreate)
    if (std::string dir = Dirname(path); !dir.empty()) OSE_TRY(MakeDirs(dir));
  OSE_ASSIGN(impl->db, Db::Open(path, KnowledgeSchema(), mode));
  return KnowledgeBase(std::move(impl));
}

// --- Writing -----------------------------------------------------------------------------------

Result<std::string> KnowledgeBase::UpsertPolicy(const PolicyRecord& p) {
  std::string hash = Sha256Hex(p.source);
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<std::string> {
    auto put = db.Prepare(
        "INSERT INTO policy VALUES (?, ?, ?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO UPDATE SET "
        "object_hash = iif(object_hash = '', excluded.object_hash, object_hash), "
        "name = iif(excluded.name = '', name, excluded.name), author = iif(author = '', excluded.author, author), "
        "parent = iif(parent = '', excluded.parent, parent)");
    put->bind(1, hash);
    put->bind(2, p.source);
    put->bind(3, p.object_hash);
    put->bind(4, p.name);
    put->bind(5, p.author);
    put->bind(6, p.parent);
    put->exec();
    return hash;
  });
}

Result<std::string> KnowledgeBase::UpsertWorkload(const WorkloadRecord& w) {
  std::string hash = w.hash.empty() ? Sha256Hex(w.text) : w.hash;
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<std::string> {
    auto put = db.Prepare(
        "INSERT INTO workload VALUES (?, ?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO UPDATE SET "
        "name = iif(excluded.name = '', name, excluded.name), text = iif(text = '', excluded.text, text), "
        // An older OS-Evolve must not take a newer signature back.
        "signature = iif(excluded.signature_version >= signature_version, excluded.signature, signature), "
        "signature_version = max(excluded.signature_version, signature_version)");
    put->bind(1, hash);
    put->bind(2, w.name);
    put->bind(3, w.text);
    put->bind(4, ToJson(w.signature));
    put->bind(5, w.signature_version);
    put->exec();
    return hash;
  });
}

Result<std::string> KnowledgeBase::UpsertMachine(const MachineRecord& m) {
  std::string hash = m.hash.empty() ? Sha256Hex(m.text) : m.hash;
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<std::string> {
    auto put = db.Prepare(
        "INSERT INTO machine VALUES (?, ?, ?, ?, " OSE_NOW_WALL ") ON CONFLICT(hash) DO UPDATE SET "
        "name = iif(excluded.name = '', name, excluded.name), text = iif(text = '', excluded.text, text)");
    put->bind(1, hash);
    put->bind(2, m.name);
    put->bind(3, m.text);
    put->bind(4, m.cpus);
    put->exec();
    return hash;
  });
}

Status KnowledgeBase::Impl::CheckKnown(const char* what, const char* sql, const std::string& hash) {
  auto row = db->Prepare(sql);
  row->bind(1, hash);
  if (row->executeStep()) return {};
  return Error{kExitNotFound, "the knowledge base " + db->path() + " has no " + what + " '" + Short(hash) + "': add it first"};
}

Status KnowledgeBase::Impl::CheckAllKnown(const std::string& policy, const std::string& workload, const std::string& machine) {
  OSE_TRY(CheckKnown("policy", "SELECT 1 FROM policy WHERE hash = ?", policy));
  OSE_TRY(CheckKnown("workload", "SELECT 1 FROM workload WHERE hash = ?", workload));
  return CheckKnown("machine", "SELECT 1 FROM machine WHERE hash = ?", machine);
}

int KnowledgeBase::Impl::InsertEvaluation(const EvaluationRecord& e, bool imported) {
  // Measured here wins over imported, never the other way round.
  auto put = db->Prepare(
      "INSERT INTO evaluation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " OSE_NOW_WALL ") "
      "ON CONFLICT(id) DO UPDATE SET imported = 0 WHERE imported > excluded.imported");
  put->bind(1, EvaluationId(e));
  put->bind(2, e.policy);
  put->bind(3, e.workload);
  put->bind(4, e.machine);
  put->bind(5, e.host);
  put->bind(6, std::string(SeedFamilyName(e.family)));
  put->bind(7, e.seeds);
  put->bind(8, static_cast<int64_t>(e.seed_base));
  put->bind(9, e.score);
  put->bind(10, e.metrics_json);
  put->bind(11, e.versions_json);
  put->bind(12, imported ? 1 : 0);
  return put->exec();
}

Result<std::string> KnowledgeBase::RecordEvaluation(const EvaluationRecord& e) {
  std::string id = EvaluationId(e);
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<std::string> {
    OSE_TRY(impl_->CheckAllKnown(e.policy, e.workload, e.machine));
    impl_->InsertEvaluation(e, e.imported);
    return id;
  });
}

std::optional<Veteran> KnowledgeBase::Impl::Current(const std::string& workload, const std::string& machine) {
  auto row = db->Prepare(OSE_VETERAN_COLUMNS "WHERE v.workload = ? AND v.machine = ? AND v.superseded_by IS NULL");
  row->bind(1, workload);
  row->bind(2, machine);
  if (!row->executeStep()) return std::nullopt;
  return ReadVeteran(row);
}

Result<std::optional<Veteran>> KnowledgeBase::CurrentVeteran(const std::string& workload, const std::string& machine) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Try([&]() -> Result<std::optional<Veteran>> { return impl_->Current(workload, machine); });
}

std::string KnowledgeBase::Impl::WhyRefused(const VeteranClaim& c, const std::optional<Veteran>& current) {
  if (c.family != SeedFamily::kFinal)
    return "it was measured on " + std::string(SeedFamilyName(c.family)) + " seeds; a veteran needs final seeds, which the search never saw";
  if (c.seeds < kMinSeeds) return "one seed has no confidence interval; measure it on more final seeds";
  if (c.policy == c.incumbent) return "it is the incumbent itself";
  if (current && current->claim.policy != c.incumbent)
    return "it was compared with " + Short(c.incumbent) + ", but the veteran is now " + current->policy_name + " (" +
           Short(current->claim.policy) + "): compare it with that one";
  const Interval& gain = c.gain_pct;
  // Written so that a NaN refuses.
  if (!(gain.lo > 0 && gain.lo <= gain.mean && gain.mean <= gain.hi && std::isfinite(gain.hi))) {
    char text[160];
    snprintf(text, sizeof text, "its gain over the incumbent, %.2f%% [%.2f, %.2f], is not above zero with confidence", gain.mean, gain.lo, gain.hi);
    return text;
  }
  if (!std::isfinite(c.score) || !std::isfinite(c.pct_of_bound)) return "its score is not finite";
  return "";
}

void KnowledgeBase::Impl::InsertVeteran(const std::string& id, const VeteranClaim& c) {
  auto put = db->Prepare("INSERT INTO veteran VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, " OSE_NOW_WALL ")");
  put->bind(1, id);
  put->bind(2, c.policy);
  put->bind(3, c.workload);
  put->bind(4, c.machine);
  put->bind(5, c.incumbent);
  put->bind(6, c.gain_pct.mean);
  put->bind(7, c.gain_pct.lo);
  put->bind(8, c.gain_pct.hi);
  put->bind(9, std::string(SeedFamilyName(c.family)));
  put->bind(10, c.seeds);
  put->bind(11, static_cast<int64_t>(c.seed_base));
  put->bind(12, c.score);
  put->bind(13, c.pct_of_bound);
  put->exec();
}

Result<Promotion> KnowledgeBase::PromoteVeteran(const VeteranClaim& claim) {
  std::string id = ClaimId(claim);
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Write([&]() -> Result<Promotion> {
    OSE_TRY(impl_->CheckAllKnown(claim.policy, claim.workload, claim.machine));
    OSE_TRY(impl_->CheckKnown("policy", "SELECT 1 FROM policy WHERE hash = ?", claim.incumbent));
    std::optional<Veteran> current = impl_->Current(claim.workload, claim.machine);
    if (current && current->id == id) return Promotion{true, id, ""};
    if (std::string reason = impl_->WhyRefused(claim, current); !reason.empty()) return Promotion{false, "", reason};
    {
      auto known = db.Prepare("SELECT 1 FROM veteran WHERE id = ?");
      known->bind(1, id);
      if (known->executeStep()) return Promotion{false, "", "this very claim made a veteran that was replaced since; measure it again on other seeds"};
    }
    if (current) {
      auto supersede = db.Prepare("UPDATE veteran SET superseded_by = ? WHERE id = ?");
      supersede->bind(1, id);
      supersede->bind(2, current->id);
      supersede->exec();
    }
    impl_->InsertVeteran(id, claim);
    return Promotion{true, id, ""};
  });
}

// --- Reading -----------------------------------------------------------------------------------

Result<PolicyRecord> KnowledgeBase::Impl::Find(std::string_view key_view) {
  std::string key(key_view);
  std::vector<PolicyRecord> found;
  if (key.size() >= kMinPrefix) {
    // '~' sorts after every hexadecimal digit.
    auto row = db->Prepare("SELECT * FROM policy WHERE hash >= ? AND hash < ? LIMIT 6");
    row->bind(1, key);
    row->bind(2, key + "~");
    while (row->executeStep()) found.push_back(ReadPolicy(row));
  }
  if (found.empty()) {
    auto row = db->Prepare("SELECT * FROM policy WHERE name = ? ORDER BY hash LIMIT 6");
    row->bind(1, key);
    while (row->executeStep()) found.push_back(ReadPolicy(row));
  }
  if (found.size() == 1) return std::move(found[0]);
  if (found.empty())
    return Error{kExitNotFound, "the knowledge base " + db->path() + " has no policy '" + key +
                                    "': give a hash (its first 4 characters will do) or a name of `osevolve gkb list`"};
  std::string which;
  for (size_t i = 0; i < std::min<size_t>(found.size(), 5); ++i)
    which += (i ? ", " : "") + Short(found[i].hash) + " (" + found[i].name + ")";
  return Error{kExitUsage, "'" + key + "' stands for several policies: " + which + (found.size() > 5 ? ", ..." : "") + "; give more of the hash"};
}

Result<PolicyRecord> KnowledgeBase::LoadPolicy(std::string_view policy) {
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Try([&]() { return impl_->Find(policy); });
}

Result<PolicyDetails> KnowledgeBase::Show(std::string_view policy) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Read([&]() -> Result<PolicyDetails> {
    PolicyDetails d;
    OSE_ASSIGN(d.policy, impl_->Find(policy));
    {
      // Parents are content hashes, made before their children: no cycles. The limit is for a
      // base that somebody edited.
      auto row = db.Prepare(
          "WITH RECURSIVE line(hash, depth) AS (SELECT ?, 0 UNION ALL "
          "SELECT p.parent, depth + 1 FROM line JOIN policy p ON p.hash = line.hash WHERE p.parent <> '' AND depth < 1000) "
          "SELECT p.hash, '', p.object_hash, p.name, p.author, p.parent, p.added_wall "
          "FROM line JOIN policy p ON p.hash = line.hash WHERE depth > 0 ORDER BY depth");
      row->bind(1, d.policy.hash);
      while (row->executeStep()) d.ancestors.push_back(Impl::ReadPolicy(row));
    }
    {
      auto row = db.Prepare(OSE_VETERAN_COLUMNS "WHERE v.policy = ? ORDER BY w.name, m.name, v.since_wall DESC, v.id");
      row->bind(1, d.policy.hash);
      while (row->executeStep()) d.veterans.push_back(Impl::ReadVeteran(row));
    }
    auto row = db.Prepare("SELECT * FROM evaluation WHERE policy = ? ORDER BY workload, machine, recorded_wall, id");
    row->bind(1, d.policy.hash);
    while (row->executeStep()) d.evaluations.push_back(Impl::ReadEvaluation(row));
    return d;
  });
}

Result<std::vector<Veteran>> KnowledgeBase::ListVeterans(bool current_only) {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Try([&]() -> Result<std::vector<Veteran>> {
    auto row = db.Prepare(OSE_VETERAN_COLUMNS
                          "WHERE v.superseded_by IS NULL OR NOT ? "
                          "ORDER BY w.name, v.workload, m.name, v.machine, v.superseded_by IS NOT NULL, v.since_wall DESC, v.id");
    row->bind(1, current_only ? 1 : 0);
    std::vector<Veteran> veterans;
    while (row->executeStep()) veterans.push_back(Impl::ReadVeteran(row));
    return veterans;
  });
}

Result<std::vector<PolicyRecord>> KnowledgeBase::ListPolicies() {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Try([&]() -> Result<std::vector<PolicyRecord>> {
    auto row = db.Prepare("SELECT hash, '', object_hash, name, author, parent, added_wall FROM policy ORDER BY name, hash");
    std::vector<PolicyRecord> policies;
    while (row->executeStep()) policies.push_back(Impl::ReadPolicy(row));
    return policies;
  });
}

Result<std::vector<WorkloadRecord>> KnowledgeBase::ListWorkloads() {
  std::lock_guard hold(impl_->mutex);
  Db& db = *impl_->db;
  return db.Try([&]() -> Result<std::vector<WorkloadRecord>> {
    auto row = db.Prepare("SELECT hash, name, signature, signature_version, added_wall FROM workload ORDER BY name, hash");
    std::vector<WorkloadRecord> workloads;
    while (row->executeStep()) {
      auto text = [&](int i) { return row->getColumn(i).getString(); };
      workloads.push_back({.hash = text(0), .name = text(1), .text = "", .signature = ParseDoubles(text(2)).value_or(std::vector<double>()),
                           .signature_version = row->getColumn(3).getInt(), .added_wall = text(4)});
    }
    return workloads;
  });
}

// Every current veteran whose signature can be compared, with its distance.
Result<std::vector<VeteranMatch>> KnowledgeBase::Impl::Measure(const VeteranQuery& q, int64_t* other_versions) {
  std::vector<VeteranMatch> all;
  std::map<std::string, double> distances;  // by workload: the same for all its machines
  auto row = db->Prepare(OSE_VETERAN_COLUMNS "WHERE v.superseded_by IS NULL ");
  while (row->executeStep()) {
    auto signature = ParseDoubles(row->getColumn(kSignatureColumn).getString());
    if (!signature)
      return Error{kExitDatabase, db->path() + ": a workload has an unreadable signature: " + std::string(KnowledgeSchema().when_damaged)};
    if (row->getColumn(kSignatureVersionColumn).getInt() != q.signature_version || signature->size() != q.signature.size()) {
      ++*other_versions;
      continue;
    }
    VeteranMatch m;
    m.veteran = ReadVeteran(row);
    auto [at, added] = distances.try_emplace(m.veteran.claim.workload, 0.0);
    if (added) at->second = q.distance(q.signature, *signature);
    m.distance = at->second;
    if (std::isnan(m.distance)) m.distance = std::numeric_limits<double>::infinity();
    double cpu_likeness = static_cast<double>(std::min(q.cpus, m.veteran.cpus)) / std::max({q.cpus, m.veteran.cpus, 1});
    m.confidence = std::clamp(1 - m.distance / q.threshold, 0.0, 1.0) * std::max(cpu_likeness, 0.0);
    const Interval& gain = m.veteran.claim.gain_pct;
    m.expected_gain_pct = {gain.mean * m.confidence, gain.lo * m.confidence, gain.hi * m.confidence};
    all.push_back(std::move(m));
  }
  return all;
}

Result<QueryAnswer> KnowledgeBase::Query(const VeteranQuery& q) {
  if (!q.distance || !(q.threshold > 0)) return Error{kExitInternal, "a bug in OS-Evolve: a query without distance or threshold"};
  std::lock_guard hold(impl_->mutex);
  return impl_->db->Try([&]() -> Result<QueryAnswer> {
    QueryAnswer answer;
    OSE_ASSIGN(std::vector<VeteranMatch> all, impl_->Measure(q, &answer.other_versions));
    auto cpu_gap = [&](const VeteranMatch& m) {
      return std::fabs(std::log(std::max(m.veteran.cpus, 1)) - std::log(std::max(q.cpus, 1)));
    };
    std::sort(all.begin(), all.end(), [&](const VeteranMatch& a, const VeteranMatch& b) {
      if (a.distance != b.distance) return a.distance < b.distance;
      double gap_a = cpu_gap(a), gap_b = cpu_gap(b);
      return gap_a != gap_b ? gap_a < gap_b : a.veteran.id < b.veteran.id;
    });
    if (!all.empty()) answer.nearest = all.front();
    for (VeteranMatch& m : all)
      if (m.distance <= q.threshold && answer.matches.size() < static_cast<size_t>(std::max(q.k, 0)))
        answer.matches.push_back(std::move(m));
    if (!answer.matches.empty()) return answer;
    if (answer.nearest) {
      char text[96];
      snprintf(text, sizeof text, " at distance %.3f, farther than %.3f", answer.nearest->distance, q.threshold);
      answer.note = "nothing near is known: the nearest workload with a veteran is " + answer.nearest->veteran.workload_name + text;
    } else if (answer.other_versions > 0) {
      answer.note = "no veteran can be compared: the " + std::to_string(answer.other_versions) +
                    " known have signatures of another version; evolve those workloads again";
    } else {
      answer.note = "the knowledge base has no veteran yet: `osevolve evolve WORKLOAD` makes one";
    }
    return answer;
  });
}

}  // namespace ose
