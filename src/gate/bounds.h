// Is an array index provably inside its array? A small interval analysis over expressions.
//
// The verifier tracks the range of every register; this finds the shapes of which a reader, and
// clang's optimizer, can be sure as well: constants, `& mask`, `%` and umod by a constant, clamp
// and min, shifts, narrow types, the variable of for_n with a constant count, and variables that
// are written once, by their declaration. It also sees a comparison with a constant that
// encloses the index (`if (i < 8) a[i] = 1;`). What it cannot prove may still be right; the
// message tells the author how to write it so that it is evident.
#ifndef OSEVOLVE_GATE_BOUNDS_H_
#define OSEVOLVE_GATE_BOUNDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "ast/parser.h"

namespace ose {

// Inclusive. An u64 above INT64_MAX counts as unknown.
struct Interval64 {
  int64_t lo = 0, hi = 0;
};

class Bounds {
 public:
  // Collects from the tree which variables are written and which are for_n's.
  explicit Bounds(const ast::Unit& unit);

  // Value range of an expression; `ancestors` lead from the root to it (outermost first).
  // Nothing when it is unknown.
  std::optional<Interval64> RangeOf(CXCursor expr, const std::vector<CXCursor>& ancestors) const;

  // The value when the compiler knows it.
  static std::optional<int64_t> Constant(CXCursor expr);

 private:
  struct Variable {
    CXCursor decl;
    bool written = false;            // assigned, or bound to a reference, after its declaration
    std::optional<Interval64> loop;  // variable of for_n(n, ...) with a constant n
  };
  void Collect(CXCursor c);
  const Variable* Find(CXCursor decl) const;
  std::optional<Interval64> Call(CXCursor call, const std::vector<CXCursor>& ancestors, int depth) const;
  std::optional<Interval64> Binary(CXCursor expr, const std::vector<CXCursor>& ancestors, int depth) const;
  std::optional<Interval64> Eval(CXCursor expr, const std::vector<CXCursor>& ancestors, int depth) const;
  Interval64 Narrow(Interval64 range, CXCursor variable, const std::vector<CXCursor>& ancestors) const;

  const ast::Unit& unit_;
  std::map<unsigned, std::vector<Variable>> variables_;  // by cursor hash
};

// Range of the values of an integer type; nothing for u64 and what is no integer.
std::optional<Interval64> TypeRange(CXType type);

// Whether a call is one of the header's own for_n or for_each_cpu (or another given name).
bool IsHeaderCall(const ast::Unit& unit, CXCursor call, std::string_view name);

}  // namespace ose

#endif  // OSEVOLVE_GATE_BOUNDS_H_
