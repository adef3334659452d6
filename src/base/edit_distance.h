// "Did you mean": the nearest of some names to a mistyped one.
#ifndef OSEVOLVE_BASE_EDIT_DISTANCE_H_
#define OSEVOLVE_BASE_EDIT_DISTANCE_H_

#include <string>
#include <string_view>
#include <vector>

namespace ose {

// Levenshtein distance.
int EditDistance(std::string_view a, std::string_view b);

// The name nearest to `word` within a third of its length (at least 2 edits), or "".
std::string Suggest(std::string_view word, const std::vector<std::string>& names);

// "; did you mean 'x'?" or "".
std::string DidYouMean(std::string_view word, const std::vector<std::string>& names);

}  // namespace ose

#endif  // OSEVOLVE_BASE_EDIT_DISTANCE_H_
