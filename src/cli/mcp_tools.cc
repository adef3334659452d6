#include "cli/mcp_tools.h"

#include <fmt/format.h>
#include <limits.h>
#include <stdlib.h>

#include <limits>

#include "base/file.h"
#include "cli/conclude.h"
#include "cli/gkb.h"
#include "cli/lists.h"
#include "cli/models.h"
#include "core/diff.h"
#include "core/exit_code.h"
#include "llm/patch.h"
#include "report/rows.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr size_t kOpenRuns = 4;  // each holds a lock and a pool of processes
constexpr size_t kMaxSource = 256 << 10;

std::string TextOf(const json& arguments, const char* name) { return arguments.value(name, ""); }

std::string RealPath(const std::string& path) {
  char real[PATH_MAX];
  return realpath(path.c_str(), real) ? real : path;
}

std::string DbPath(const std::string& folder) { return JoinPath(folder, "run.db"); }

PromptTask TaskOf(const std::string& name) {
  for (const PromptTask task : kMcpTasks)
    if (name == PromptTaskName(task)) return task;
  return PromptTask::kEdit;
}

Status CheckFolder(const std::string& folder) {
  if (!FileExists(DbPath(folder)))
    return Error{kExitNotFound, "no run in '" + folder + "': there is no " + DbPath(folder) + "; make one with start_run, or name the folder that it returned"};
  return {};
}

Result<RunPlan> LoadPlan(RunDb& db, const std::string& folder) {
  OSE_ASSIGN(auto config, db.LoadConfig());
  if (!config) return Error{kExitNotFound, folder + ": the run was killed before it began; start another one with start_run"};
  return PlanFromJson(config->json, DbPath(folder));
}

}  // namespace

McpToolResult McpTools::Call(const std::string& tool, const json& arguments, const McpControl& control) {
  auto as_result = [](Result<json> j) -> Reply {
    if (!j.ok()) return j.error();
    return McpToolResult{std::move(*j), "", false};
  };
  auto run = [&]() -> Reply {
    if (tool == "list_workloads") return as_result(WorkloadsJson(context_));
    if (tool == "list_policies") return as_result(PoliciesJson(context_));
    if (tool == "start_run") return StartRun(arguments, control);
    if (tool == "get_parent") return GetParent(arguments, control);
    if (tool == "submit_candidate") return SubmitCandidate(arguments, control);
    if (tool == "get_candidate") return GetCandidate(arguments);
    if (tool == "read_run") return ReadRun(arguments);
    if (tool == "query_knowledge") return QueryKnowledge(arguments);
    if (tool == "finish_run") return FinishRun(arguments, control);
    return Error{kExitInternal, "no tool " + tool};
  };
  Reply reply = run();
  return reply.ok() ? std::move(*reply) : McpFailure(reply.error());
}

Result<std::optional<Knowledge>> McpTools::OpenKnowledge() const {
  if (options_.no_kb) return std::optional<Knowledge>();
  OSE_ASSIGN(Knowledge knowledge, Knowledge::Open(KnowledgeBasePath(context_, options_.kb)));
  return std::optional<Knowledge>(std::move(knowledge));
}

