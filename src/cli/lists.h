// What there is, as docs/json.md describes it: workloads and policies that ship.
#ifndef OSEVOLVE_CLI_LISTS_H_
#define OSEVOLVE_CLI_LISTS_H_

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "cli/context.h"

namespace ose {

Result<nlohmann::json> WorkloadsJson(const Context& context);
Result<nlohmann::json> PoliciesJson(const Context& context);

}  // namespace ose

#endif  // OSEVOLVE_CLI_LISTS_H_
