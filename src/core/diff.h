// Line differences of two texts, as people and prompts read them.
#ifndef OSEVOLVE_CORE_DIFF_H_
#define OSEVOLVE_CORE_DIFF_H_

#include <string>
#include <string_view>

namespace ose {

// Unified diff with three lines of context, as `diff -u` and `git apply` read it; "" when the
// texts are equal. The names go into the ---/+++ header as they are.
std::string UnifiedDiff(std::string_view before, std::string_view after, std::string_view before_name,
                        std::string_view after_name);

// Lines removed plus lines added by a shortest edit.
int DiffLines(std::string_view before, std::string_view after);

}  // namespace ose

#endif  // OSEVOLVE_CORE_DIFF_H_