// The header's leading comment says what a policy may do.
Result<std::string> McpTools::Rules() const {
  OSE_ASSIGN(std::string header, ReadFile(context_.include_dir() + "/osevolve/policy.h", 1 << 20));
  std::string rules;
  for (size_t at = 0; header.compare(at, 2, "//") == 0;) {
    const size_t end = header.find('\n', at);
    const std::string line = header.substr(at + 2, end - at - 2);
    if (line.find("SPDX") == std::string::npos && !(rules.empty() && line.empty())) rules += (line.starts_with(' ') ? line.substr(1) : line) + "\n";
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return rules;
}

// The same words that a language model of `osevolve evolve` gets; an agent's window is not known.
Result<Prompt> McpTools::MakePrompt(Run& run, PromptTask task, int64_t parent, bool with_api) const {
  OSE_ASSIGN(PromptTemplates templates, PromptTemplates::Load(context_.root + "/prompts", options_.prompts));
  OSE_ASSIGN(PromptInput input, run.manual->MakePrompt(task, parent));
  if (!with_api) input.api = "As in an earlier answer, and in the resource osevolve://policy.h.";
  return BuildPrompt(templates, input, std::numeric_limits<int64_t>::max());
}

// Opens what is in `run` so far, and remembers it.
Result<McpTools::Run*> McpTools::Keep(std::unique_ptr<Run> run, const McpControl& control) {
  run->key = RealPath(run->folder);
  ManualRunOptions options;
  options.seed = run->plan.seed;
  options.search_seeds = SearchSeeds(run->problem, run->plan);
  OSE_ASSIGN(options.facts, MakeRunFacts(context_, run->problem));
  run->manual = std::make_unique<ManualRun>(std::move(options), run->plan.seeds, *run->evaluator, *run->db);
  OSE_TRY(run->manual->Open(control.cancelled, [&](int done, int total) {
    if (control.progress) control.progress(fmt::format("evaluated {} of {} policies", done, total));
  }));
  runs_.push_front(std::move(run));
  if (runs_.size() > kOpenRuns) runs_.pop_back();
  return runs_.front().get();
}

Result<McpTools::Run*> McpTools::OpenRun(const std::string& folder, const McpControl& control) {
  OSE_TRY(CheckFolder(folder));
  const std::string key = RealPath(folder);
  for (auto it = runs_.begin(); it != runs_.end(); ++it) {
    if ((*it)->key != key) continue;
    runs_.splice(runs_.begin(), runs_, it);
    return runs_.front().get();
  }
  auto run = std::make_unique<Run>();
  run->folder = folder;
  OSE_ASSIGN(RunDb db, RunDb::Open(DbPath(folder), OpenMode::kResume));
  run->db = std::make_unique<RunDb>(std::move(db));
  OSE_ASSIGN(run->plan, LoadPlan(*run->db, folder));
  OSE_ASSIGN(run->problem, MakeProblem(run->plan.workload_text, run->plan.machine_text));
  OSE_ASSIGN(run->evaluator, MakeEvaluator(context_, run->problem, options_.jobs));
  return Keep(std::move(run), control);
}

McpTools::Reply McpTools::StartRun(const json& arguments, const McpControl& control) {
  auto run = std::make_unique<Run>();
  OSE_ASSIGN(run->problem, LoadProblem(context_, {.workload = TextOf(arguments, "workload"), .machine = TextOf(arguments, "machine"), .cpus = arguments.value("cpus", 0)}));
  PlanOptions plan;
  plan.seed = arguments.value("seed", uint64_t{1});
  plan.search.islands = 1;
  plan.from = TextOf(arguments, "from");
  plan.kb = options_.kb;
  {
    OSE_ASSIGN(std::optional<Knowledge> knowledge, OpenKnowledge());
    OSE_ASSIGN(run->plan, MakePlan(context_, run->problem, plan, knowledge ? &*knowledge : nullptr));
  }
  OSE_ASSIGN(run->evaluator, MakeEvaluator(context_, run->problem, options_.jobs));
  // From here on the run exists.
  run->folder = TextOf(arguments, "out");
  if (run->folder.empty()) run->folder = FreshOut(run->problem.workload.name);
  OSE_TRY(MakeDirs(run->folder));
  OSE_ASSIGN(RunDb db, RunDb::Open(DbPath(run->folder), OpenMode::kCreate));
  run->db = std::make_unique<RunDb>(std::move(db));
  OSE_TRY(run->db->SaveConfig({.json = PlanJson(run->plan).dump(), .json_wall = json{{"jobs", options_.jobs}}.dump()}));
  OSE_ASSIGN(Run * kept, Keep(std::move(run), control));
  OSE_ASSIGN(json result, RunJson(kept->folder, kept->problem, kept->plan, *kept->db, 10));
  std::string text = fmt::format("Run {} of workload {} on {} ({} CPUs). Candidates so far, best first:\n", kept->folder, kept->problem.workload.name, kept->problem.machine.name, kept->problem.machine.cpus);
  for (const json& c : result["ranking"]) text += fmt::format("- {} {}: score {:.5g}\n", c["id"].get<int64_t>(), c["note"].get<std::string>(), c["score"].get<double>());
  for (const json& c : result["last_failures"]) text += fmt::format("- {} {} fails here: {}\n", c["id"].get<int64_t>(), c["note"].get<std::string>(), c.value("diagnosis", ""));
  text += fmt::format("Gains are measured against candidate 0, {}. Go on with get_parent.\n", kept->plan.seeds[0].name);
  return McpToolResult{std::move(result), std::move(text), false};
}

McpTools::Reply McpTools::GetParent(const json& arguments, const McpControl& control) {
  OSE_ASSIGN(Run * run, OpenRun(TextOf(arguments, "run"), control));
  int64_t id = 0;
  if (arguments.contains("id")) {
    id = arguments["id"];
    OSE_TRY(run->manual->CheckParent(id));
  } else {
    id = TextOf(arguments, "pick") == "best" ? run->manual->best() : run->manual->PickParent();
  }
  const PromptTask task = TaskOf(TextOf(arguments, "task"));
  OSE_ASSIGN(Prompt prompt, MakePrompt(*run, task, id, arguments.value("api", true)));
  OSE_ASSIGN(ParentView view, ViewParent(run->folder, run->problem, run->bounds(), *run->manual, *run->db, id, prompt));
  view.json["prompt"]["task"] = PromptTaskName(task);
  if (arguments.value("api", false)) {
    OSE_ASSIGN(std::string header, ReadFile(context_.include_dir() + "/osevolve/policy.h", 1 << 20));
    view.text += "\n## The policy API, include/osevolve/policy.h\n\n```cpp\n" + header + "```\n";
    view.json["api"] = std::move(header);
  }
  OSE_ASSIGN(view.json["rules"], Rules());
  return McpToolResult{std::move(view.json), std::move(view.text), false};
}

McpTools::Reply McpTools::SubmitCandidate(const json& arguments, const McpControl& control) {
  std::string source = TextOf(arguments, "source");
  const std::string patch = TextOf(arguments, "patch");
  std::string note = TextOf(arguments, "note");
  if (source.empty() == patch.empty()) return Error{kExitUsage, "give either source, the complete file, or patch"};
  if (source.size() > kMaxSource) return Error{kExitUsage, fmt::format("the source has {} bytes; {} are allowed", source.size(), kMaxSource)};
  if (source.find('\0') != std::string::npos) return Error{kExitUsage, "the source has a NUL byte: give the policy file as text"};
  OSE_ASSIGN(Run * run, OpenRun(TextOf(arguments, "run"), control));
  if (control.cancelled && *control.cancelled) return Error{kExitInterrupted, "cancelled"};
  const int64_t parent = arguments["parent"];
  if (!patch.empty()) {
    OSE_ASSIGN(StoredCandidate base, run->db->LoadCandidate(parent));
    PatchResult applied = ApplyReply(patch, PatchKind::kEdit, base.proposal.source);
    // Nothing was made, so nothing is recorded.
    if (!applied.ok()) return Error{kExitGate, std::string("the patch does not apply (") + PatchOutcomeName(applied.outcome) + "): " + applied.reason};
    source = std::move(applied.source);
    if (note.empty()) note = std::move(applied.summary);
  }
  if (control.progress) control.progress(fmt::format("evaluating on {} seeds", run->problem.workload.search_seeds));
  OSE_ASSIGN(Verdict verdict, run->manual->Submit(parent, source, kMcpOp, note));
  ParentView view = ViewVerdict(run->problem, run->bounds(), *run->manual, parent, verdict);
  view.json["run"] = run->folder;
  return McpToolResult{std::move(view.json), std::move(view.text), false};
}

McpTools::Reply McpTools::GetCandidate(const json& arguments) {
  const std::string folder = TextOf(arguments, "run");
  OSE_TRY(CheckFolder(folder));
  OSE_ASSIGN(RunDb db, RunDb::Open(DbPath(folder), OpenMode::kReadOnly));
  OSE_ASSIGN(RunPlan plan, LoadPlan(db, folder));
  OSE_ASSIGN(Problem problem, MakeProblem(plan.workload_text, plan.machine_text));
  OSE_ASSIGN(StoredCandidate c, db.LoadCandidate(arguments["id"]));
  json j = CandidateHead(c);
  j["run"] = folder;
  const Evaluation e = EvaluationOf(c);
  j["metrics"] = MetricsJson(e);
  std::optional<Evaluation> parent;
  j["diff"] = "";
  if (!c.proposal.parents.empty()) {
    OSE_ASSIGN(StoredCandidate p, db.LoadCandidate(c.proposal.parents[0]));
    j["diff"] = UnifiedDiff(p.proposal.source, c.proposal.source, fmt::format("candidate-{}.cc", p.proposal.id), fmt::format("candidate-{}.cc", c.proposal.id));
    parent = EvaluationOf(p);
  }
  j["objectives"] = ObjectivesJson(problem, MemoizedBounds(problem), e, parent ? &*parent : nullptr);
  j["source"] = c.proposal.source;
  return McpToolResult{std::move(j), "", false};
}

McpTools::Reply McpTools::ReadRun(const json& arguments) {
  const std::string folder = TextOf(arguments, "run");
  OSE_TRY(CheckFolder(folder));
  OSE_ASSIGN(RunDb db, RunDb::Open(DbPath(folder), OpenMode::kReadOnly));
  OSE_ASSIGN(RunPlan plan, LoadPlan(db, folder));
  OSE_ASSIGN(Problem problem, MakeProblem(plan.workload_text, plan.machine_text));
  OSE_ASSIGN(json result, RunJson(folder, problem, plan, db, arguments.value("top", 10)));
  return McpToolResult{std::move(result), "", false};
}

McpTools::Reply McpTools::QueryKnowledge(const json& arguments) {
  if (options_.no_kb) return Error{kExitUsage, "this server was started with --no-kb"};
  OSE_ASSIGN(Problem problem, LoadProblem(context_, {.workload = TextOf(arguments, "workload"), .machine = TextOf(arguments, "machine"), .cpus = arguments.value("cpus", 0)}));
  OSE_ASSIGN(json result, QueryKnowledgeJson(KnowledgeBasePath(context_, options_.kb), problem, arguments.value("k", 5)));
  return McpToolResult{std::move(result), "", false};
}

McpTools::Reply McpTools::FinishRun(const json& arguments, const McpControl& control) {
  const Nanos start = MonotonicNow();
  OSE_ASSIGN(Run * run, OpenRun(TextOf(arguments, "run"), control));
  OSE_ASSIGN(std::optional<Knowledge> knowledge, OpenKnowledge());
  const EvolutionResult search = run->manual->Summarize();
  OSE_TRY(run->db->SaveResult("search", {.json = json{{"evaluations", search.evaluations}}.dump(), .json_wall = "{}"}));
  ConcludeOptions conclude;
  conclude.out = run->folder;
  conclude.go_on = "finish_run, or osevolve evolve --resume --out " + run->folder;
  conclude.not_archived = "not archived: the server was started with --no-kb";
  conclude.started = start;
  conclude.stop = control.cancelled;
  conclude.stop_proof = control.cancelled;
  conclude.on_progress = [&](const std::string& text, bool) {
    if (control.progress) control.progress(text);
  };
  OSE_ASSIGN(Conclusion done, Conclude(conclude, run->problem, run->plan, search, *run->evaluator, *run->db, knowledge ? &*knowledge : nullptr));
  // Others may have it now; the next call opens it again.
  runs_.pop_front();
  return McpToolResult{std::move(done.result), std::move(done.summary), false};
}

}  // namespace ose
