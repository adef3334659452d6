// KnowledgeBase: what all runs on this host have learned, in STATE_DIR/knowledge.db
// (docs/schema.md): policies, workloads with their signatures, machines, evaluations, and the
// veterans, which are the policies that won their place with statistics.
//
// Monotone improvement: for each workload and machine there is at most one current veteran, and
// PromoteVeteran replaces it only by a policy whose paired gain over it, on `final` seeds, has a
// confidence interval above zero. Replaced veterans stay, linked to their successor.
//
// Identity: every id is a SHA-256 of content, never of time or of the order of arrival, so that
// bases can be merged; recording the same fact twice changes nothing.
//
// Processes: several may use one base at once (WAL); a writer waits up to 2 s for another, then
// fails with kExitDatabaseBusy. Threads: any method from any thread, one at a time inside. Not to
// be used across fork().
// Errors: kExitNotFound, kExitUsage (an ambiguous id), kExitDatabase (damaged, not a knowledge
// base), kExitDatabaseNewer, kExitDatabaseBusy, kExitIo (disk full, read-only).
#ifndef OSEVOLVE_STORE_KNOWLEDGE_BASE_H_
#define OSEVOLVE_STORE_KNOWLEDGE_BASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/seeds.h"
#include "core/stats.h"
#include "store/open_mode.h"

namespace ose {

// In the records that callers fill, `= {}` lets them name only the fields they set.

struct PolicyRecord {
  std::string hash = {};  // SHA-256 of `source`; left empty by callers
  std::string source = {};  // with the tuned values written in as the tunables' defaults
  std::string object_hash = {};
  std::string name = {};
  std::string author = {};  // "human", "operators", or the model's name
  std::string parent = {};  // hash of the policy it was evolved from; "" for none
  std::string added_wall = {};  // filled when read: ISO 8601 UTC
};

struct WorkloadRecord {
  std::string hash = {};  // WorkloadHash(); empty: SHA-256 of `text`
  std::string name = {};
  std::string text = {};  // the file
  std::vector<double> signature = {};
  int signature_version = 0;
  std::string added_wall = {};
};

struct MachineRecord {
  std::string hash = {};  // empty: SHA-256 of `text`
  std::string name = {};
  std::string text = {};
  int cpus = 0;
  std::string added_wall = {};
};

struct EvaluationRecord {
  std::string id = {};  // left empty by callers
  std::string policy = {}, workload = {}, machine = {};  // hashes, known to the base
  std::string host = {};  // where it was measured
  SeedFamily family = SeedFamily::kFinal;
  int seeds = 0;
  uint64_t seed_base = 0;
  double score = 0;
  std::string metrics_json = {};  // {"NAME":{"mean":m,"ci95":[lo,hi],"unit":"us"},...}
  std::string versions_json = {};  // of OS-Evolve, the simulator and the compiler
  bool imported = false;  // from a bundle, not measured again here: counts for nothing
  std::string recorded_wall = {};
};

// A claim to be the best known policy of a workload on a machine.
struct VeteranClaim {
  std::string policy = {}, workload = {}, machine = {};  // hashes, known to the base
  std::string incumbent = {};  // hash of the policy it was compared with: the current veteran's, or
                          // when there is none yet the best baseline's
  Interval gain_pct = {};      // paired gain over the incumbent, in per cent
  SeedFamily family = SeedFamily::kFinal;
  int seeds = 0;
  uint64_t seed_base = 0;
  double score = 0;
  double pct_of_bound = 0;
};

struct Veteran {
  std::string id;
  VeteranClaim claim;
  std::string policy_name, workload_name, machine_name;
  int cpus = 0;  // of the machine
  std::string superseded_by;  // id of the veteran that replaced it; "" while it is current
  std::string since_wall;
};

struct Promotion {
  bool promoted = false;
  std::string veteran;  // id of the row when promoted
  std::string reason;   // why not, in words for the person at the terminal
};

struct PolicyDetails {
  PolicyRecord policy;
  std::vector<PolicyRecord> ancestors;  // parent first; sources left out
  std::vector<Veteran> veterans;
  std::vector<EvaluationRecord> evaluations;
};

// How far two signatures are apart: 0 is the same, symmetric, any scale.
using DistanceFunction = std::function<double(const std::vector<double>&, const std::vector<double>&)>;

struct VeteranQuery {
  std::vector<double> signature = {};
  int signature_version = 0;
  int cpus = 0;
  int k = 5;
  double threshold = 0;  // > 0: a workload farther away than this is not near
  DistanceFunction distance = {};
};

struct VeteranMatch {
  Veteran veteran;
  double distance = 0;
  // In [0, 1]: (1 - distance/threshold) · min(cpus)/max(cpus). A documented rule of thumb, not a
  // probability.
  double confidence = 0;
  // The measured gain shrunk towards zero by the confidence.
  Interval expected_gain_pct;
};

struct QueryAnswer {
  std::vector<VeteranMatch> matches;  // within the threshold, best first, at most k
  // The nearest current veteran even if it is too far; empty when there is none at all.
  std::optional<VeteranMatch> nearest;
  int64_t other_versions = 0;  // veterans passed over: their signature has another version
  std::string note;  // when there is no match: says so and why
};

struct Bundle;  // store/bundle.h

struct ImportCounts {  // rows that were not known
  int64_t policies = 0, workloads = 0, machines = 0, evaluations = 0;
};

class KnowledgeBase {
 public:
  static constexpr int kSchemaVersion = 1;

