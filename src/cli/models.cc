#include "cli/models.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>

#include "base/file.h"
#include "base/json.h"
#include "core/exit_code.h"
#include "llm/exchange.h"
#include "llm/http.h"
#include "llm/ledger.h"
#include "workload/describe.h"

namespace ose {

using nlohmann::json;

namespace {

constexpr size_t kShownWorkload = 4000;  // bytes of a workload file that is shown whole
constexpr int64_t kTypicalReply = 2500;  // tokens, reasoning not included: for estimates only

Result<PriceList> LoadPrices(const Context& context, const std::string& override_file) {
  const std::string shipped = context.root + "/data/prices.toml";
  OSE_ASSIGN(std::string text, ReadFile(shipped, 1 << 20));
  OSE_ASSIGN(PriceList prices, PriceList::Parse(text, shipped));
  if (override_file.empty()) return prices;
  OSE_ASSIGN(std::string own, ReadFile(override_file, 1 << 20));
  OSE_ASSIGN(PriceList overrides, PriceList::Parse(own, override_file));
  prices.Override(overrides);
  return prices;
}

}  // namespace

void AddModelFlags(CLI::App& app, ModelFlags* f) {
  app.add_option("--llm", f->llm, "language model that proposes changes, as PROVIDER:MODEL[,OPTION=VALUE...]; repeat it to mix (docs/models)")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--budget-usd", f->budget_usd, "dollars that models may cost")->check(CLI::Range(0.0, 1e9));
  app.add_option("--budget-calls", f->budget_calls, "calls of models")->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000}));
  app.add_option("--budget-tokens", f->budget_tokens, "tokens that models may read and write")->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000'000}));
  app.add_option("--llm-share", f->share, "share of proposals that models make, 0 to 1; default: as it pays")->check(CLI::Range(0.0, 1.0));
  app.add_option("--notes-every", f->notes_interval, "proposals of models between notes; 0: no notes")->check(CLI::Range(0, 1'000'000))->capture_default_str();
  app.add_option("--prices", f->prices, "price list (TOML) whose entries replace those of data/prices.toml");
  app.add_option("--prompts", f->prompts, "folder of prompt templates that replace those of prompts/");
  auto* record = app.add_option("--llm-record", f->record, "file to which conversations with providers are appended, without keys");
  app.add_option("--llm-replay", f->replay, "answer from such a file instead of the network")->excludes(record);
}

json ModelFlagsJson(const ModelFlags& f) {
  json j = {{"llm", f.llm}, {"notes_every", f.notes_interval}, {"prices", f.prices}, {"prompts", f.prompts}};
  if (f.budget_usd) j["budget_usd"] = *f.budget_usd;
  if (f.budget_calls) j["budget_calls"] = *f.budget_calls;
  if (f.budget_tokens) j["budget_tokens"] = *f.budget_tokens;
  if (f.share) j["share"] = *f.share;
  return j;
}

ModelFlags ModelFlagsFromJson(const json& j) {
  ModelFlags f;
  f.llm = j.at("llm").get<std::vector<std::string>>();
  f.notes_interval = j.at("notes_every");
  f.prices = j.at("prices");
  f.prompts = j.at("prompts");
  if (j.contains("budget_usd")) f.budget_usd = j.at("budget_usd").get<double>();
  if (j.contains("budget_calls")) f.budget_calls = j.at("budget_calls").get<int64_t>();
  if (j.contains("budget_tokens")) f.budget_tokens = j.at("budget_tokens").get<int64_t>();
  if (j.contains("share")) f.share = j.at("share").get<double>();
  return f;
}

ModelFlags Merged(ModelFlags kept, const ModelFlags& later) {
  if (!later.llm.empty()) kept.llm = later.llm;
  if (later.budget_usd) kept.budget_usd = later.budget_usd;
  if (later.budget_calls) kept.budget_calls = later.budget_calls;
  if (later.budget_tokens) kept.budget_tokens = later.budget_tokens;
  if (later.share) kept.share = later.share;
  if (!later.prices.empty()) kept.prices = later.prices;
  if (!later.prompts.empty()) kept.prompts = later.prompts;
  kept.record = later.record;
  kept.replay = later.replay;
  return kept;
}

Result<RunFacts> MakeRunFacts(const Context& context, const Problem& problem) {
  RunFacts facts;
  OSE_ASSIGN(std::string header, ReadFile(context.include_dir() + "/osevolve/policy.h", 1 << 20));
  facts.api = ApiReference(header);
  facts.workload = DescribeWorkload(problem.workload, problem.machine);
  facts.machine = DescribeMachine(problem.machine);
  if (problem.workload_text.size() <= kShownWorkload) facts.workload_file = problem.workload_text;
  return facts;
}

