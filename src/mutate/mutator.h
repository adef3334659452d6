// Variation of policies without a language model: operators on the C++ syntax tree.
//
// An operator changes what lies inside the evolve blocks of the parent, or the defaults of its
// tunables, and nothing else: a child has its parent's skeleton (core/policy_source.h). Children
// parse without errors and keep to the shapes that the gate accepts wherever that can be told
// locally; the gate has the last word.
#ifndef OSEVOLVE_MUTATE_MUTATOR_H_
#define OSEVOLVE_MUTATE_MUTATOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace ose {

struct Mutation {
  std::string source;
  std::string op;    // the operator that made it
  std::string note;  // one line: what changed, for the log and the header of the diff
};

// Not thread-safe: give each thread its own.
class Mutator {
 public:
  // `include_dir` holds osevolve/policy.h. Fails when libclang cannot parse that header.
  static Result<std::unique_ptr<Mutator>> Create(std::string include_dir);
  virtual ~Mutator() = default;

  // Names of the operators, in a fixed order.
  virtual const std::vector<std::string>& ops() const = 0;

  // One child of `parent`. `mates` are the sources that crossover may take from; other operators
  // ignore them. Deterministic in (parent, op, mates, state of rng). An error when the parent
  // does not parse, the operator is unknown, or it finds nothing to do (in a few tries).
  virtual Result<Mutation> Mutate(const std::string& parent, std::string_view op,
                                  const std::vector<std::string>& mates, Rng& rng) = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_MUTATE_MUTATOR_H_
