// Line differences of two texts, as people and prompts read them.
#ifndef OSEVOLVE_CORE_DIFF_H_
#define OSEVOLVE_CORE_DIFF_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ose {

// Unified diff with three lines of context, as `diff -u` and `git apply` read it; "" when the
// texts are equal. The names go into the ---/+++ header as they are.
std::string UnifiedDiff(std::string_view before, std::string_view after, std::string_view before_name,
                        std::string_view after_name);

// One contiguous change of a shortest edit: the bytes [before_begin, before_end) of the one text
// became [after_begin, after_end) of the other; whole lines. In order, none adjacent to the next.
struct Change {
  size_t before_begin = 0, before_end = 0, after_begin = 0, after_end = 0;
};
std::vector<Change> Changes(std::string_view before, std::string_view after);

// Lines removed plus lines added by a shortest edit.
int DiffLines(std::string_view before, std::string_view after);

}  // namespace ose

#endif  // OSEVOLVE_CORE_DIFF_H_
