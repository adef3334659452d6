// osevolve calibrate: measures this machine and writes its profile.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "calibrate/calibrate.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/kernel_objects.h"
#include "cli/live_client.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

struct CalibrateFlags {
  std::string out, name, time_limit = "60s", objects;
  std::vector<std::string> only;
  bool force = false, no_policies = false;
};

Result<Nanos> ParseTimeLimit(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "m" ? 60 : 0;
  if (failed != std::errc() || factor == 0 || !(value >= 0) || value * factor > 1e5) return Error{kExitUsage, fmt::format("bad --time-limit '{}': use a duration, as in 60s, 500ms or 2m", text)};
  return Nanos{static_cast<int64_t>(value * factor * 1e9)};
}

// The policies that are attached for a moment each, where that can be done, as objects in `dir`: those of `made`, or
// compiled here.
Status PrepareRules(const Context& context, const std::string& made, const std::string& dir, RuleOptions* rules) {
  if (!MayAttach(&rules->why_not)) return {};
  OSE_ASSIGN(rules->live_program, FindLiveProgram(context));
  std::unique_ptr<ObjectBuilder> builder;
  if (made.empty()) {
    OSE_ASSIGN(builder, ObjectBuilder::Create(context));
  }
  std::vector<std::string> objects;
  for (const std::string& name : RuleNames()) {
    std::string object;
    if (builder) {
      NamedSource policy{name, fmt::format("{}/policies/calibrate/{}.cc", context.root, name), ""};
      OSE_ASSIGN(policy.source, ReadFile(policy.path));
      OSE_ASSIGN(object, builder->Build(policy));
    } else {
      OSE_ASSIGN(object, ReadFile(fmt::format("{}/{}.bpf.o", made, name)));
    }
    objects.push_back(fmt::format("{}/{}.bpf.o", dir, name));
    OSE_TRY(WriteFileAtomic(objects.back(), object));
  }
  rules->objects = std::move(objects);
  return {};
}

json FiguresJson(const std::vector<Figure>& figures) {
  json list = json::array();
  for (const Figure& f : figures) {
    json j = {{"key", f.key}, {"unit", f.unit}, {"measured", f.measured}, {"what", f.comment}};
    if (!f.table.empty()) j["table"] = f.table;
    if (f.measured) j.update({{"value", f.value.mean}, {"ci95", {f.value.lo, f.value.hi}}, {"repetitions", f.repetitions}, {"discarded", f.discarded}});
    list.push_back(std::move(j));
  }
  return list;
}

Status RunCalibrate(const CalibrateFlags& flags, const CommonFlags& common) {
  CalibrateOptions o;
  OSE_ASSIGN(o.time_limit, ParseTimeLimit(flags.time_limit));
  if (!flags.out.empty() && FileExists(flags.out) && !flags.force)
    return Error{kExitUsage, flags.out + " exists; choose another name with -o or overwrite it with --force"};
  OSE_ASSIGN(Context context, Context::Find());
  o.only = flags.only;
  o.name = !flags.name.empty() ? flags.name : !flags.out.empty() ? Stem(flags.out) : o.name;
  o.cancel = &StopOnSignals();
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-calibrate"));
  if (flags.no_policies) {
    o.rules.why_not = "left out by --no-policies";
  } else if (Status prepared = PrepareRules(context, flags.objects, dir.path(), &o.rules); !prepared.ok()) {
    if (!flags.objects.empty()) return prepared;
    // The rest can be measured without them.
    o.rules.why_not = "its policies could not be made: " + OneLine(prepared.error().message, 200);
    PrintNote(o.rules.why_not, common);
  }
  if (!o.rules.objects.empty()) PrintNote("policies are attached for moments: they schedule the whole system then (--no-policies: not)", common);
  ProgressLine progress(common);
  o.progress = [&](const std::string& text) { progress.Show("calibrating: " + text); };
  OSE_ASSIGN(Calibration c, Calibrate(o));
  progress.Clear();
  // Not a matter of taste: --quiet silences progress, but figures of a busy machine pass for good ones.
  if (!c.quiet.quiet()) fmt::print(stderr, "osevolve: BUSY MACHINE, DO NOT TRUST THESE FIGURES: {} meanwhile; repeat it when nothing else runs\n", c.quiet.Text());
  for (const std::string& note : c.notes) PrintNote(note, common);
  if (!flags.out.empty()) OSE_TRY(WriteFileAtomic(flags.out, c.profile));
  if (common.json) {
    PrintJson({{"machine", c.machine.name}, {"file", flags.out.empty() ? json() : json(flags.out)}, {"quiet", c.quiet.quiet()}, {"other_cpus", c.quiet.others},
               {"stolen_cpus", c.quiet.steal}, {"lost_share", c.quiet.lost}, {"rounds", c.rounds}, {"wall_s", c.wall.s()}, {"notes", c.notes}, {"figures", FiguresJson(c.figures)},
               {"observations", FiguresJson(c.observations)}});
  } else if (flags.out.empty()) {
    fmt::print("{}", c.profile);
  } else {
    fmt::print("{}: {} rounds in {:.0f} s; use it: osevolve eval POLICY --workload W --machine {}\n", flags.out, c.rounds, c.wall.s(), flags.out);
  }
  return {};
}

}  // namespace

void RegisterCalibrate(CLI::App& app, Command& command) {
  auto flags = std::make_shared<CalibrateFlags>();
  CLI::App* sub = app.add_subcommand("calibrate", "Measure this machine and write its profile, with the uncertainty of each figure.");
  sub->add_option("-o,--output", flags->out, "file to write; default: the profile on stdout");
  sub->add_option("--name", flags->name, "the machine's name; default: the file's");
  sub->add_option("--time-limit", flags->time_limit, "how long to measure, as in 60s; at least two rounds are made")->capture_default_str();
  sub->add_option("--only", flags->only, "keys to measure, without their units: --only ipi,wakeup")->delimiter(',')->allow_extra_args(false);
  sub->add_option("--objects", flags->objects, "folder with the .bpf.o that build-bpf makes of policies/calibrate/, instead of compiling them here");
  sub->add_flag("--no-policies", flags->no_policies, "attach no policies, also where that could be done");
  sub->add_flag("--force", flags->force, "overwrite the file");
  AddCommonFlags(*sub, command);
  sub->footer("Run it while nothing else runs (docs/calibrate.md).\n"
              "Example:  osevolve calibrate -o my-machine.toml\n          osevolve vm -- osevolve calibrate");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunCalibrate(*flags, command.flags); }; });
}

}  // namespace ose
