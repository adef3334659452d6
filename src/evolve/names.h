// Names of the values of an enumeration, as flags and plans spell them.
#ifndef OSEVOLVE_EVOLVE_NAMES_H_
#define OSEVOLVE_EVOLVE_NAMES_H_

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/edit_distance.h"
#include "base/result.h"
#include "core/exit_code.h"

namespace ose {

// The value whose name is `name`; `names` are those of the values in their order, and `what` says what they are ("no
// strategy 'x'; did you mean ..."). kExitUsage.
template <class Enum>
Result<Enum> ParseName(std::string_view name, const std::vector<std::string>& names, std::string_view what) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return Error{kExitUsage, fmt::format("no {} '{}'{}", what, name, DidYouMean(name, names))};
  return static_cast<Enum>(it - names.begin());
}

}  // namespace ose

#endif  // OSEVOLVE_EVOLVE_NAMES_H_
