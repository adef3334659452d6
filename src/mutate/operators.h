// The operators: each proposes one change to a program, as edits of its text.
//
// An operator draws its choices from `rng` alone and may propose what does not compile; the
// mutator (mutator.cc) checks and asks again. It returns nothing when the program offers no place
// for it.
#ifndef OSEVOLVE_MUTATE_OPERATORS_H_
#define OSEVOLVE_MUTATE_OPERATORS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "mutate/program.h"

namespace ose {

struct TextEdit {
  ast::Range range;
  std::string text;
};

struct TreeChange {
  std::vector<TextEdit> edits;  // disjoint
  std::string note;
};

using Mates = std::vector<const Program*>;
using OperatorFunction = std::optional<TreeChange> (*)(const Program&, const Mates&, Rng&);

struct Operator {
  std::string_view name;
  OperatorFunction run;
  bool mechanism = false;  // adds a whole rule
};

const std::vector<Operator>& Operators();

std::string ApplyEdits(const std::string& source, std::vector<TextEdit> edits);

// --- Shared by the operators ----------------------------------------------------------------

// A random element; precondition: not empty.
template <class T>
const T& Pick(const std::vector<T>& xs, Rng& rng) {
  return xs[rng.Below(xs.size())];
}

// An expression that can be written at a place, with its type.
struct Atom {
  std::string text, type;  // canonical type
  bool time = false;       // nanoseconds, by its name
};
std::vector<Atom> AtomsAt(const Program& p, size_t offset, int function);

// `text` of one type where another is wanted.
std::string Converted(const std::string& text, const std::string& from, const std::string& to);
// Parenthesised unless it is a primary expression.
std::string Operand(std::string_view text);
// A condition over what is in scope, "" when nothing is.
std::string RandomCondition(const Program& p, size_t offset, int function, Rng& rng);

std::string Brief(std::string_view text);  // one short line, for notes
std::string IndentAt(const Program& p, size_t offset);
// The lines of `text`, moved from the indentation of its first line to `indent`.
std::string Reindent(std::string_view text, const std::string& indent);

// Expression-level operators (expression_ops.cc).
std::optional<TreeChange> MutateTunable(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> MutateConstant(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> MutateComparison(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> MutateArithmetic(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> NegateCondition(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> ReplaceExpression(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> MutateCall(const Program& p, const Mates& mates, Rng& rng);

// Statement-level operators (statement_ops.cc).
std::optional<TreeChange> GuardStatement(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> BranchStatement(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> DeleteStatement(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> CopyStatement(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> MoveStatement(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> SwapStatements(const Program& p, const Mates& mates, Rng& rng);

// Mechanisms: whole rules of scheduling, with what they measure (rule_ops.cc, placement_ops.cc, queue_ops.cc,
// hook_ops.cc).
std::optional<TreeChange> PriorityTerm(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> SliceRule(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> PlacementRule(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> PreemptRule(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> TrialRule(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> QueueRule(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> HookRule(const Program& p, const Mates& mates, Rng& rng);

// Removes what nothing needs, or one alternative (simplify_ops.cc).
std::optional<TreeChange> Simplify(const Program& p, const Mates& mates, Rng& rng);

// Crossover (crossover_ops.cc).
std::optional<TreeChange> CrossBlock(const Program& p, const Mates& mates, Rng& rng);
std::optional<TreeChange> GraftStatement(const Program& p, const Mates& mates, Rng& rng);

// A variant of one service call (flags, queue, slice): the edits, and what they do. Used by the
// call operator and by branch.
std::optional<TreeChange> VaryCall(const Program& p, const Call& call, Rng& rng);

}  // namespace ose

#endif  // OSEVOLVE_MUTATE_OPERATORS_H_
