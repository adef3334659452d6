// osevolve gkb export, osevolve gkb import: bundles of the knowledge base (docs/bundles.md).
#include <fmt/format.h>
#include <sys/random.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "cli/bundle_check.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/gkb.h"
#include "cli/knowledge.h"
#include "cli/remeasure.h"
#include "core/exit_code.h"
#include "report/rows.h"
#include "report/table.h"
#include "store/bundle.h"

namespace ose {
namespace {

using nlohmann::json;

struct BundleFlags {
  std::string kb, file;
  std::vector<std::string> ids;
  bool force = false, measure = false;
  std::optional<uint64_t> seed;
  int jobs = 0;
};

json CountsJson(const ImportCounts& n) {
  return {{"policies", n.policies}, {"workloads", n.workloads}, {"machines", n.machines}, {"evaluations", n.evaluations}};
}

ImportCounts Sizes(const Bundle& b) {
  const auto size = [](const auto& list) { return static_cast<int64_t>(list.size()); };
  return {size(b.policies), size(b.workloads), size(b.machines), size(b.evaluations)};
}

std::string CountsText(const ImportCounts& n) {
  const auto count = [](int64_t n, const char* one, const char* many) { return fmt::format("{} {}", n, n == 1 ? one : many); };
  return fmt::format("{}, {}, {}, {}", count(n.policies, "policy", "policies"), count(n.workloads, "workload", "workloads"),
                     count(n.machines, "machine", "machines"), count(n.evaluations, "evaluation", "evaluations"));
}

Result<Bundle> Checked(std::string_view text, const std::string& file, const char* advice) {
  auto checked = [&]() -> Result<Bundle> {
    OSE_ASSIGN(Bundle bundle, ParseBundle(text, file));
    OSE_TRY(CheckBundle(&bundle, file));
    return bundle;
  }();
  if (checked.ok()) return checked;
  Error e = checked.error();
  if (e.code == kExitDatabase) e.message += advice;
  return e;
}

// --- Export --------------------------------------------------------------------------------------

// The veterans that the user named, by their ids or those of their policies, or by the names of policies.
Result<std::vector<std::string>> VeteransNamed(const std::vector<Veteran>& all, const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  if (names.empty())
    for (const Veteran& v : all) ids.push_back(v.id);
  for (const std::string& name : names) {
    std::string policy;
    for (const Veteran& v : all) {
      const bool hash = name.size() >= 4 && (v.id.starts_with(name) || v.claim.policy.starts_with(name));
      if (!hash && v.policy_name != name) continue;
      if (!policy.empty() && policy != v.claim.policy) return Error{kExitUsage, "'" + name + "' stands for several policies; give more of the hash"};
      policy = v.claim.policy;
      if (std::find(ids.begin(), ids.end(), v.id) == ids.end()) ids.push_back(v.id);
    }
    if (policy.empty()) return Error{kExitNotFound, "no current veteran '" + name + "' (list them: osevolve gkb list); only veterans are exported"};
  }
  return ids;
}

Status RunExport(const BundleFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  const std::string path = KnowledgeBasePath(context, flags.kb);
  if (FileExists(flags.file) && !flags.force)
    return Error{kExitUsage, flags.file + " exists; choose another name with -o or overwrite it with --force"};
  std::vector<Veteran> veterans;
  Bundle bundle;
  if (FileExists(path)) {
    OSE_ASSIGN(KnowledgeBase kb, KnowledgeBase::Open(path, OpenMode::kReadOnly));
    OSE_ASSIGN(veterans, kb.ListVeterans());
    OSE_ASSIGN(std::vector<std::string> ids, VeteransNamed(veterans, flags.ids));
    OSE_ASSIGN(bundle, kb.Export(ids));
  }
  if (veterans.empty()) return Error{kExitNotFound, "the knowledge base " + path + " has no veteran to export: evolve a policy first, for example: osevolve evolve hol"};
  const std::string text = FormatBundle(bundle);
  // Nobody shall get what no base takes.
  OSE_ASSIGN(bundle, Checked(text, path, "; no base would take that: leave it out by naming other veterans (osevolve gkb list)"));
  OSE_TRY(WriteFileAtomic(flags.file, text));
  const ImportCounts sizes = Sizes(bundle);
  if (common.json) {
    json j = CountsJson(sizes);
    j.update({{"file", flags.file}, {"sha256", bundle.sha256}, {"claims", bundle.claims.size()}});
    PrintJson(j);
  } else {
    fmt::print("{}: {} with {}\nsha256 {}\nelsewhere: osevolve gkb import {} --measure\n", flags.file,
               bundle.claims.size() == 1 ? "1 veteran" : fmt::format("{} veterans", bundle.claims.size()), CountsText(sizes), bundle.sha256, flags.file);
  }
  return {};
}

// --- Import --------------------------------------------------------------------------------------

struct Refused {
  PolicyRecord policy;
  Evaluation evaluation;
  int code = kExitOk;
};

// Workload and machine to the problem that they are.
using Problems = std::map<std::pair<std::string, std::string>, std::unique_ptr<Problem>>;

Result<Problems> ProblemsOf(const Bundle& bundle) {
  std::map<std::string, const WorkloadRecord*> workloads;
  std::map<std::string, const MachineRecord*> machines;
  for (const WorkloadRecord& w : bundle.workloads) workloads[w.hash] = &w;
  for (const MachineRecord& m : bundle.machines) machines[m.hash] = &m;
  Problems problems;
  for (const VeteranClaim& c : bundle.claims) {
    OSE_ASSIGN(Problem p, MakeProblem(workloads.at(c.workload)->text, machines.at(c.machine)->text));
    problems[{c.workload, c.machine}] = std::make_unique<Problem>(std::move(p));
  }
  return problems;
}

// Gate, compiler and torture run, as for any candidate. Fills in the hashes of object code.
Result<std::vector<Refused>> Gate(const Context& context, const Problem& problem, Bundle* bundle, const BundleFlags& flags, ProgressLine& progress) {
  OSE_ASSIGN(auto evaluator, MakeEvaluator(context, problem, flags.jobs));
  std::vector<std::future<Evaluation>> futures;
  for (const PolicyRecord& p : bundle->policies)
    futures.push_back(evaluator->Submit({.source = p.source, .file = p.name + ".cc", .seeds = {}, .skeleton_of = {}}));
  std::vector<Refused> refused;
  for (size_t i = 0; i < futures.size(); ++i) {
    PolicyRecord& p = bundle->policies[i];
    OSE_TRY(Await(futures[i], [&] { progress.Show(fmt::format("checking {} ({} of {})", p.name, i + 1, futures.size())); }));
    Evaluation e = futures[i].get();
    const int code = evaluator->ExitCode(e);
    if (e.outcome == Outcome::kInternal) return Error{code, e.diagnosis};
    p.object_hash = e.object_hash;
    if (e.outcome != Outcome::kOk) refused.push_back({p, std::move(e), code});
  }
  progress.Clear();
  return refused;
}

uint64_t FreshSeed() {
  uint32_t seed = 0;
  // Four bytes always come whole (getrandom(2)).
  while (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
  }
  return seed;
}

json ClaimJson(const Bundle& bundle, const VeteranClaim& c, const std::optional<Remeasured>& r) {
  const auto name = [](const auto& list, const std::string& hash) {
    for (const auto& x : list)
      if (x.hash == hash) return x.name;
    return std::string();
  };
  json j = {{"policy", c.policy}, {"policy_name", name(bundle.policies, c.policy)}, {"workload", name(bundle.workloads, c.workload)},
            {"machine", name(bundle.machines, c.machine)}, {"claimed_gain_pct", c.gain_pct.mean}, {"claimed_ci95", IntervalJson(c.gain_pct)},
            {"measured", r && r->measured}, {"veteran", r && r->veteran}, {"reason", r ? r->reason : "not measured here"}};
  if (r && r->measured) j.update({{"over", r->incumbent}, {"gain_pct", r->gain.mean}, {"ci95", IntervalJson(r->gain)}, {"seeds", r->seeds}, {"score", r->score}});
  return j;
}

std::string ImportText(const std::string& file, const json& j) {
  const ImportCounts added = {j["new"]["policies"], j["new"]["workloads"], j["new"]["machines"], j["new"]["evaluations"]};
  std::string text = fmt::format("{}: sha256 {}\nnew here: {}\n", file, j["sha256"].get<std::string>(), CountsText(added));
  if (!j["refused"].empty()) text += fmt::format("refused: {} of its policies, with all that rests on them\n", j["refused"].size());
  if (j["claims"].empty()) return text;
  std::vector<std::vector<std::string>> table = {{"policy", "workload", "machine", "claimed gain", "gain here", "over", "veteran"}};
  const auto interval = [](double mean, const json& ci) { return GainText({mean, ci[0], ci[1]}); };
  std::string reasons;
  bool any_measured = false;
  for (const json& c : j["claims"]) {
    const bool measured = c["measured"];
    any_measured |= measured;
    table.push_back({c["policy"].get<std::string>().substr(0, 12), c["workload"], c["machine"], interval(c["claimed_gain_pct"], c["claimed_ci95"]),
                     measured ? interval(c["gain_pct"], c["ci95"]) : "not measured", measured ? c["over"] : "", c["veteran"] ? "yes" : "no"});
    if (!j["seed"].is_null() && !c["reason"].get<std::string>().empty())
      reasons += fmt::format("{} on {}: {}\n", c["policy"].get<std::string>().substr(0, 12), c["workload"].get<std::string>(), c["reason"].get<std::string>());
  }
  text += FormatTable(table) + reasons;
  if (j["seed"].is_null())
    text += "Nothing of this was measured here, so it counts for nothing: no claim is believed, no policy became a veteran.\n"
            "Measure the policies on fresh seeds: osevolve gkb import " + file + " --measure\n";
  else if (any_measured)
    text += fmt::format("measured on the final seeds of --seed {}\n", j["seed"].get<uint64_t>());
  return text;
}

Status RunImport(const BundleFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(std::string text, ReadFile(flags.file, kMaxBundleBytes));
  OSE_ASSIGN(Bundle bundle, Checked(text, flags.file, "; get the bundle again, or leave it"));
  OSE_ASSIGN(const Problems problems, ProblemsOf(bundle));
  ProgressLine progress(common);
  std::vector<Refused> refused;
  if (!problems.empty()) {
    OSE_ASSIGN(refused, Gate(context, *problems.begin()->second, &bundle, flags, progress));
  } else if (!bundle.policies.empty()) {
    return Error{kExitDatabase, flags.file + ": it claims nothing of its policies; get the bundle again, or leave it"};
  }
  std::vector<std::string> out;
  for (const Refused& r : refused) out.push_back(r.policy.hash);
  bundle = WithoutPolicies(std::move(bundle), out);

  OSE_ASSIGN(Knowledge knowledge, Knowledge::Open(KnowledgeBasePath(context, flags.kb)));
  OSE_ASSIGN(const ImportCounts added, knowledge.base().Import(bundle));
  json j = {{"file", flags.file}, {"sha256", bundle.sha256}, {"new", CountsJson(added)}, {"refused", json::array()}, {"claims", json::array()}, {"seed", nullptr}};
  for (const Refused& r : refused)
    j["refused"].push_back({{"policy", r.policy.hash}, {"name", r.policy.name}, {"outcome", OutcomeName(r.evaluation.outcome)}, {"message", r.evaluation.diagnosis}});
  RemeasureOptions options{.jobs = flags.jobs, .on_progress = [&](const std::string& what) { progress.Show(what); }};
  if (flags.measure) j["seed"] = options.seed_base = flags.seed ? *flags.seed : FreshSeed();
  for (const VeteranClaim& c : bundle.claims) {
    std::optional<Remeasured> measured;
    if (flags.measure) {
      OSE_ASSIGN(measured, Remeasure(context, knowledge, *problems.at({c.workload, c.machine}), c.policy, options));
    }
    j["claims"].push_back(ClaimJson(bundle, c, measured));
  }
  progress.Clear();
  if (common.json) PrintJson(j);
  else fmt::print("{}", ImportText(flags.file, j));
  fflush(stdout);
  for (const Refused& r : refused) PrintError({r.code, fmt::format("refused from {}: {}", flags.file, r.evaluation.diagnosis)}, {.json = false});
  if (!refused.empty()) return Error{refused[0].code, ""};  // all is said
  return {};
}

}  // namespace

void RegisterBundles(CLI::App& gkb, Command& command) {
  auto flags = std::make_shared<BundleFlags>();
  auto add = [&](const char* name, const char* what, const char* example, Status (*run)(const BundleFlags&, const CommonFlags&)) {
    CLI::App* sub = gkb.add_subcommand(name, what);
    sub->add_option("--kb", flags->kb, "knowledge base file; default: knowledge.db in the state folder");
    AddCommonFlags(*sub, command);
    sub->footer(example);
    sub->callback([flags, &command, run] { command.run = [flags, &command, run] { return run(*flags, command.flags); }; });
    return sub;
  };
  CLI::App* exported = add("export", "Write veterans, with all that they rest on, as a bundle for another base.", "Example:  osevolve gkb export -o veterans.json", RunExport);
  exported->add_option("ids", flags->ids, "veterans: ids, hashes (4 characters or more) or names of their policies; default: all current ones");
  exported->add_option("-o,--out", flags->file, "file to write")->required();
  exported->add_flag("--force", flags->force, "overwrite it");
  CLI::App* imported = add("import", "Take a bundle of somebody else: checked, gated, and believed only when measured here.",
                           "Example:  osevolve gkb import veterans.json --measure", RunImport);
  imported->add_option("file", flags->file, "bundle")->required();
  imported->add_flag("--measure", flags->measure, "measure its policies here, against the veterans of this base, and promote those that are better");
  imported->add_option("--seed", flags->seed, "base of the final seeds of --measure; default: a random one, which nobody could know")->check(CLI::Range(uint64_t{0}, uint64_t{1} << 53));
  imported->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
}

}  // namespace ose
