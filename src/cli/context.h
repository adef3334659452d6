// Context: where things are, and how names on the command line become files and values.
#ifndef OSEVOLVE_CLI_CONTEXT_H_
#define OSEVOLVE_CLI_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/seeds.h"
#include "eval/evaluator.h"
#include "store/knowledge_base.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

struct Context {
  std::string root;      // holds include/, policies/, workloads/, machines/
  std::string programs;  // holds osevolve-worker and osevolve-gate
  std::string state;     // user data: the knowledge base

  // OSEVOLVE_ROOT and OSEVOLVE_STATE (the launcher sets them), else from where this program is
  // and XDG_DATA_HOME.
  static Result<Context> Find();
  std::string include_dir() const { return root + "/include"; }
};

// A workload with the machine it runs on, CPU overrides applied.
struct Problem {
  Workload workload;
  Machine machine;
  std::string file;          // of the workload
  std::string workload_text; // canonical
  std::string machine_text;
  std::string workload_hash, machine_hash;
  std::vector<double> signature;
};

struct ProblemOptions {
  std::string workload;  // a path, or a name in workloads/
  std::string machine;   // "" = the workload's own; a path, or a name in machines/
  int cpus = 0;          // 0 = the workload's or the machine's own
};

Result<Problem> LoadProblem(const Context& context, const ProblemOptions& options);
// From texts, as a run database keeps them.
Result<Problem> MakeProblem(const std::string& workload_text, const std::string& machine_text);

struct NamedSource {
  std::string name;  // what tables show
  std::string path;
  std::string source;
};

// A policy by path, by name in policies/ or policies/evolved/, or as kb:HASH.
Result<NamedSource> LoadPolicy(const Context& context, const std::string& kb_path, const std::string& name);
// The hand-written policies, by name.
Result<std::vector<NamedSource>> ShippedPolicies(const Context& context);
// Names for suggestions: files of a folder without their suffix.
std::vector<std::string> NamesIn(const std::string& dir, std::string_view suffix);

Result<std::unique_ptr<Evaluator>> MakeEvaluator(const Context& context, const Problem& problem, int jobs);

// Bounds by seed, computed once each; thread-safe.
std::function<Metrics(uint64_t)> MemoizedBounds(const Problem& problem);

// The diagnosis of a workload that got stuck, with the file and line of the operation that it names; others as they are.
std::string WithPlace(const Problem& problem, const std::string& diagnosis);

std::string KnowledgeBasePath(const Context& context, const std::string& flag);

}  // namespace ose

#endif  // OSEVOLVE_CLI_CONTEXT_H_
