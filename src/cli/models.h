// Models: the command line's side of language models: from --llm and its companions to the options of a
// search (evolve/model_search.h), and the estimate of --llm-dry-run.
#ifndef OSEVOLVE_CLI_MODELS_H_
#define OSEVOLVE_CLI_MODELS_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "evolve/evolution.h"
#include "llm/providers.h"

namespace CLI {
class App;
}

namespace ose {

// Kept with the run, so that --resume needs none of them again. No keys: those stay in the environment.
struct ModelFlags {
  std::vector<std::string> llm;         // --llm, as given
  std::optional<double> budget_usd;
  std::optional<int64_t> budget_calls, budget_tokens;
  std::optional<double> share;
  int notes_interval = 12;
  std::string prices, prompts;          // files that override the shipped ones; "" = none
  std::string record, replay;           // of exchanges (llm/exchange.h); not kept with the run
};

void AddModelFlags(CLI::App& app, ModelFlags* flags);
nlohmann::json ModelFlagsJson(const ModelFlags& flags);
ModelFlags ModelFlagsFromJson(const nlohmann::json& json);  // throws as nlohmann does
// What is set in `later` replaces what is set in `kept`.
ModelFlags Merged(ModelFlags kept, const ModelFlags& later);

// What all prompts of a run have in common: for models, and for who comes in through MCP.
Result<RunFacts> MakeRunFacts(const Context& context, const Problem& problem);

// Errors: a wrong spec, price file or template (kExitUsage), a model that cannot be used (kExitModel), no known
// price with a limit in dollars (kExitUsage). `db` tells what a resumed run has spent.
Result<ModelSearchOptions> MakeModelSearch(const Context& context, const Problem& problem, const ModelFlags& flags, uint64_t seed,
                                           const std::vector<uint64_t>& search_seeds, const Environment& env, RunDb* db);

// What the first calls would cost, from real prompts: text for people, `out` (may be null) for programs. Writes
// the prompts to `dir`, unless that is "".
Result<std::string> DescribeDryRun(const ModelSearchOptions& options, const ModelFlags& flags, const std::vector<PromptInput>& prompts,
                                   const std::string& dir, nlohmann::json* out);

}  // namespace ose

#endif  // OSEVOLVE_CLI_MODELS_H_
