#include "cli/context.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <regex>

#include "base/edit_distance.h"
#include "base/file.h"
#include "base/hash.h"
#include "core/exit_code.h"
#include "eval/local_evaluator.h"
#include "workload/bound.h"
#include "workload/signature.h"
#include "workload/workload_check.h"

namespace ose {
namespace {

std::string Env(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

// A file that the user named: a path if there is such a file, else NAME in one of the folders.
Result<std::string> FindFile(const std::string& name, const std::vector<std::string>& dirs, const std::vector<std::string>& suffixes,
                             const std::string& kind, const std::string& list_command) {
  const bool is_path = name.find('/') != std::string::npos ||
                       std::any_of(suffixes.begin(), suffixes.end(), [&](const std::string& s) { return name.ends_with(s); });
  if (is_path) {
    if (FileExists(name)) return name;
    // "workloads/hol.toml" from another folder: the file of that name that ships.
    for (const std::string& dir : dirs)
      if (std::string path = JoinPath(dir, Basename(name)); name == JoinPath(Basename(dir), Basename(name)) && FileExists(path)) return path;
  } else {
    for (const std::string& dir : dirs)
      for (const std::string& suffix : suffixes)
        if (std::string path = JoinPath(dir, name + suffix); FileExists(path)) return path;
  }
  std::vector<std::string> known;
  for (const std::string& dir : dirs)
    for (const std::string& suffix : suffixes)
      for (const std::string& n : NamesIn(dir, suffix)) known.push_back(n);
  return Error{kExitNotFound, "no " + kind + " '" + name + "'" + DidYouMean(Stem(name), known) + (list_command.empty() ? "" : " (list them: " + list_command + ")")};
}

bool SeedsMatter(const Workload& w) {
  for (const Group& g : w.groups)
    if (g.arrivals.kind != Arrivals::Kind::kNone || g.has_start) return true;
  return !w.dists.empty();
}

}  // namespace

Result<Context> Context::Find() {
  Context c;
  char exe[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (n <= 0) return Error{kExitInternal, "cannot find this program's own path in /proc"};
  c.programs = Dirname(std::string(exe, static_cast<size_t>(n)));
  c.root = Env("OSEVOLVE_ROOT");
  for (std::string dir = c.programs; c.root.empty() && dir.size() > 1; dir = Dirname(dir))
    if (FileExists(dir + "/include/osevolve/policy.h")) c.root = dir;
  if (!FileExists(c.root + "/include/osevolve/policy.h"))
    return Error{kExitNotFound, "cannot find include/osevolve/policy.h; start through ./osevolve or set OSEVOLVE_ROOT to the checkout"};
  c.state = Env("OSEVOLVE_STATE");
  if (c.state.empty()) {
    std::string data = Env("XDG_DATA_HOME");
    if (data.empty() && !Env("HOME").empty()) data = Env("HOME") + "/.local/share";
    if (!data.empty()) c.state = data + "/osevolve";
  }
  return c;
}

std::vector<std::string> NamesIn(const std::string& dir, std::string_view suffix) {
  std::vector<std::string> names;
  auto files = ListFiles(dir, suffix);
  if (!files.ok()) return names;
  for (const std::string& f : *files) names.push_back(f.substr(0, f.size() - suffix.size()));
  return names;
}

Result<Problem> MakeProblem(const std::string& workload_text, const std::string& machine_text) {
  Problem p;
  OSE_ASSIGN(p.workload, ParseWorkload(workload_text, "workload"));
  OSE_ASSIGN(p.machine, ParseMachine(machine_text, "machine"));
  p.workload_text = workload_text;
  p.machine_text = machine_text;
  p.workload_hash = WorkloadHash(p.workload);
  p.machine_hash = Sha256Hex(machine_text);
  Signature s = ComputeSignature(p.workload, p.machine);
  p.signature.assign(s.begin(), s.end());
  return p;
}

Result<Problem> LoadProblem(const Context& context, const ProblemOptions& options) {
  OSE_ASSIGN(std::string file, FindFile(options.workload, {context.root + "/workloads"}, {".toml", ".json"}, "workload", "osevolve workloads"));
  OSE_ASSIGN(Workload workload, LoadWorkload(file));
  std::string machine_name = options.machine.empty() ? workload.machine : options.machine;
  OSE_ASSIGN(std::string machine_file, FindFile(machine_name, {Dirname(file), context.root + "/machines"}, {".toml"}, "machine profile", "ls machines"));
  OSE_ASSIGN(Machine machine, LoadMachine(machine_file));
  if (options.cpus > 0) machine = WithCpus(machine, options.cpus);
  else if (workload.cpus > 0) machine = WithCpus(machine, workload.cpus);
  workload.cpus = machine.cpus;
  for (const Group& g : workload.groups)
    for (int c : g.affinity)
      if (c >= machine.cpus)
        return Error{kExitBadWorkload, file + ": group '" + g.name + "' is bound to CPU " + std::to_string(c) + ", but machine '" +
                                           machine.name + "' has " + std::to_string(machine.cpus) + " CPUs; use --cpus or another machine"};
  OSE_ASSIGN(Problem p, MakeProblem(FormatWorkload(workload), FormatMachine(machine)));
  p.file = file;
  return p;
}

Result<NamedSource> LoadPolicy(const Context& context, const std::string& kb_path, const std::string& name) {
  if (name.starts_with("kb:")) {
    OSE_ASSIGN(KnowledgeBase kb, KnowledgeBase::Open(kb_path, OpenMode::kReadOnly));
    OSE_ASSIGN(PolicyRecord record, kb.LoadPolicy(name.substr(3)));
    return NamedSource{name, name, record.source};
  }
  OSE_ASSIGN(std::string path, FindFile(name, {context.root + "/policies", context.root + "/policies/evolved"}, {".cc"}, "policy", "osevolve policies"));
  OSE_ASSIGN(std::string source, ReadFile(path, 1 << 20));
  return NamedSource{Stem(path), path, std::move(source)};
}

Result<std::vector<NamedSource>> ShippedPolicies(const Context& context) {
  std::vector<NamedSource> out;
  for (const std::string& name : NamesIn(context.root + "/policies", ".cc")) {
    std::string path = context.root + "/policies/" + name + ".cc";
    OSE_ASSIGN(std::string source, ReadFile(path, 1 << 20));
    out.push_back({name, path, std::move(source)});
  }
  return out;
}

std::function<Metrics(uint64_t)> MemoizedBounds(const Problem& problem) {
  struct Memo {
    std::mutex mutex;
    std::map<uint64_t, Metrics> by_seed;
  };
  auto memo = std::make_shared<Memo>();
  bool seeds_matter = SeedsMatter(problem.workload);
  return [memo, seeds_matter, &problem](uint64_t seed) {
    uint64_t key = seeds_matter ? seed : 0;
    {
      std::lock_guard lock(memo->mutex);
      if (auto it = memo->by_seed.find(key); it != memo->by_seed.end()) return it->second;
    }
    Metrics m = Bounds(problem.workload, problem.machine, seed);
    std::lock_guard lock(memo->mutex);
    return memo->by_seed.emplace(key, std::move(m)).first->second;
  };
}

Result<std::unique_ptr<Evaluator>> MakeEvaluator(const Context& context, const Problem& problem, int jobs) {
  EvaluatorOptions o;
  o.include_dir = context.include_dir();
  o.program_dir = context.programs;
  o.workload_text = problem.workload_text;
  o.machine_text = problem.machine_text;
  o.objectives = problem.workload.objectives;
  o.bounds = MemoizedBounds(problem);
  o.jobs = jobs > 0 ? jobs : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return LocalEvaluator::Create(std::move(o));
}

std::string WithPlace(const Problem& problem, const std::string& diagnosis) {
  // Of Engine::FailStuck and LoadRun::Stuck: "...; GROUP[I] waits for ... (operation N of its program)".
  static const std::regex kStuck(R"(cannot finish: .*; (.+)\[\d+\] .* \(operation (\d+) of its program\))");
  std::smatch m;
  if (!std::regex_search(diagnosis, m, kStuck)) return diagnosis;
  const int line = OperationLine(problem.file, m[1], std::stoul(m[2]) - 1);
  const std::string place = problem.file + (line > 0 ? ":" + std::to_string(line) : "");
  return place + ": " + diagnosis.substr(diagnosis.find("workload '"));
}

std::string KnowledgeBasePath(const Context& context, const std::string& flag) {
  return flag.empty() ? context.state + "/knowledge.db" : flag;
}

}  // namespace ose
