// The rules that need the syntax tree: types, calls, storage, bounds.
#ifndef OSEVOLVE_GATE_TREE_RULES_H_
#define OSEVOLVE_GATE_TREE_RULES_H_

#include "ast/parser.h"
#include "gate/report.h"
#include "gate/text_rules.h"

namespace ose {

// Precondition: the unit has no errors and CheckText found nothing. Portable sources only.
void CheckTree(const ast::Unit& unit, const TextFacts& facts, Report& report);

}  // namespace ose

#endif  // OSEVOLVE_GATE_TREE_RULES_H_
