// The gate: refuses a policy source that is outside the rules, before it is compiled or run.
//
// The portable subset (include/osevolve/policy.h, docs/policy-api.md) is what the BPF verifier
// accepts; a message here stands for a verifier log there. Two things the gate is not: it is no
// sandbox (the worker is) and no proof for the verifier (the kernel is).
//
// CheckPolicy parses untrusted C++ in this process. Clang is robust but not hardened: the
// osevolve-gate server calls it in a forked, limited child.
#ifndef OSEVOLVE_GATE_GATE_RULES_H_
#define OSEVOLVE_GATE_GATE_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ast/parser.h"
#include "core/gate_protocol.h"

namespace ose {

struct GateOptions {
  bool allow_hosted = false;  // sources with `#define OSEVOLVE_HOSTED` may use the standard library
  std::optional<std::string> skeleton_of;  // parent whose evolve blocks alone may differ
  int max_violations = 20;
};

// Largest source, and largest constant bound of for_n.
inline constexpr size_t kMaxSourceBytes = 256 << 10;
inline constexpr int kMaxLoopBound = 65536;

// Violations in the order of the source; none means that the policy may be compiled. When the
// text itself is refused (encoding, directives), nothing is parsed.
std::vector<GateViolation> CheckPolicy(const ast::Parser& parser, const std::string& source,
                                       const GateOptions& options);

// Names and one-line meanings of the rules, for documentation and prompts.
struct GateRule {
  std::string_view name, what;
};
const std::vector<GateRule>& GateRules();

}  // namespace ose

#endif  // OSEVOLVE_GATE_GATE_RULES_H_
