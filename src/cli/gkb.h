// The knowledge base asked about a problem.
#ifndef OSEVOLVE_CLI_GKB_H_
#define OSEVOLVE_CLI_GKB_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace ose {

// The k veterans of the nearest workloads, as `osevolve gkb query --json` (docs/json.md). A file
// that does not exist is an empty base.
// The matches as a table, or why there are none; for people.
std::string VeteransText(const QueryAnswer& answer);

// gkb export and gkb import (docs/bundles.md).
void RegisterBundles(CLI::App& gkb, Command& command);

Result<nlohmann::json> QueryKnowledgeJson(const std::string& kb_path, const Problem& problem, int k);

}  // namespace ose

#endif  // OSEVOLVE_CLI_GKB_H_
