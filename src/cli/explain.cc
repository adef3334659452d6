// osevolve explain: which change of an evolved policy pays, and on what.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/run_plan.h"
#include "core/diff.h"
#include "core/exit_code.h"
#include "core/lexer.h"
#include "core/statements.h"
#include "prove/explain.h"
#include "report/explain_text.h"

namespace ose {
namespace {

struct ExplainFlags {
  std::string policy, against, run, seeds, out, name, kb;
  ProblemOptions problem;
  uint64_t seed = 1;
  double tolerance = 0.1;
  bool as_it_is = false;
  int jobs = 0;
};

// What is explained, against what, where.
struct Subject {
  NamedSource policy, seed;
  Problem problem;
  uint64_t base = 1;  // of the seeds
  std::vector<LineageStep> lineage;
  bool simplified = false;
};

// The candidate that became `source`, as the run's result names it; in a run without one the candidate that it is, or the
// nearest of the best ones. `exact`: it was not simplified.
Result<std::optional<StoredCandidate>> Origin(RunDb& db, const std::string& source, bool* exact) {
  std::optional<StoredCandidate> found;
  OSE_ASSIGN(auto result, db.LoadResult("final"));
  const nlohmann::json final_result = result ? nlohmann::json::parse(result->json, nullptr, false) : nlohmann::json();
  if (final_result.is_object() && final_result.contains("best") && final_result["best"].contains("candidate")) {
    OSE_ASSIGN(found, db.LoadCandidate(final_result["best"]["candidate"].get<int64_t>()));
    *exact = found->proposal.source == source;
    return found;
  }
  OSE_TRY(db.ForEachCandidate(RunDb::With::kScores, [&](StoredCandidate c) {
    if (c.proposal.source != source) return true;
    found = std::move(c);
    return false;
  }));
  *exact = found.has_value();
  if (found) return found;
  constexpr int kBest = 64;
  OSE_ASSIGN(std::vector<StoredCandidate> best, db.BestCandidates(Stage::kFull, kBest));
  int least = 0;
  for (StoredCandidate& c : best) {
    if (!SameSkeleton(c.proposal.source, source)) continue;
    const int lines = DiffLines(c.proposal.source, source);
    if (found && lines >= least) continue;
    least = lines;
    found = std::move(c);
  }
  return found;
}

Result<Subject> FromRun(const std::string& folder) {
  const std::string path = JoinPath(folder, "run.db"), best = JoinPath(folder, "best.cc");
  if (!FileExists(path)) return Error{kExitNotFound, fmt::format("no run in '{}': there is no {}", folder, path)};
  if (!FileExists(best)) return Error{kExitNotFound, fmt::format("the run in '{}' has no best.cc yet; finish it: osevolve evolve --resume --out {}", folder, folder)};
  OSE_ASSIGN(RunDb db, RunDb::Open(path, OpenMode::kReadOnly));
  OSE_ASSIGN(auto config, db.LoadConfig());
  if (!config) return Error{kExitNotFound, folder + ": the run was killed before it began"};
  OSE_ASSIGN(RunPlan plan, PlanFromJson(config->json, path));
  Subject s;
  OSE_ASSIGN(s.problem, MakeProblem(plan.workload_text, plan.machine_text));
  s.base = plan.seed;
  OSE_ASSIGN(std::string source, ReadFile(best, 1 << 20));
  s.policy = {"best", best, std::move(source)};
  bool exact = false;
  OSE_ASSIGN(std::optional<StoredCandidate> at, Origin(db, s.policy.source, &exact));
  s.simplified = at && !exact;
  while (at) {
    const auto& full = at->scores[static_cast<int>(Stage::kFull)];
    s.lineage.insert(s.lineage.begin(), {at->proposal.id, at->proposal.op, at->proposal.note, full ? std::optional(full->mean) : std::nullopt});
    // A parent is older, so this ends.
    if (at->proposal.parents.empty() || at->proposal.parents[0] >= at->proposal.id) break;
    OSE_ASSIGN(at, db.LoadCandidate(at->proposal.parents[0]));
  }
  // The root of the lineage, or the nearest policy that the run began from.
  const SeedPolicy* root = nullptr;
  for (const SeedPolicy& p : plan.seeds)
    if (at && p.source == at->proposal.source) root = &p;
  for (const SeedPolicy& p : plan.seeds)
    if (!root && SameSkeleton(p.source, s.policy.source)) root = &p;
  if (!root) return Error{kExitDatabase, fmt::format("{}: none of the policies that the run began from is an ancestor of {}", path, best)};
  s.seed = {root->name, root->name + ".cc", root->source};
  return s;
}

// The hand-written policy that `policy` descends from: of those with its skeleton the most similar.
Result<NamedSource> Nearest(const Context& context, const NamedSource& policy) {
  OSE_ASSIGN(std::vector<NamedSource> shipped, ShippedPolicies(context));
  const NamedSource* best = nullptr;
  int least = 0;
  for (const NamedSource& s : shipped) {
    if (!SameSkeleton(s.source, policy.source)) continue;
    const int lines = DiffLines(s.source, policy.source);
    if (best && lines >= least) continue;
    best = &s;
    least = lines;
  }
  if (!best)
    return Error{kExitUsage, fmt::format("{} descends from none of the policies here: none has the same code around its evolve blocks; name one with --against", policy.path)};
  return *best;
}

Result<Subject> FromFlags(const Context& context, const ExplainFlags& flags) {
  if (flags.policy.empty()) return Error{kExitUsage, "name a policy, or a run with --run"};
  if (flags.problem.workload.empty()) return Error{kExitUsage, "name the workload that the policy is explained on: --workload"};
  Subject s;
  OSE_ASSIGN(s.problem, LoadProblem(context, flags.problem));
  s.base = flags.seed;
  const std::string kb = KnowledgeBasePath(context, flags.kb);
  OSE_ASSIGN(s.policy, LoadPolicy(context, kb, flags.policy));
  if (flags.against.empty()) {
    OSE_ASSIGN(s.seed, Nearest(context, s.policy));
    return s;
  }
  OSE_ASSIGN(s.seed, LoadPolicy(context, kb, flags.against));
  if (SameSkeleton(s.seed.source, s.policy.source)) return s;
  auto nearest = Nearest(context, s.policy);
  return Error{kExitUsage, fmt::format("{} does not descend from {}: they differ outside their evolve blocks{}", s.policy.path, s.seed.path,
                                       nearest.ok() ? fmt::format("; its root may be {}: leave out --against", nearest->name) : "")};
}

// Comment lines at the top of the policy that its root does not have: its origin, when it was shipped.
std::string Header(const std::string& policy, const std::string& root) {
  auto top = [](const std::string& source) {
    std::vector<std::string> lines;
    for (const LexToken& t : Lex(source)) {
      if (t.kind != LexKind::kComment || !t.text.starts_with("//")) break;
      lines.emplace_back(t.text);
    }
    return lines;
  };
  const std::vector<std::string> old = top(root);
  std::string out;
  for (const std::string& line : top(policy))
    if (std::find(old.begin(), old.end(), line) == old.end()) out += line + "\n";
  return out;
}

// What makes the explanation again.
std::string CommandLine(const ExplainFlags& flags, const Subject& subject, const std::string& seeds) {
  std::string text = "osevolve explain ";
  if (!flags.run.empty()) {
    text += "--run " + flags.run;
  } else {
    text += fmt::format("{} --against {} --workload {}", flags.policy, flags.against.empty() ? subject.seed.name : flags.against, flags.problem.workload);
    if (!flags.problem.machine.empty()) text += " --machine " + flags.problem.machine;
    if (flags.problem.cpus > 0) text += fmt::format(" --cpus {}", flags.problem.cpus);
    if (flags.seed != 1) text += fmt::format(" --seed {}", flags.seed);
  }
  text += " --seeds " + seeds;
  if (flags.tolerance != ExplainFlags{}.tolerance) text += fmt::format(" --tolerance {}", flags.tolerance);
  return text + (flags.as_it_is ? " --as-it-is" : "");
}

Status RunExplain(const ExplainFlags& flags, const CommonFlags& common) {
  const std::atomic<bool>& stop = StopOnSignals();
  if (!flags.run.empty() && (!flags.policy.empty() || !flags.against.empty() || !flags.problem.workload.empty() || !flags.problem.machine.empty()))
    return Error{kExitUsage, "--run has its own policy, workload and machine; leave out the others"};
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Subject subject, flags.run.empty() ? FromFlags(context, flags) : FromRun(flags.run));
  SeedSpec spec{SeedFamily::kSelect, 32};
  if (!flags.seeds.empty()) {
    OSE_ASSIGN(spec, ParseSeedSpec(flags.seeds));
  }
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, subject.problem, flags.jobs));
  ProgressLine progress(common);
  ExplainOptions options;
  options.seeds = MakeSeeds(spec.family, subject.base, spec.count);
  options.seed_file = subject.seed.path;
  options.policy_file = subject.policy.path;
  options.tolerance_pct = flags.tolerance;
  const SeedFamily other = spec.family == SeedFamily::kSearch ? SeedFamily::kSelect : SeedFamily::kSearch;
  if (!flags.as_it_is) options.minimize_seeds = MakeSeeds(other, subject.base, spec.count);
  options.stop = &stop;
  options.on_progress = [&](const std::string& doing, int done, int total) {
    progress.Show(total > 0 ? fmt::format("{}: {} of {}", doing, done + 1, total) : fmt::format("{}: {} tried", doing, done));
  };
  auto explained = Explain(options, subject.seed.source, subject.policy.source, *evaluator);
  progress.Clear();
  if (!explained.ok()) return Error{explained.error().code, WithPlace(subject.problem, explained.error().message)};

  ExplainHead head;
  head.policy = flags.name.empty() ? subject.policy.name : flags.name;
  head.seed_policy = subject.seed.name;
  head.workload = subject.problem.workload.name;
  head.machine = subject.problem.machine.name;
  head.cpus = subject.problem.machine.cpus;
  head.seeds = fmt::format("{}:{}", SeedFamilyName(spec.family), spec.count);
  head.objectives = subject.problem.workload.objectives;
  head.command = CommandLine(flags, subject, head.seeds);
  head.run = flags.run;
  head.header = Header(subject.policy.source, subject.seed.source);
  head.lineage = subject.lineage;
  head.simplified = subject.simplified;
  const std::string small = head.policy + ".min.cc";
  head.diff = UnifiedDiff(subject.seed.source, explained->source, subject.seed.name + ".cc", small);
  nlohmann::json files = nlohmann::json::array();
  if (!flags.out.empty()) {
    OSE_TRY(MakeDirs(flags.out));
    const std::string source = JoinPath(flags.out, small), page = JoinPath(flags.out, "explanation.md");
    OSE_TRY(WriteFileAtomic(source, explained->source));
    OSE_TRY(WriteFileAtomic(page, ExplainMarkdown(head, *explained)));
    files = {source, page};
  }
  if (common.json) {
    nlohmann::json j = ExplainJson(head, *explained);
    j["files"] = files;
    PrintJson(j);
    return {};
  }
  fmt::print("{}", ExplainText(head, *explained));
  for (const auto& f : files) fmt::print("{}{}", f == files[0] ? "\n" : "", f.get<std::string>() + "\n");
  return {};
}

}  // namespace