Result<ModelSearchOptions> MakeModelSearch(const Context& context, const Problem& problem, const ModelFlags& flags, uint64_t seed,
                                           const std::vector<uint64_t>& search_seeds, const Environment& env, RunDb* db) {
  ModelSearchOptions o;
  OSE_ASSIGN(PriceList prices, LoadPrices(context, flags.prices));
  std::shared_ptr<HttpClient> http = MakeCurlHttp();
  if (!flags.replay.empty()) {
    OSE_ASSIGN(http, MakeReplayHttp(flags.replay));
  } else if (!flags.record.empty()) {
    OSE_ASSIGN(http, MakeRecordingHttp(http, flags.record));
  }
  std::vector<ModelSpec> specs;
  for (const std::string& text : flags.llm) {
    OSE_ASSIGN(ModelSpec spec, ParseModelSpec(text));
    specs.push_back(std::move(spec));
  }
  OSE_ASSIGN(std::vector<std::unique_ptr<ChatModel>> chats, MakeModels(specs, env, http, seed));
  for (size_t i = 0; i < specs.size(); ++i) {
    const ModelSpec& spec = specs[i];
    ModelArm arm;
    arm.name = spec.text;
    arm.provider = spec.provider;
    arm.model = spec.model;
    arm.chat = std::move(chats[i]);
    arm.price = prices.Find(spec.provider, spec.model);
    arm.temperature = spec.temperature;
    arm.effort = spec.effort;
    arm.max_output_tokens = spec.max_tokens;
    arm.window = spec.window;
    arm.concurrency = spec.concurrency;
    if (!arm.price && flags.budget_usd)
      return Error{kExitUsage, fmt::format("the price of {} is not known, so --budget-usd cannot be kept: put it into a file for --prices "
                                           "(docs/models/cost.md), or limit --budget-calls or --budget-tokens instead", spec.text)};
    o.arms.push_back(std::move(arm));
  }
  OSE_ASSIGN(PromptTemplates templates, PromptTemplates::Load(context.root + "/prompts", flags.prompts));
  o.templates = std::make_shared<PromptTemplates>(std::move(templates));
  Budget budget;
  if (flags.budget_usd) budget.usd = *flags.budget_usd;
  if (flags.budget_calls) budget.calls = *flags.budget_calls;
  if (flags.budget_tokens) budget.tokens = *flags.budget_tokens;
  o.ledger = std::make_shared<Ledger>(budget);
  if (db) {
    OSE_ASSIGN(ModelTotals spent, db->ModelTotalsSpent());
    o.ledger->Restore({.usd = spent.usd, .calls = spent.calls, .tokens = spent.tokens});
  }
  OSE_ASSIGN(o.facts, MakeRunFacts(context, problem));
  o.share = flags.share.value_or(-1);
  o.notes_interval = flags.notes_interval;
  o.seed = seed;
  o.search_seeds = search_seeds;
  return o;
}

Result<std::string> DescribeDryRun(const ModelSearchOptions& options, const ModelFlags& flags, const std::vector<PromptInput>& inputs,
                                   const std::string& dir, json* out) {
  json prompts = json::array(), models = json::array();
  std::string text = "prompt        tokens (estimate, from above)\n";
  int64_t total = 0;
  for (const PromptInput& input : inputs) {
    OSE_ASSIGN(Prompt p, BuildPrompt(*options.templates, input, std::numeric_limits<int64_t>::max()));
    total += p.tokens;
    text += fmt::format("{:<12} {:>7}\n", PromptTaskName(input.task), p.tokens);
    prompts.push_back({{"task", PromptTaskName(input.task)}, {"tokens", p.tokens}});
    if (dir.empty()) continue;
    OSE_TRY(MakeDirs(dir));
    OSE_TRY(WriteFileAtomic(JoinPath(dir, std::string(PromptTaskName(input.task)) + ".md"), p.system + "\n" + p.user));
  }
  const int64_t mean = inputs.empty() ? 0 : total / static_cast<int64_t>(inputs.size());
  text += fmt::format("\n{:<36} {:>16} {:>16}  {}\n", "model", "a call, about", "a call, at most", "calls within the budget");
  for (const ModelArm& arm : options.arms) {
    json row = {{"model", arm.name}, {"price_known", arm.price.has_value()}};
    std::string about = "price not known", most = "price not known", calls = "-";
    int64_t n = flags.budget_calls.value_or(-1);
    if (flags.budget_tokens) {
      const int64_t by_tokens = *flags.budget_tokens / std::max<int64_t>(1, mean + kTypicalReply);
      n = n < 0 ? by_tokens : std::min(n, by_tokens);
    }
    if (arm.price) {
      const double likely = Cost(*arm.price, {.input = mean, .output = std::min(kTypicalReply, arm.max_output_tokens)});
      const double worst = Cost(*arm.price, {.input = mean, .cache_write = mean, .output = arm.max_output_tokens});
      about = fmt::format("${:.4f}", likely);
      most = fmt::format("${:.4f}", worst);
      row["usd_about"] = likely;
      row["usd_at_most"] = worst;
      if (flags.budget_usd && likely > 0) {
        const auto by_usd = static_cast<int64_t>(*flags.budget_usd / likely);
        n = n < 0 ? by_usd : std::min(n, by_usd);
      }
    }
    if (n >= 0) {
      calls = fmt::format("about {}", n);
      row["calls_about"] = n;
    }
    text += fmt::format("{:<36} {:>16} {:>16}  {}\n", arm.name.substr(0, 36), about, most, calls);
    models.push_back(std::move(row));
  }
  text += fmt::format("\nNothing was sent. A reply is taken to have {} tokens; reasoning comes on top.\n", kTypicalReply);
  if (!dir.empty()) text += fmt::format("The prompts are in {}.\n", dir);
  if (out) *out = {{"prompts", prompts}, {"models", models}};
  return text;
}

}  // namespace ose
