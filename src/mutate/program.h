// A parsed policy as the operators see it: what stands in its evolve blocks (statements,
// expressions, calls), what stands elsewhere and may be borrowed, and what is in scope where.
//
// Everything is collected in the order of the source, so operators that draw from these lists
// are deterministic.
#ifndef OSEVOLVE_MUTATE_PROGRAM_H_
#define OSEVOLVE_MUTATE_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ast/parser.h"
#include "core/policy_source.h"

namespace ose {

// A name that a piece of code needs from its surroundings, or that a place offers. The type is
// canonical, without reference and qualifiers: "unsigned long long", "bool", "TaskRef<...>".
struct LocalName {
  std::string name, type;
  friend bool operator==(const LocalName&, const LocalName&) = default;
};

// What all pieces have: where they are and what they need.
struct Piece {
  ast::Range range;
  int block = -1;                // index into Program::blocks, -1 outside
  int function = -1;             // index into Program::functions
  std::vector<LocalName> needs;  // locals and parameters that it uses but does not declare
  bool uses_this = false;        // members of the policy object
  // Calls that are bound to a hook (insert, dsq_move_to_local, ...).
  bool inserts = false, moves = false, bound = false;
};

struct Statement : Piece {
  CXCursorKind kind = CXCursor_NullStmt;
  int list = -1;  // statements of one compound statement share it, in order
  bool declares = false, returns = false;
  ast::Range lines;  // whole lines, with the comment lines directly above; = range if it shares a line
};

// What an expression stands for where an arbitrary value would break a rule.
enum class Slot {
  kFree,
  kIndex,      // of an array: must stay provably inside
  kDivisor,    // must stay a non-zero constant
  kLoopBound,  // of for_n
  kCaseLabel,
  kConstexpr,
  kFixed,  // queue or flags of a service: the call operator knows their values
  kCpu,    // a CPU number: another CPU's may take its place, nothing else
};

struct Expression : Piece {
  CXCursorKind kind = CXCursor_UnexposedExpr;
  std::string type;  // canonical, integers and bool only
  Slot slot = Slot::kFree;
  bool condition = false;  // of an if or ?:
  bool nested = false;     // an operand: what replaces it may need brackets
  CXBinaryOperatorKind op = CXBinaryOperator_Invalid;
  ast::Range op_range;   // of the operator's token, for binary and compound assignment
  bool assigns = false;  // an assignment: no value to replace, but an operator to change
  std::optional<int64_t> literal;
};

struct Call : Piece {
  std::string name;              // insert, kick_cpu, ...
  std::vector<ast::Range> args;  // as written; defaulted ones are missing
};

struct Function {
  std::string name;
  ast::Range range;
  bool is_static = false;
};

// A variable and where it can be used.
struct ScopedName : LocalName {
  ast::Range scope;
  bool is_task = false;
  std::string record;  // "task" or "cpu" when it is a reference to that state struct
};

struct Field {
  std::string name, type;
};

class Program {
 public:
  // The policy's own macro is left out of the parse: what it instantiates lies outside the
  // blocks and costs half of the time.
  static Result<std::unique_ptr<Program>> Parse(const ast::Parser& parser, const std::string& source);

  std::string source;
  std::vector<EvolveBlock> blocks;
  std::vector<TunableDecl> tunables;
  std::vector<Function> functions;
  std::vector<Statement> statements;    // in blocks
  std::vector<Expression> expressions;  // in blocks, and elsewhere for borrowing
  std::vector<Call> calls;              // in blocks, and elsewhere
  std::vector<ScopedName> names;
  std::vector<Field> task_fields, cpu_fields, self_fields;  // integers and bools
  std::vector<LocalName> constants;                         // static or namespace constexpr integers

  std::string_view Text(ast::Range r) const { return std::string_view(source).substr(r.begin, r.size()); }
  int BlockOf(ast::Range r) const;

  // Whether everything that `piece` of `other` needs is there under the same name at `offset`.
  bool Offers(size_t offset, int function, const Piece& piece) const;
  std::vector<const ScopedName*> NamesAt(size_t offset) const;

 private:
  friend class Collector;
  std::unique_ptr<ast::Unit> unit_;
};

// The source with OSEVOLVE_POLICY(...) replaced by spaces.
std::string WithoutPolicyMacro(const std::string& source);

// "unsigned long long" -> "u64"; "" for what is no integer of the API.
std::string ShortType(std::string_view canonical);

}  // namespace ose

#endif  // OSEVOLVE_MUTATE_PROGRAM_H_
