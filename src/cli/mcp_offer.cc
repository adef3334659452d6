// What McpTools offers: names, words and schemas of its tools.
#include "base/file.h"
#include "cli/mcp_tools.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

constexpr char kHeaderUri[] = "osevolve://policy.h";
constexpr char kApiUri[] = "osevolve://policy-api.md";

constexpr char kInstructions[] =
    "OS-Evolve evolves CPU scheduling policies: C++ files that implement the hooks of Linux sched_ext. You are the mutation "
    "operator. (1) start_run with a workload makes a run and measures the policies it starts from. (2) get_parent gives you a "
    "policy with its source, its measurements, their distance to the bound, what was tried, and the rules. (3) Think about what the schedule "
    "should do better, change the code inside the evolve blocks, and give the whole file to submit_candidate: it is checked, "
    "compiled, run in a sandboxed simulator, and you learn its score and gain, or why it failed. Repeat 2 and 3; sampling "
    "parents (no id) explores, pick \"best\" exploits. (4) finish_run proves the winner on seeds that nobody has seen and writes "
    "best.cc. A score is a percentage of what no policy can beat: higher is better. A run is its folder; it can be gone on with "
    "at any time. The policy API is in the resources osevolve://policy.h and osevolve://policy-api.md.";

json Text(const std::string& what) { return {{"type", "string"}, {"description", what}}; }
json Whole(const std::string& what, int64_t least, int64_t most) {
  return {{"type", "integer"}, {"description", what}, {"minimum", least}, {"maximum", most}};
}
json Flag(const std::string& what) { return {{"type", "boolean"}, {"description", what}}; }

json Schema(const json& properties, const std::vector<std::string>& required = {}) {
  return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
}

constexpr int64_t kAnyId = int64_t{1} << 53;  // JSON numbers beyond are not exact everywhere

}  // namespace

McpOffer McpTools::Offer() const {
  const json run = Text("folder of the run, as start_run returned it, or of a run of `osevolve evolve`");
  const json workload = Text("a name (list_workloads), or the path of a workload file");
  const json machine = Text("machine profile: a name or a file; default: the workload's own");
  const json cpus = Whole("number of CPUs instead of the machine's own", 1, kMaxCpus);
  json tasks = json::array();
  for (const PromptTask task : kMcpTasks) tasks.push_back(PromptTaskName(task));
  McpOffer offer;
  offer.instructions = kInstructions;
  offer.tools = {
      {"list_workloads", "List workloads", "The workloads that ship: name, tasks, CPUs, machine, objectives, description.", Schema(json::object()), true},
      {"list_policies", "List policies", "The policies that ship: name, what it does, tunables, evolve blocks.", Schema(json::object()), true},
      {"start_run", "Start a run",
       "Makes a run for a workload: a new folder with a database. The policies it starts from (the hand-written ones and what the knowledge base "
       "knows for this or a near workload) are measured first, as candidates 0, 1, ...; candidate 0 is what gains are measured against. Takes "
       "seconds to a minute. Returns the folder and the ranking.",
       Schema({{"workload", workload},
               {"machine", machine},
               {"cpus", cpus},
               {"seed", Whole("same seed, same measurements; default 1", 0, kAnyId)},
               {"from", Text("policy to start from: a name (list_policies), a file, or kb:HASH; default: the best known, else cfs")},
               {"out", Text("folder of the new run; default: runs/WORKLOAD-N")}},
              {"workload"}),
       false},
      {"get_parent", "Get a parent",
       "A candidate to improve, with all you need, in the words that language models get in an evolution: the policy API and its rules, workload, machine, "
       "source, measurements with intervals and distance to the bound, where the time goes, ancestors, what was tried, what failed and why, other good "
       "candidates, and a request. Without id one is drawn from the archive, the better the more often.",
       Schema({{"run", run},
               {"id", Whole("this candidate", 0, kAnyId)},
               {"pick", {{"type", "string"}, {"enum", {"sample", "best"}}, {"description", "without id: draw one (default), or take the best"}}},
               {"task", {{"type", "string"}, {"enum", tasks}, {"description", "what to ask for; default: edit. Any form is taken by submit_candidate"}}},
               {"api", Flag("true: also the whole header policy.h (33 kB); false: not even the abridged one, which is in the text otherwise; once a session is enough")}},
              {"run"}),
       true},
      {"submit_candidate", "Submit a candidate",
       "Checks, compiles and measures a new policy on the run's search seeds and records it with its parent, whatever comes out. Returns the "
       "outcome (ok, gate, compile, crash, timeout, memory, rule, stall, ...) with the diagnosis, or the score with its gain over the parent, "
       "paired by seed, and each objective with its bound. Only the evolve blocks and the defaults of tunables may differ from the parent.",
       Schema({{"run", run},
               {"parent", Whole("the candidate it was made from", 0, kAnyId)},
               {"source", Text("the complete new policy file; this or patch")},
               {"patch", Text("or the change alone: SEARCH/REPLACE blocks, a unified diff, whole evolve blocks with their markers in a code fence, or lines name = value for tunables")},
               {"note", Text("what you changed and why, in a sentence; default: the SUMMARY line of the patch")}},
              {"run", "parent"}),
       false},
      {"get_candidate", "Get a candidate", "A candidate of a run with its source, its difference from its parent, outcome, diagnosis and metrics. Reads only.",
       Schema({{"run", run}, {"id", Whole("its number", 0, kAnyId)}}, {"run", "id"}), true},
      {"read_run", "Read a run",
       "A run at a glance: counts, the best candidates, the last failures with their reasons, the final result if it is finished. Works on "
       "any run, also while another process searches. Reads only.",
       Schema({{"run", run}, {"top", Whole("how many of the best; default 10", 1, 1000)}}, {"run"}), true},
      {"query_knowledge", "Query the knowledge base", "The best known policies of the workloads nearest to this one, with distance and expected gain; use one with start_run's from: kb:POLICY.",
       Schema({{"workload", workload}, {"machine", machine}, {"cpus", cpus}, {"k", Whole("how many; default 5", 1, 100)}}, {"workload"}), true},
      {"finish_run", "Finish a run",
       "Proves the best candidates on unseen seeds, takes out of the winner what does not help, writes best.cc, best.diff and metrics.json into the run's "
       "folder and archives the winner in the knowledge base. Takes up to some minutes. Returns the gain over the first policy and over the best "
       "hand-written one, with intervals. The run can be gone on with, and finished again.",
       Schema({{"run", run}}, {"run"}), false},
  };
  offer.resources = {{kHeaderUri, "policy.h", "The policy API: everything a policy may see", "text/x-c++"},
                     {kApiUri, "policy-api.md", "The policy API explained, in the order in which one needs it", "text/markdown"}};
  const std::string root = context_.root;
  offer.read_resource = [root](const std::string& uri) {
    return ReadFile(uri == kHeaderUri ? root + "/include/osevolve/policy.h" : root + "/docs/policy-api.md", 1 << 20);
  };
  return offer;
}

}  // namespace ose
