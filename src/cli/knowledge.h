// Knowledge: the knowledge base in the terms of the command line's problems: what it knows for a
// problem, and how a proven winner enters it.
#ifndef OSEVOLVE_CLI_KNOWLEDGE_H_
#define OSEVOLVE_CLI_KNOWLEDGE_H_

#include <string>
#include <vector>

#include "cli/context.h"
#include "prove/proof.h"
#include "store/knowledge_base.h"

namespace ose {

// A workload farther away than this in signature distance is not near (docs/signature.md).
inline constexpr double kNearThreshold = 0.15;

struct KnownPolicy {
  std::string name;  // "veteran-HASH8"
  std::string source;
  bool is_incumbent = false;  // of this very workload and machine
};

class Knowledge {
 public:
  static Result<Knowledge> Open(const std::string& path);

  // The current veteran of the problem, first, and those of the nearest workloads.
  Result<std::vector<KnownPolicy>> PoliciesFor(const Problem& problem);

  // Stores problem, policies and evaluation, and promotes the winner if it beat the incumbent.
  // `seeds` are the policies the run started from, by proposal number.
  Result<Promotion> Archive(const Problem& problem, const Proof& proof, const std::vector<SeedPolicy>& seeds, uint64_t seed_base);

  // Stores what was measured here on final seeds. The problem and the policy (its hash) are in the base.
  Status RecordFinal(const Problem& problem, const std::string& policy, const Evaluation& evaluation, uint64_t seed_base);

  KnowledgeBase& base() { return kb_; }

 private:
  explicit Knowledge(KnowledgeBase kb) : kb_(std::move(kb)) {}
  Status RecordProblem(const Problem& problem);
  KnowledgeBase kb_;
};

Result<QueryAnswer> QueryNearest(KnowledgeBase& kb, const Problem& problem, int k);

}  // namespace ose

#endif  // OSEVOLVE_CLI_KNOWLEDGE_H_
