// McpTools: what an MCP client can do here, each tool a thin shell around the rooms (docs/mcp.md).
//
// A run lives in its folder alone. The first call that names one opens it and rebuilds its archive
// from the database, so that nothing is lost when this process dies; a few are kept open for the
// calls that follow. An open run belongs to this process (store/run_lock.h).
//
// Threads: one at a time, except Offer.
#ifndef OSEVOLVE_CLI_MCP_TOOLS_H_
#define OSEVOLVE_CLI_MCP_TOOLS_H_

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/context.h"
#include "cli/mcp_server.h"
#include "cli/run_plan.h"
#include "cli/run_view.h"
#include "evolve/manual_run.h"
#include "llm/prompt.h"

namespace ose {

struct McpToolsOptions {
  std::string kb;      // knowledge base file; "" = the user's own
  bool no_kb = false;  // neither read nor write one
  int jobs = 0;        // workers of a run; 0 = one for each CPU
  std::string prompts; // folder of templates that replace those of prompts/; "" = none
};

// What get_parent may ask for.
inline constexpr PromptTask kMcpTasks[] = {PromptTask::kEdit, PromptTask::kDiff, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables};

// Of one call.
struct McpControl {
  const std::atomic<bool>* cancelled = nullptr;
  std::function<void(const std::string& message)> progress;
};

class McpTools {
 public:
  McpTools(Context context, McpToolsOptions options) : context_(std::move(context)), options_(std::move(options)) {}

  McpOffer Offer() const;
  // `arguments` fit the tool's schema. What the user got wrong is a result with is_error.
  McpToolResult Call(const std::string& tool, const nlohmann::json& arguments, const McpControl& control);

 private:
  // Stays where it is: the evaluator's bounds and the run refer to their neighbours.
  struct Run {
    std::string folder;  // as it was first given
    std::string key;     // its real path
    Problem problem;
    RunPlan plan;
    std::unique_ptr<Evaluator> evaluator;
    std::unique_ptr<RunDb> db;
    std::unique_ptr<ManualRun> manual;
    const BoundsBySeed& bounds() const { return evaluator->options().bounds; }
  };
  using Reply = Result<McpToolResult>;

  Reply StartRun(const nlohmann::json& arguments, const McpControl& control);
  Reply GetParent(const nlohmann::json& arguments, const McpControl& control);
  Reply SubmitCandidate(const nlohmann::json& arguments, const McpControl& control);
  Reply FinishRun(const nlohmann::json& arguments, const McpControl& control);
  Reply GetCandidate(const nlohmann::json& arguments);
  Reply ReadRun(const nlohmann::json& arguments);
  Reply QueryKnowledge(const nlohmann::json& arguments);

  Result<Run*> OpenRun(const std::string& folder, const McpControl& control);
  Result<Run*> Keep(std::unique_ptr<Run> run, const McpControl& control);
  Result<std::optional<Knowledge>> OpenKnowledge() const;
  Result<std::string> Rules() const;
  Result<Prompt> MakePrompt(Run& run, PromptTask task, int64_t parent, bool with_api) const;

  const Context context_;
  const McpToolsOptions options_;
  std::list<std::unique_ptr<Run>> runs_;  // the last used first
};

}  // namespace ose

#endif  // OSEVOLVE_CLI_MCP_TOOLS_H_
