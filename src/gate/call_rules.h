// The rules that look at who calls whom: recursion, and services that may be called from
// certain hooks only.
#ifndef OSEVOLVE_GATE_CALL_RULES_H_
#define OSEVOLVE_GATE_CALL_RULES_H_

#include <string>
#include <vector>

#include "ast/parser.h"
#include "gate/report.h"

namespace ose {

struct FunctionCalls {
  CXCursor function;  // canonical cursor of the definition
  std::string name;
  bool hook = false;  // a hook of sched_ext, as a member of the policy class
  size_t offset = 0;  // of the definition
  struct Call {
    CXCursor callee;  // canonical
    std::string name;
    size_t offset = 0;
    bool service = false;  // the callee is the header's
  };
  std::vector<Call> calls;
};

void CheckCalls(const std::vector<FunctionCalls>& functions, Report& report);

// Whether a member function of that name is called by the host.
bool IsHookName(std::string_view name);

}  // namespace ose

#endif  // OSEVOLVE_GATE_CALL_RULES_H_
