// osevolve gkb: list, show and query the knowledge base. Bundles are in bundle.cc.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/gkb.h"
#include "cli/knowledge.h"
#include "core/exit_code.h"
#include "report/rows.h"
#include "report/table.h"

namespace ose {

using nlohmann::json;

namespace {

struct GkbFlags {
  std::string kb, policy;
  ProblemOptions problem;
  int k = 5;
  bool all = false, source = false;
};

json VeteranJson(const Veteran& v) {
  return {{"id", v.id},
          {"policy", v.claim.policy},
          {"policy_name", v.policy_name},
          {"workload", v.workload_name},
          {"machine", v.machine_name},
          {"cpus", v.cpus},
          {"gain_pct", v.claim.gain_pct.mean},
          {"ci95", IntervalJson(v.claim.gain_pct)},
          {"seeds", v.claim.seeds},
          {"pct_of_bound", v.claim.pct_of_bound},
          {"current", v.superseded_by.empty()},
          {"since", v.since_wall}};
}

// A base that nobody has written yet is empty, not an error.
Result<std::optional<KnowledgeBase>> OpenToRead(const std::string& path) {
  if (!FileExists(path)) return std::optional<KnowledgeBase>();
  OSE_ASSIGN(KnowledgeBase kb, KnowledgeBase::Open(path, OpenMode::kReadOnly));
  return std::optional<KnowledgeBase>(std::move(kb));
}

Result<std::optional<KnowledgeBase>> OpenToRead(const GkbFlags& flags) {
  OSE_ASSIGN(Context context, Context::Find());
  return OpenToRead(KnowledgeBasePath(context, flags.kb));
}

constexpr char kEmpty[] = "the knowledge base is empty: evolve a policy first, for example: osevolve evolve hol";

Status RunList(const GkbFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(auto kb, OpenToRead(flags));
  std::vector<Veteran> veterans;
  if (kb) {
    OSE_ASSIGN(veterans, kb->ListVeterans(!flags.all));
  }
  if (common.json) {
    json list = json::array();
    for (const Veteran& v : veterans) list.push_back(VeteranJson(v));
    PrintJson({{"veterans", list}});
    return {};
  }
  if (veterans.empty()) {
    fmt::print("{}\n", kEmpty);
    return {};
  }
  std::vector<std::vector<std::string>> table = {{"policy", "workload", "machine", "gain over incumbent", "% of bound", "seeds", "since"}};
  for (const Veteran& v : veterans)
    table.push_back({v.claim.policy.substr(0, 12) + (v.superseded_by.empty() ? "" : " (replaced)"), Printable(v.workload_name),
                     fmt::format("{}/{}", Printable(v.machine_name), v.cpus), GainText(v.claim.gain_pct),
                     fmt::format("{:.2f}", v.claim.pct_of_bound), std::to_string(v.claim.seeds), v.since_wall});
  fmt::print("{}", FormatTable(table));
  return {};
}

Status RunShow(const GkbFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(auto kb, OpenToRead(flags));
  if (!kb) return Error{kExitNotFound, kEmpty};
  auto found = kb->Show(flags.policy);
  if (!found.ok()) {
    // People copy ids of veterans, too.
    OSE_ASSIGN(auto veterans, kb->ListVeterans(false));
    for (const Veteran& v : veterans)
      if (flags.policy.size() >= 4 && v.id.starts_with(flags.policy)) found = kb->Show(v.claim.policy);
    if (!found.ok()) return found.error();
  }
  const PolicyDetails& d = *found;
  if (flags.source) {
    fmt::print("{}", d.policy.source);
    return {};
  }
  json veterans = json::array(), evaluations = json::array(), ancestors = json::array();
  for (const Veteran& v : d.veterans) veterans.push_back(VeteranJson(v));
  for (const PolicyRecord& a : d.ancestors) ancestors.push_back({{"policy", a.hash}, {"name", a.name}, {"author", a.author}});
  for (const EvaluationRecord& e : d.evaluations)
    evaluations.push_back({{"workload", e.workload}, {"machine", e.machine}, {"host", e.host}, {"seeds", fmt::format("{}:{}", SeedFamilyName(e.family), e.seeds)}, {"score", e.score}, {"metrics", json::parse(e.metrics_json, nullptr, false)}, {"imported", e.imported}, {"recorded", e.recorded_wall}});
  if (common.json) {
    PrintJson({{"policy", d.policy.hash}, {"name", d.policy.name}, {"author", d.policy.author}, {"added", d.policy.added_wall}, {"source", d.policy.source}, {"ancestors", ancestors}, {"veterans", veterans}, {"evaluations", evaluations}});
    return {};
  }
  fmt::print("policy    {}\nname      {}\nauthor    {}\nadded     {}\n", d.policy.hash, Printable(d.policy.name), Printable(d.policy.author), d.policy.added_wall);
  for (const PolicyRecord& a : d.ancestors) fmt::print("evolved from {} ({})\n", Printable(a.name), a.hash.substr(0, 12));
  for (const Veteran& v : d.veterans)
    fmt::print("veteran of {} on {}: {} over the incumbent, {:.2f}% of the bound, final:{}{}\n", Printable(v.workload_name), Printable(v.machine_name),
               GainText(v.claim.gain_pct), v.claim.pct_of_bound, v.claim.seeds, v.superseded_by.empty() ? "" : ", replaced since");
  if (!d.evaluations.empty() && std::all_of(d.evaluations.begin(), d.evaluations.end(), [](const EvaluationRecord& e) { return e.imported; }))
    fmt::print("imported: it came in a bundle and was not measured here, so it counts for nothing\n");
  fmt::print("use it:   osevolve eval kb:{} --workload W    osevolve gkb show {} --source\n", d.policy.hash.substr(0, 12), d.policy.hash.substr(0, 12));
  return {};
}

Result<QueryAnswer> Query(const std::string& kb_path, const Problem& problem, int k) {
  OSE_ASSIGN(auto kb, OpenToRead(kb_path));
  QueryAnswer answer;
  answer.note = kEmpty;
  if (kb) {
    OSE_ASSIGN(answer, QueryNearest(*kb, problem, k));
  }
  return answer;
}

json AnswerJson(const Problem& problem, const QueryAnswer& answer) {
  json list = json::array();
  for (const VeteranMatch& m : answer.matches) {
    json j = VeteranJson(m.veteran);
    j["distance"] = m.distance;
    j["confidence"] = m.confidence;
    j["expected_gain_pct"] = m.expected_gain_pct.mean;
    j["expected_ci95"] = IntervalJson(m.expected_gain_pct);
    list.push_back(j);
  }
  return {{"workload", problem.workload.name}, {"signature", problem.signature}, {"matches", list}, {"note", answer.note}};
}

Status RunQuery(const GkbFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(Problem problem, LoadProblem(context, flags.problem));
  OSE_ASSIGN(QueryAnswer answer, Query(KnowledgeBasePath(context, flags.kb), problem, flags.k));
  if (common.json) {
    PrintJson(AnswerJson(problem, answer));
    return {};
  }
  fmt::print("{}", VeteransText(answer));
  return {};
}

}  // namespace

std::string VeteransText(const QueryAnswer& answer) {
  if (answer.matches.empty()) return answer.note + "\n";
  std::vector<std::vector<std::string>> table = {{"policy", "of workload", "distance", "confidence", "expected gain"}};
  for (const VeteranMatch& m : answer.matches)
    table.push_back({m.veteran.claim.policy.substr(0, 12), Printable(m.veteran.workload_name), fmt::format("{:.3f}", m.distance),
                     fmt::format("{:.2f}", m.confidence), GainText(m.expected_gain_pct)});
  return FormatTable(table);
}

Result<json> QueryKnowledgeJson(const std::string& kb_path, const Problem& problem, int k) {
  OSE_ASSIGN(QueryAnswer answer, Query(kb_path, problem, k));
  return AnswerJson(problem, answer);
}

void RegisterGkb(CLI::App& app, Command& command) {
  CLI::App* gkb = app.add_subcommand("gkb", "The knowledge base: the best known policy of each workload.");
  gkb->require_subcommand(1);
  gkb->footer("Example:  osevolve gkb query my.toml");
  auto flags = std::make_shared<GkbFlags>();
  auto add = [&](const char* name, const char* what, const char* example, Status (*run)(const GkbFlags&, const CommonFlags&)) {
    CLI::App* sub = gkb->add_subcommand(name, what);
    sub->add_option("--kb", flags->kb, "knowledge base file; default: knowledge.db in the state folder");
    AddCommonFlags(*sub, command);
    sub->footer(example);
    sub->callback([flags, &command, run] { command.run = [flags, &command, run] { return run(*flags, command.flags); }; });
    return sub;
  };
  add("list", "List the veterans.", "Example:  osevolve gkb list", RunList)->add_flag("--all", flags->all, "also those that were replaced");
  CLI::App* show = add("show", "Show a policy with its lineage and results.", "Example:  osevolve gkb show 3f9a12 --source", RunShow);
  show->add_option("policy", flags->policy, "hash (4 characters or more) or name")->required();
  show->add_flag("--source", flags->source, "print the source only");
  CLI::App* query = add("query", "Find veterans of the workloads nearest to one.", "Example:  osevolve gkb query my.toml", RunQuery);
  query->add_option("workload", flags->problem.workload, "workload: a file or a name")->required();
  query->add_option("-m,--machine", flags->problem.machine, "machine profile");
  query->add_option("--cpus", flags->problem.cpus, "number of CPUs")->check(CLI::Range(1, kMaxCpus));
  query->add_option("-k", flags->k, "how many")->check(CLI::Range(1, 100))->capture_default_str();
  RegisterBundles(*gkb, command);
}

}  // namespace ose
