#include "mutate/mutator.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <utility>

#include "ast/parser.h"
#include "base/edit_distance.h"
#include "core/exit_code.h"
#include "core/policy_source.h"
#include "mutate/operators.h"
#include "mutate/program.h"

namespace ose {
namespace {

constexpr int kTries = 12;              // draws of an operator
// Two or three steps in one, since one half of a mechanism may lose where both would win. Mechanisms mostly:
// small steps that chance put together are noise.
constexpr std::string_view kCompound = "compound";
constexpr size_t kCachedPrograms = 24;  // about 1 MB each

class AstMutator : public Mutator {
 public:
  explicit AstMutator(std::unique_ptr<ast::Parser> parser) : parser_(std::move(parser)) {
    for (const Operator& op : Operators()) names_.emplace_back(op.name);
    names_.emplace_back(kCompound);
    for (const Operator& op : Operators())
      if (op.mechanism) mechanisms_.emplace_back(op.name);
  }

  const std::vector<std::string>& ops() const override { return names_; }

  Result<Mutation> Mutate(const std::string& parent, std::string_view op,
                          const std::vector<std::string>& mates, Rng& rng) override {
    return op == kCompound ? Compound(parent, mates, rng) : Step(parent, op, mates, rng);
  }

 private:
  Result<Mutation> Compound(const std::string& parent, const std::vector<std::string>& mates, Rng& rng) {
    const uint64_t steps = 2 + rng.Below(2);
    Mutation all{parent, std::string(kCompound), ""};
    uint64_t made = 0;
    for (int i = 0; i < kTries && made < steps; ++i) {
      const bool any = made > 0 && rng.Below(3) == 0;
      const std::string& op = any ? names_[rng.Below(names_.size() - 1)] : Pick(mechanisms_, rng);
      Result<Mutation> m = Step(all.source, op, mates, rng);
      if (!m.ok() || m->source == parent) continue;
      all.source = std::move(m->source);
      all.note += fmt::format("{}{}: {}", made == 0 ? "" : "; ", op, m->note);
      ++made;
    }
    if (made < 2) return Error{kExitNotFound, "operator compound finds too little to change in this policy"};
    return all;
  }

  Result<Mutation> Step(const std::string& parent, std::string_view op, const std::vector<std::string>& mates, Rng& rng) {
    auto found =
        std::find_if(Operators().begin(), Operators().end(), [&](const Operator& o) { return o.name == op; });
    if (found == Operators().end())
      return Error{kExitInternal, fmt::format("no operator '{}'{}", op, DidYouMean(op, names_))};
    OSE_ASSIGN(std::shared_ptr<const Program> program, Cached(parent));
    std::vector<std::shared_ptr<const Program>> held;
    Mates mate_programs;
    if (op == "cross_block" || op == "graft") {
      for (const std::string& mate : mates) {
        Result<std::shared_ptr<const Program>> m = Cached(mate);
        if (!m.ok() || mate == parent) continue;  // a mate that does not parse has nothing to give
        held.push_back(*m);
        mate_programs.push_back(held.back().get());
      }
    }
    OSE_ASSIGN(std::string skeleton, Skeleton(parent));
    std::string reason = "finds nothing to change";
    for (int i = 0; i < kTries; ++i) {
      std::optional<TreeChange> change = found->run(*program, mate_programs, rng);
      if (!change) continue;
      std::string child = ApplyEdits(parent, std::move(change->edits));
      if (child == parent) continue;
      Result<std::string> after = Skeleton(child);
      if (!after.ok() || *after != skeleton) {
        reason = "only found changes outside the evolve blocks";
        continue;
      }
      if (op != "tunable") {  // which changes numbers that are checked above
        Result<std::unique_ptr<ast::Unit>> unit = parser_->Parse(WithoutPolicyMacro(child));
        if (!unit.ok() || !(*unit)->errors().empty()) {
          reason = "only found changes that do not compile";
          continue;
        }
      }
      return Mutation{std::move(child), std::string(op), std::move(change->note)};
    }
    return Error{kExitNotFound, fmt::format("operator {} {} in this policy", op, reason)};
  }

  // Parents and mates come back often; the result does not depend on what is cached.
  Result<std::shared_ptr<const Program>> Cached(const std::string& source) {
    auto it = std::find_if(cache_.begin(), cache_.end(), [&](const auto& p) { return p->source == source; });
    if (it != cache_.end()) {
      cache_.splice(cache_.begin(), cache_, it);
      return cache_.front();
    }
    OSE_ASSIGN(std::unique_ptr<Program> program, Program::Parse(*parser_, source));
    cache_.emplace_front(std::move(program));
    if (cache_.size() > kCachedPrograms) cache_.pop_back();
    return cache_.front();
  }

  std::unique_ptr<ast::Parser> parser_;  // outlives the programs
  std::vector<std::string> names_, mechanisms_;
  std::list<std::shared_ptr<const Program>> cache_;
};

}  // namespace

Result<std::unique_ptr<Mutator>> Mutator::Create(std::string include_dir) {
  OSE_ASSIGN(std::unique_ptr<ast::Parser> parser, ast::Parser::Create(std::move(include_dir)));
  return std::unique_ptr<Mutator>(std::make_unique<AstMutator>(std::move(parser)));
}

}  // namespace ose
