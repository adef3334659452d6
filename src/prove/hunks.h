// Hunks: the difference of two policies that share a skeleton, cut into pieces that can be taken out
// one by one.
//
// Blocks are compared statement by statement, so white space and comments are no difference. A piece is
//   - a statement that was added, removed or replaced, one argument of a call that stayed the same
//     otherwise, the head of a branch or loop whose body stayed, or a tunable with another default;
//   - within an added statement: a statement or branch of its body, or the condition around it.
// The latter have the added statement as their `parent`.
//
// Pieces depend on each other: who declares a name cannot go without those who use it. Closure adds
// them. It goes by names within one function, so it may ask for more than the compiler would.
#ifndef OSEVOLVE_PROVE_HUNKS_H_
#define OSEVOLVE_PROVE_HUNKS_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ose {

enum class PieceKind {
  kAdded,
  kRemoved,
  kReplaced,  // a statement in place of another, or a head or argument
  kTunable,
  kGuard,     // of an added statement: without it the body of a branch is left, or nothing
};
const char* PieceKindName(PieceKind kind);

struct DiffPiece {
  PieceKind kind = PieceKind::kAdded;
  int parent = -1;             // the piece that it is a part of
  std::string block;           // evolve block, "" for a tunable outside
  std::string function;        // hook or helper that it stands in, "" for members
  size_t begin = 0, end = 0;   // in the new source
  std::string before, after;   // its text on both sides
  // Of a head or argument the statement around it, with it and with what was there before; of a tunable
  // its name; of a guard its condition and, if the other branch is kept, the one under it; "" for whole statements.
  std::string context, context_before;
  std::string declares;        // the local name or member that it introduces
  // How it is taken out: [begin, end) makes way for `before`, or for what stands in [keep_begin, keep_end).
  size_t keep_begin = 0, keep_end = 0;
  // For Closure.
  std::string declares_before;                  // a name that only the old source has
  std::set<std::string> uses, uses_before;      // names in it, without its parts
};

class PolicyDiff {
 public:
  // kExitGate when either has malformed blocks or tunables; kExitUsage when the skeletons differ.
  static Result<PolicyDiff> Make(std::string before, std::string after);

  const std::string& before() const { return before_; }
  const std::string& after() const { return after_; }
  // Parts come after their parents; otherwise in the order of the new source.
  const std::vector<DiffPiece>& pieces() const { return pieces_; }
  std::vector<int> Tops() const;             // without a parent
  std::vector<int> PartsOf(int piece) const; // direct and indirect

  // The new source without the pieces in `out`; the old one when all tops are.
  std::string Without(const std::set<int>& out) const;
  // What has to go when `out` go, these included.
  std::set<int> Closure(std::set<int> out) const;
  // The tops that must be there when `in` are, these included.
  std::set<int> Needs(std::set<int> in) const;
  // Tops that cannot be there without the top `piece`, for a name that it declares or still needs.
  std::vector<int> DependentsOf(int piece) const;

 private:
  friend class DiffBuilder;
  int TopOf(int piece) const;
  std::string Emit(size_t begin, size_t end, const std::set<int>& out) const;

  std::string before_, after_;
  std::vector<DiffPiece> pieces_;
  std::vector<std::pair<int, int>> requires_;  // the first cannot be there without the second
};

// Changes that are explained together, as ids of tops in rising order.
struct Hunk {
  std::vector<int> pieces;
  bool shared = false;  // only declarations that several hunks use
};

// A declaration joins the only hunk that uses it; one that several use stays by itself, and so do all
// other changes. In the order of the source.
std::vector<Hunk> Hunks(const PolicyDiff& diff);

}  // namespace ose

#endif  // OSEVOLVE_PROVE_HUNKS_H_