  // kCreate makes the folder and the file when missing; kReadOnly is for queries.
  static Result<KnowledgeBase> Open(const std::string& path, OpenMode mode);
  KnowledgeBase(KnowledgeBase&&) noexcept;
  KnowledgeBase& operator=(KnowledgeBase&&) noexcept;
  ~KnowledgeBase();

  // Each returns the hash. What is known already keeps its text; an empty field is filled in, the
  // name and the signature follow the latest call.
  Result<std::string> UpsertPolicy(const PolicyRecord& policy);
  Result<std::string> UpsertWorkload(const WorkloadRecord& workload);
  Result<std::string> UpsertMachine(const MachineRecord& machine);

  // Returns the id. kExitNotFound when the policy, workload or machine is not in the base.
  Result<std::string> RecordEvaluation(const EvaluationRecord& evaluation);

  Result<std::optional<Veteran>> CurrentVeteran(const std::string& workload, const std::string& machine);

  // Refuses (promoted = false, with the reason, nothing written) when the interval is not above
  // zero, when the seeds are not `final` ones, or when the incumbent is not (any more) the current
  // veteran, as happens when another process promoted one meanwhile. Atomic between processes.
  // The same claim again is promoted = true and changes nothing while it is current.
  Result<Promotion> PromoteVeteran(const VeteranClaim& claim);

  // Finds a policy by hash, hash prefix (4 characters or more) or unique name.
  Result<PolicyDetails> Show(std::string_view policy);
  // A policy's source; takes what Show takes.
  Result<PolicyRecord> LoadPolicy(std::string_view policy);

  // Veterans by workload, machine, then newest first; `current_only` leaves the replaced ones out.
  Result<std::vector<Veteran>> ListVeterans(bool current_only = true);
  Result<std::vector<PolicyRecord>> ListPolicies();    // by name; sources left out
  Result<std::vector<WorkloadRecord>> ListWorkloads();  // by name; texts left out

  // What these current veterans (ids) are and rest on: their policies with ancestors and the policies they beat, the
  // workloads and machines, and what was measured here of all that. Imported evaluations are left out: they are hearsay.
  // kExitNotFound: an id that is no current veteran's.
  Result<Bundle> Export(const std::vector<std::string>& veterans);

  // Adds what is not known, evaluations as imported, all or nothing. What is known stays as it is, to the last column:
  // a stranger's bundle renames nothing. Claims are not written. The caller has checked what is in it (docs/bundles.md).
  Result<ImportCounts> Import(const Bundle& bundle);

  // Current veterans of the nearest workloads: by distance, then by likeness in CPUs, then by id.
  Result<QueryAnswer> Query(const VeteranQuery& query);

 private:
  struct Impl;
  explicit KnowledgeBase(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ose

#endif  // OSEVOLVE_STORE_KNOWLEDGE_BASE_H_
