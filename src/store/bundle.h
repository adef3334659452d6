// Bundle: what one knowledge base tells another, as a text (docs/bundles.md): veterans' claims with the policies,
// workloads, machines and evaluations that they rest on.
//
// A bundle is a stranger's. ParseBundle checks all that can be told from the text alone: size, format, checksum, hashes
// of policies, machines and rows, limits, names, references. That workloads are workloads (and their hashes) and
// policies are policies is checked by whoever knows them (cli/bundle_check.h, the gate). What it claims is believed by nobody.
//
// Pure: no file, no clock. Errors: kExitDatabase "FILE: what is wrong", kExitDatabaseNewer.
#ifndef OSEVOLVE_STORE_BUNDLE_H_
#define OSEVOLVE_STORE_BUNDLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/knowledge_base.h"

namespace ose {

inline constexpr int kBundleFormat = 1;
inline constexpr uint64_t kMaxBundleBytes = 64 << 20;

struct Bundle {
  std::string sha256 = {};  // of the contents, filled by ParseBundle
  // With their hashes, but without object_hash, cpus and times: whoever reads a text finds them out for itself.
  std::vector<PolicyRecord> policies = {};
  std::vector<WorkloadRecord> workloads = {};
  std::vector<MachineRecord> machines = {};
  std::vector<EvaluationRecord> evaluations = {};  // of a parsed bundle `imported`
  std::vector<VeteranClaim> claims = {};           // at most one of a workload and machine
};

// The text depends on what is in the bundle only, not on the order of its lists; ParseBundle and FormatBundle give
// the same text again. It does not check: a text that is given away must be one that ParseBundle takes.
std::string FormatBundle(const Bundle& bundle);

// `file` names the text in errors.
Result<Bundle> ParseBundle(std::string_view text, const std::string& file);

// The bundle without these policies (hashes) and what depends on them: their evaluations, the claims for them or over
// them, and then workloads and machines that nothing is left of. A child keeps the name of its parent's hash.
Bundle WithoutPolicies(Bundle bundle, const std::vector<std::string>& policies);

}  // namespace ose

#endif  // OSEVOLVE_STORE_BUNDLE_H_
