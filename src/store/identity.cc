#include "store/identity.h"

#include "base/hash.h"
#include "base/json.h"

namespace ose {
namespace {

// Keys are sorted.
std::string ContentId(const nlohmann::json& content) {
  return Sha256Hex(content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

std::string ClaimId(const VeteranClaim& c) {
  return ContentId({{"policy", c.policy}, {"workload", c.workload}, {"machine", c.machine}, {"incumbent", c.incumbent},
                    {"gain_pct", {c.gain_pct.mean, c.gain_pct.lo, c.gain_pct.hi}}, {"family", SeedFamilyName(c.family)},
                    {"seeds", c.seeds}, {"seed_base", c.seed_base}, {"score", c.score}, {"pct_of_bound", c.pct_of_bound}});
}

std::string EvaluationId(const EvaluationRecord& e) {
  return ContentId({{"policy", e.policy}, {"workload", e.workload}, {"machine", e.machine}, {"host", e.host},
                    {"family", SeedFamilyName(e.family)}, {"seeds", e.seeds}, {"seed_base", e.seed_base},
                    {"score", e.score}, {"metrics", e.metrics_json}, {"versions", e.versions_json}});
}

}  // namespace ose
