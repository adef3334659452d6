#include "gate/gate_rules.h"

#include "gate/report.h"
#include "gate/text_rules.h"
#include "gate/tree_rules.h"

namespace ose {

std::vector<GateViolation> CheckPolicy(const ast::Parser& parser, const std::string& source,
                                       const GateOptions& options) {
  Report report(source);
  TextFacts facts = CheckText(source, options, report);
  if (!report.empty()) return report.Take(options.max_violations);

  Result<std::unique_ptr<ast::Unit>> unit = parser.Parse(source, facts.hosted);
  if (!unit.ok()) {
    report.AddAt(0, 0, "internal", unit.error().message);
    return report.Take(options.max_violations);
  }
  for (const ast::Diagnostic& d : (*unit)->errors()) report.AddAt(d.line, d.column, "compile", d.message);
  if (report.empty() && !facts.hosted) CheckTree(**unit, facts, report);
  return report.Take(options.max_violations);
}

const std::vector<GateRule>& GateRules() {
  static const std::vector<GateRule> rules = {
      {"size", "at most 256 KiB of source"},
      {"encoding", "UTF-8 without control, bidirectional or zero-width characters; ASCII names"},
      {"preprocessor", "no directives, splices, digraphs, trigraphs or modules"},
      {"include", "<osevolve/policy.h> only (hosted policies: also containers and algorithms)"},
      {"hosted", "OSEVOLVE_HOSTED only where the host takes hosted policies"},
      {"identifier", "no reserved names (__x, _X)"},
      {"internal-name", "no osv_*, Osv* and other names of the host side"},
      {"builtin", "no compiler builtins"},
      {"attribute", "maybe_unused, nodiscard, likely, unlikely, fallthrough only"},
      {"tunable", "TUNABLE(name, default, min, max) with integer literals, at the top of the file"},
      {"policy-macro", "exactly one OSEVOLVE_POLICY(Class, \"name\")"},
      {"evolve-block", "well-formed evolve blocks with balanced brackets"},
      {"skeleton", "a child differs from its parent inside evolve blocks and in TUNABLE defaults only"},
      {"compile", "what clang accepts, without undefined behaviour that it can see"},
      {"asm", "no inline assembly"},
      {"loop", "no for, while, do, goto: for_n and for_each_cpu"},
      {"loop-bound", "for_n with at most 65536 rounds"},
      {"division", "/ and % by non-zero constants only: udiv, sdiv, umod, smod"},
      {"bounds", "array indices that are provably inside"},
      {"floating-point", "no floating point"},
      {"int128", "no 128-bit integers"},
      {"heap", "no new, delete"},
      {"exception", "no try, catch, throw"},
      {"rtti", "no typeid, dynamic_cast"},
      {"virtual", "no virtual functions"},
      {"coroutine", "no coroutines"},
      {"template", "no templates, concepts, auto parameters"},
      {"operator", "no operator functions"},
      {"union", "no unions"},
      {"linkage", "no extern"},
      {"namespace", "nothing in namespaces osevolve and std"},
      {"constructor", "no constructors, destructors, conversions"},
      {"default-init", "no default member initialisers"},
      {"global", "no globals but constexpr and TUNABLE"},
      {"static-local", "no static locals but constexpr"},
      {"uninitialized", "every local variable has an initial value"},
      {"pointer", "no pointers: references and indices"},
      {"function-pointer", "no pointers to functions or members"},
      {"cast", "no reinterpret_cast, const_cast, casts to references or pointers"},
      {"lambda", "lambdas only as the argument of for_n and for_each_cpu"},
      {"function", "no variadic functions"},
      {"type", "no vectors, atomics, arrays of unknown size"},
      {"construct", "nothing else that BPF cannot express"},
      {"stack", "local variables of at most 448 bytes per function"},
      {"task", "no Task made by hand"},
      {"task-in-state", "no Task in a struct: store its pid"},
      {"recursion", "no recursion"},
      {"context",
       "each service in its hooks: dsq_create in init, dsq_move_to_local and keep_running in dispatch, ..."},
  };
  return rules;
}

}  // namespace ose