void RegisterExplain(CLI::App& app, Command& command) {
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* sub = app.add_subcommand("explain", "Say which change of an evolved policy pays, and on what.");
  sub->add_option("policy", flags->policy, "the policy: a file, a name (osevolve policies) or kb:HASH");
  sub->add_option("--against", flags->against, "the policy that it evolved from; default: the hand-written one that is nearest");
  sub->add_option("--run", flags->run, "explain the best policy of this run, with its lineage, on the run's workload and machine");
  sub->add_option("-w,--workload", flags->problem.workload, "workload: a file or a name (osevolve workloads)");
  sub->add_option("-m,--machine", flags->problem.machine, "machine profile: a file or a name; default: the workload's");
  sub->add_option("--cpus", flags->problem.cpus, "number of CPUs instead of the profile's")->check(CLI::Range(1, kMaxCpus));
  sub->add_option("--seeds", flags->seeds, "FAMILY:N with family search, select or final; default: select:32");
  sub->add_option("--seed", flags->seed, "base of all seed families")->capture_default_str();
  sub->add_option("--tolerance", flags->tolerance, "change of the score, in per cent, that counts as nothing")->check(CLI::Range(0.0, 50.0))->capture_default_str();
  sub->add_flag("--as-it-is", flags->as_it_is, "keep what does nothing");
  sub->add_option("-o,--out", flags->out, "folder for the smaller policy, NAME.min.cc, and the page explanation.md");
  sub->add_option("--name", flags->name, "what to call the policy; default: its file's name");
  sub->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  sub->add_option("--kb", flags->kb, "knowledge base file, for kb:HASH");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve explain runs/hol-1/best.cc --against cfs --workload hol\n          osevolve explain --run runs/hol-1 -o explained");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunExplain(*flags, command.flags); }; });
}

}  // namespace ose
