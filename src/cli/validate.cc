// osevolve validate: the model beside what must come out.
#include "cli/validate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "cli/context.h"
#include "core/exit_code.h"
#include "validate/theory.h"

namespace ose {
namespace {

Status RunTheory(const ValidateFlags& flags, const CommonFlags& common) {
  if (!flags.only.empty() && !flags.markdown.empty()) return Error{kExitUsage, "--markdown writes the whole section; leave out --only"};
  OSE_TRY(CheckMarkdown(flags, "theory"));
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(std::vector<NamedSource> shipped, ShippedPolicies(context));
  ReplicateOptions options;
  options.include_dir = context.include_dir();
  options.program_dir = context.programs;
  for (NamedSource& s : shipped) options.policies[s.name] = std::move(s.source);
  options.jobs = flags.jobs > 0 ? flags.jobs : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  options.stop = &StopOnSignals();
  ProgressLine progress(common);
  options.progress = [&](const std::string& text) { progress.Show(text); };
  OSE_ASSIGN(ValidationTable table, ValidateTheory(options, flags.seed, flags.only));
  progress.Clear();
  return ReportValidation(table, flags, common);
}

}  // namespace

void AddValidateFlags(CLI::App& sub, Command& command, ValidateFlags& flags) {
  sub.add_option("--markdown", flags.markdown, "also replace this section of a document (docs/validation.md)");
  AddCommonFlags(sub, command);
}

Status CheckMarkdown(const ValidateFlags& flags, const std::string& section) {
  if (flags.markdown.empty()) return {};
  OSE_ASSIGN(std::string document, ReadFile(flags.markdown, 1 << 24));
  auto replaced = ReplaceSection(document, section, "");
  if (!replaced.ok()) return Error{replaced.error().code, flags.markdown + ": " + replaced.error().message};
  return {};
}

Status ReportValidation(const ValidationTable& table, const ValidateFlags& flags, const CommonFlags& common) {
  if (!flags.markdown.empty()) {
    OSE_ASSIGN(std::string document, ReadFile(flags.markdown, 1 << 24));
    OSE_ASSIGN(std::string replaced, ReplaceSection(document, table.name, ValidationMarkdown(table)));
    OSE_TRY(WriteFileAtomic(flags.markdown, replaced));
  }
  if (common.json) PrintJson(ValidationJson(table));
  else fmt::print("{}", ValidationText(table));
  if (int code = ValidationExitCode(table); code != kExitOk) return Error{code, ""};  // the table has said why
  return {};
}

void RegisterValidate(CLI::App& app, Command& command) {
  CLI::App* validate = app.add_subcommand("validate", "Compare the model with theory and with measurements.");
  validate->require_subcommand(1);
  validate->footer("Example:  osevolve validate theory --markdown docs/validation.md");
  auto flags = std::make_shared<ValidateFlags>();
  CLI::App* theory = validate->add_subcommand("theory", "Compare the simulator with the formulas of queueing theory.");
  theory->add_option("--only", flags->only, "only the groups of rows whose heading contains this text");
  theory->add_option("--seed", flags->seed, "base of the seeds")->capture_default_str();
  theory->add_option("-j,--jobs", flags->jobs, "workers; default: one per CPU")->check(CLI::Range(1, 256));
  AddValidateFlags(*theory, command, *flags);
  theory->footer("Example:  osevolve validate theory");
  theory->callback([flags, &command] { command.run = [flags, &command] { return RunTheory(*flags, command.flags); }; });
  RegisterValidateHost(*validate, command);
}

}  // namespace ose
