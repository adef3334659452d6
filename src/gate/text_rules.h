// The rules that are about text and tokens: what can be refused before a parser sees it, and
// what must be, because it would make the parser see something else than the reader.
#ifndef OSEVOLVE_GATE_TEXT_RULES_H_
#define OSEVOLVE_GATE_TEXT_RULES_H_

#include <string_view>
#include <vector>

#include "ast/parser.h"
#include "gate/gate_rules.h"
#include "gate/report.h"

namespace ose {

struct TextFacts {
  bool hosted = false;  // the source declares OSEVOLVE_HOSTED
  // The invocations of TUNABLE and OSEVOLVE_POLICY: what they expand to is the header's.
  std::vector<ast::Range> macros;
};

TextFacts CheckText(std::string_view source, const GateOptions& options, Report& report);

}  // namespace ose

#endif  // OSEVOLVE_GATE_TEXT_RULES_H_
