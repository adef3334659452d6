// osevolve-live: the privileged part. Loads policies that `osevolve build-bpf` made into the running kernel.
// Started by `osevolve`, or by hand:
//   osevolve-live check OBJECT...                  the verifier's verdict, nothing is attached
//   osevolve-live run --object OBJECT [--then OBJECT --every S] -- COMMAND    a command under a policy
// One JSON object on stdout (check) or in --report FILE (run).
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "core/exit_code.h"
#include "live/loader.h"
#include "live/session.h"

namespace ose {
namespace {

using nlohmann::json;

json ProgramsJson(const Loader& loader) {
  json list = json::array();
  for (const ProgramInfo& p : loader.programs()) list.push_back({{"op", p.name}, {"instructions", p.instructions}, {"verified", p.verified}});
  return list;
}

json ExitJson(const ExitInfo& e) {
  return {{"kind", e.kind}, {"code", e.code}, {"reason", e.reason}, {"message", e.message}};
}

// What a stranger may write to must not reach the kernel.
Status CheckFile(const std::string& path) {
  struct stat s{};
  if (stat(path.c_str(), &s) != 0) return Error{kExitNotFound, fmt::format("{}: {}", path, strerror(errno))};
  if (s.st_mode & (S_IWGRP | S_IWOTH)) return Error{kExitUsage, fmt::format("{} can be written to by others: chmod go-w it", path)};
  return {};
}

Result<std::map<std::string, int64_t>> ParseSettings(const std::vector<std::string>& settings) {
  std::map<std::string, int64_t> values;
  for (const std::string& s : settings) {
    const size_t equals = s.find('=');
    char* end = nullptr;
    const int64_t value = equals == s.npos ? 0 : strtoll(s.c_str() + equals + 1, &end, 10);
    if (equals == s.npos || equals == 0 || !end || *end || end == s.c_str() + equals + 1)
      return Error{kExitUsage, fmt::format("--set {}: not of the form NAME=NUMBER", s)};
    values[s.substr(0, equals)] = value;
  }
  return values;
}

struct Flags {
  std::vector<std::string> objects, then, settings, command;
  std::string object, report;
  double every_s = 1;
  int swaps = 0;
  uint32_t timeout_ms = 5000;
  bool partial = false;
};

Status Check(const Flags& flags) {
  json results = json::array();
  Error worst{0, ""};
  for (const std::string& object : flags.objects) {
    json j = {{"object", object}};
    auto verdict = [&]() -> Status {
      OSE_TRY(CheckFile(object));
      OSE_ASSIGN(Loader loader, Loader::Open(object, {}));
      j["policy"] = loader.name();
      OSE_TRY(loader.Load());
      j["programs"] = ProgramsJson(loader);
      return {};
    }();
    j["ok"] = verdict.ok();
    if (!verdict.ok()) {
      j["error"] = verdict.error().message;
      worst = verdict.error();
    }
    results.push_back(std::move(j));
  }
  std::cout << results.dump(2) << std::endl;
  if (worst.code) return worst;
  return {};
}

Status Run(const Flags& flags) {
  SessionOptions o;
  OSE_ASSIGN(o.load.tunables, ParseSettings(flags.settings));
  o.load.partial = flags.partial;
  o.load.timeout_ms = flags.timeout_ms;
  o.objects = {flags.object};
  o.objects.insert(o.objects.end(), flags.then.begin(), flags.then.end());
  for (const std::string& object : o.objects) OSE_TRY(CheckFile(object));
  o.command = flags.command;
  o.swap_every = Nanos{static_cast<int64_t>(flags.every_s * 1e9)};
  o.max_swaps = flags.swaps;
  OSE_ASSIGN(SessionResult r, RunSession(o));
  json rules = json::array();
  for (const Rule& rule : r.rules) {
    json j = {{"policy", rule.policy}, {"object", rule.object}, {"exit", ExitJson(rule.exit)}, {"seconds", rule.time.s()}, {"gap_ms", rule.gap.ms()},
              {"attach_ms", rule.attach.ms()}};
    j["counters"] = rule.counters;
    rules.push_back(std::move(j));
  }
  json report = {{"rules", rules}, {"swaps", r.swaps}, {"exit_code", r.exit_code}, {"ejected", r.ejected}};
  if (!flags.report.empty()) OSE_TRY(WriteFileAtomic(flags.report, report.dump(2) + "\n"));
  if (r.ejected) {
    const ExitInfo& e = r.rules.back().exit;
    return Error{kExitVerifier, fmt::format("the kernel ejected {}: {} (kind {}){}", r.rules.back().policy, e.reason, e.kind, e.message.empty() ? "" : ": " + e.message)};
  }
  if (r.exit_code != 0) return Error{r.exit_code, ""};
  return {};
}

int Main(int argc, char** argv) {
  CLI::App app("Loads scheduling policies into the running kernel.", "osevolve-live");
  app.require_subcommand(1);
  Flags flags;
  CLI::App* check = app.add_subcommand("check", "Ask the kernel's verifier, attach nothing.");
  check->add_option("object", flags.objects, "objects of build-bpf")->required();
  CLI::App* run = app.add_subcommand("run", "Run a command under a policy, then give the kernel's scheduler back.");
  run->add_option("--object", flags.object, "object of build-bpf")->required();
  run->add_option("--then", flags.then, "further objects: they take turns while the command runs")->allow_extra_args(false);
  run->add_option("--every", flags.every_s, "seconds between swaps")->check(CLI::Range(0.001, 1e6));
  run->add_option("--swaps", flags.swaps, "at most so many swaps; 0: no limit");
  run->add_option("--set", flags.settings, "NAME=VALUE of a tunable")->allow_extra_args(false);
  run->add_option("--timeout-ms", flags.timeout_ms, "longest wait of a runnable task")->check(CLI::Range(1u, 30000u));
  run->add_flag("--partial", flags.partial, "only tasks of policy SCHED_EXT; the command becomes one");
  run->add_option("--report", flags.report, "JSON file of what happened");
  run->add_option("command", flags.command, "command and arguments, after --; without: until a signal");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  const Status status = check->parsed() ? Check(flags) : Run(flags);
  if (status.ok()) return 0;
  if (!status.error().message.empty()) fmt::print(stderr, "osevolve-live: error: {}\n", status.error().message);
  return status.error().code;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) { return ose::Main(argc, argv); }
