// osevolve-live: the privileged part. Loads policies that `osevolve build-bpf` made into the running kernel.
// Started by `osevolve`, or by hand:
//   osevolve-live check OBJECT...                  the verifier's verdict, nothing is attached
//   osevolve-live serve --object OBJECT [--detach]  keeps a policy in power (live/supervisor.h); `osevolve deploy`
//   osevolve-live watch [--time S] [-- COMMAND]    counts what runs (live/watch.h); `osevolve observe`
//   osevolve-live run --object OBJECT [--then OBJECT --every S] -- COMMAND    a command under a policy
//   osevolve-live agent --policy OBJECT [--then OBJECT --every S] -- COMMAND   the same in user space, with what
//                                                  `osevolve build-agent` made
// One JSON object on stdout (check) or in --report FILE (run, agent).
#include <fmt/format.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/file.h"
#include "base/json.h"
#include "core/candidate.h"
#include "core/exit_code.h"
#include "live/agent_child.h"
#include "live/agent_session.h"
#include "live/loader.h"
#include "live/privilege.h"
#include "live/session.h"
#include "live/supervisor.h"
#include "live/watch.h"

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

struct Flags {
  std::vector<std::string> objects, then, settings, command;
  std::string object, report, policy, maps;
  double patience_ms = 20;
  double every_s = 1;
  int swaps = 0;
  uint32_t timeout_ms = 5000;
  double good_after_s = 10, time_s = 5;
  std::string dir = kLiveDir, journal, cgroup;
  bool partial = false, detach = false, no_system_calls = false, task_storage = false;
};

Status Check(const Flags& flags) {
  json results = json::array();
  Error worst{0, ""};
  for (const std::string& object : flags.objects) {
    json j = {{"object", object}};
    auto verdict = [&]() -> Status {
      OSE_TRY(CheckPrivateFile(object));
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
  std::cout << results.dump(2) << '\n' << std::flush;
  if (worst.code) return worst;
  return {};
}

Status Run(const Flags& flags) {
  SessionOptions o;
  OSE_ASSIGN(o.load.tunables, ParseSettings(flags.settings));
  o.load.partial = flags.partial;
  o.load.timeout_ms = flags.timeout_ms;
  o.load.task_storage = flags.task_storage;
  o.objects = {flags.object};
  o.objects.insert(o.objects.end(), flags.then.begin(), flags.then.end());
  for (const std::string& object : o.objects) OSE_TRY(CheckPrivateFile(object));
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

// The daemon's parent: its exit code and message are those of the first deployment.
Status Detach(const SupervisorOptions& options, const std::string& log) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{kExitIo, fmt::format("no pipe: {}", strerror(errno))};
  Fd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = fork();
  if (child < 0) return Error{kExitIo, fmt::format("no process: {}", strerror(errno))};
  if (child > 0) {
    write_end.reset();
    std::string words;
    char buffer[4096];
    for (ssize_t n; (n = read(read_end.get(), buffer, sizeof buffer)) > 0;) words.append(buffer, static_cast<size_t>(n));
    if (words == "ready") return {};
    const size_t space = words.find(' ');
    if (space == words.npos) return Error{kExitInternal, "the supervisor ended without a word"};
    return Error{atoi(words.c_str()), words.substr(space + 1)};
  }
  setsid();
  (void)!chdir("/");
  Fd null(open("/dev/null", O_RDWR)), errors(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644));
  dup2(null.get(), 0);
  dup2(null.get(), 1);
  dup2(errors ? errors.get() : null.get(), 2);
  if (null.get() <= 2) null.release();
  SupervisorOptions o = options;
  o.on_ready = [&] {
    (void)!write(write_end.get(), "ready", 5);
    write_end.reset();
  };
  const Status end = Supervise(o);
  if (!end.ok()) {
    const std::string words = fmt::format("{} {}", end.error().code, end.error().message);
    (void)!write(write_end ? write_end.get() : 2, words.data(), words.size());
  }
  _exit(end.ok() ? 0 : end.error().code);
}

Status Serve(const Flags& flags) {
  if (geteuid() != 0) return Error{kExitNoSchedExt, "ruling the kernel takes root: sudo, or try it in a VM: osevolve vm"};
  SupervisorOptions o;
  o.dir = flags.dir;
  o.journal = flags.journal;
  o.good_after = Nanos{static_cast<int64_t>(flags.good_after_s * 1e9)};
  o.first.what = LiveRequest::Do::kDeploy;
  o.first.object = flags.object;
  o.first.partial = flags.partial;
  o.first.cgroup = flags.cgroup;
  o.first.timeout_ms = flags.timeout_ms;
  OSE_ASSIGN(o.first.tunables, ParseSettings(flags.settings));
  if (!flags.detach) return Supervise(o);
  OSE_TRY(MakeDirs(o.dir));
  return Detach(o, o.dir + "/log");
}

Status Watch(const Flags& flags, const char* self) {
  WatchOptions o;
  // Beside this program, wherever it was started from.
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  o.object = Dirname(n > 0 ? std::string(path, static_cast<size_t>(n)) : std::string(self)) + "/watch.bpf.o";
  o.command = flags.command;
  o.system_calls = !flags.no_system_calls;
  o.time = Nanos{static_cast<int64_t>(flags.time_s * 1e9)};
  OSE_ASSIGN(std::string counts, WatchCounts(o));
  std::cout << counts << '\n' << std::flush;
  return {};
}

json LatencyJson(const unsigned* histogram) {
  return {{"p50_us", HistogramQuantile(histogram, 0.5)}, {"p95_us", HistogramQuantile(histogram, 0.95)}, {"p99_us", HistogramQuantile(histogram, 0.99)}};
}

json ReportJson(const AgentSessionResult& r) {
  json rules = json::array();
  for (const AgentRule& rule : r.rules)
    rules.push_back({{"object", rule.object}, {"end", rule.end}, {"failed", rule.failed}, {"seconds", rule.time.s()}, {"hand_over_ms", rule.hand_over.ms()},
                     {"events", rule.handled}, {"deferred", rule.deferred}, {"resyncs", rule.resyncs}, {"lost", rule.unplaced}, {"counters", rule.counters}});
  const agent_shim& s = r.shim;
  json shim = {{"events", s.events}, {"dropped", s.dropped}, {"decisions", s.decisions}, {"placed", s.placed}, {"stale", s.stale},
               {"rejected", s.rejected}, {"forbidden", s.forbidden}, {"fallbacks", s.fallbacks}, {"fallback_tasks", s.fallback_tasks}, {"busy", s.busy}};
  return {{"rules", rules}, {"swaps", r.swaps}, {"exit_code", r.exit_code}, {"detached", r.detached}, {"exit", ExitJson(r.exit)}, {"shim", shim},
          {"always_enabled", r.always_enabled}, {"decision_latency", LatencyJson(s.latency)}, {"event_latency", LatencyJson(r.upward.data())}};
}

Status RunAgent(const Flags& flags) {
  AgentSessionOptions o;
  OSE_ASSIGN(o.tunables, ParseSettings(flags.settings));
  o.objects = {flags.policy};
  o.objects.insert(o.objects.end(), flags.then.begin(), flags.then.end());
  for (std::string& object : o.objects) {
    OSE_TRY(CheckPrivateFile(object));
    char* whole = realpath(object.c_str(), nullptr);
    if (whole) object = whole;
    free(whole);
  }
  char self[4096] = {};
  if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) return Error{kExitIo, "/proc is not there: mount it"};
  o.program = self;
  o.shim = JoinPath(Dirname(o.program), "osevolve-shim.bpf.o");
  o.partial = flags.partial;
  o.timeout_ms = flags.timeout_ms;
  o.patience = Nanos{static_cast<int64_t>(flags.patience_ms * 1e6)};
  o.command = flags.command;
  o.swap_every = Nanos{static_cast<int64_t>(flags.every_s * 1e9)};
  o.max_swaps = flags.swaps;
  OSE_ASSIGN(AgentSessionResult r, RunAgentSession(o));
  if (!flags.report.empty()) OSE_TRY(WriteFileAtomic(flags.report, ReportJson(r).dump(2) + "\n"));
  for (const AgentRule& rule : r.rules)
    if (rule.failed) fmt::print(stderr, "osevolve-live: {}: the agent {}; {}\n", rule.object, rule.end, &rule != &r.rules.back() ? "its predecessor took over" : "the kernel's own scheduler took over");
  if (r.detached) {
    const ExitInfo& e = r.exit;
    return Error{kExitPolicyCrash, e.kind > 64 ? fmt::format("the kernel ejected the shim: {} (kind {}){}", e.reason, e.kind, e.message.empty() ? "" : ": " + e.message) : ""};
  }
  if (r.exit_code != 0) return Error{r.exit_code, ""};
  return {};
}

Status RunChild(const Flags& flags) {
  OSE_ASSIGN(Tunables tunables, ParseSettings(flags.settings));
  return RunAgentChild({flags.policy, flags.maps, tunables});
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
  run->add_flag("--task-storage", flags.task_storage, "task state in BPF task storage, to compare it with an array");
  run->add_option("--report", flags.report, "JSON file of what happened");
  CLI::App* serve = app.add_subcommand("serve", "Keep a policy in power, watch it, take orders from `osevolve deploy`.");
  serve->add_option("--object", flags.object, "object of build-bpf")->required();
  serve->add_option("--dir", flags.dir, "folder of the socket and the status")->capture_default_str();
  serve->add_option("--journal", flags.journal, "file for one JSON line an event");
  serve->add_option("--good-after", flags.good_after_s, "seconds after which a policy is one to go back to")->check(CLI::Range(0.0, 1e6));
  serve->add_option("--set", flags.settings, "NAME=VALUE of a tunable")->allow_extra_args(false);
  serve->add_option("--timeout-ms", flags.timeout_ms, "longest wait of a runnable task")->check(CLI::Range(1u, 30000u));
  serve->add_flag("--partial", flags.partial, "only tasks of policy SCHED_EXT");
  serve->add_option("--cgroup", flags.cgroup, "only the tasks of this control group, which become SCHED_EXT");
  serve->add_flag("--detach", flags.detach, "go on in the background once the policy rules");
  run->add_option("command", flags.command, "command and arguments, after --; without: until a signal");
  CLI::App* watch = app.add_subcommand("watch", "Count what runs, without changing it.");
  watch->add_option("--time", flags.time_s, "seconds, without a command")->check(CLI::Range(0.01, 1e6));
  watch->add_flag("--no-system-calls", flags.no_system_calls, "do not count yields and futex calls, which cost most");
  watch->add_option("command", flags.command, "command and arguments, after --; without: all of user space");
  CLI::App* agent = app.add_subcommand("agent", "Run a command under a policy in user space.");
  agent->add_option("--policy", flags.policy, "shared object of build-agent")->required();
  agent->add_option("--then", flags.then, "further objects: they take turns while the command runs")->allow_extra_args(false);
  agent->add_option("--every", flags.every_s, "seconds between swaps")->check(CLI::Range(0.001, 1e6));
  agent->add_option("--swaps", flags.swaps, "at most so many swaps; 0: no limit");
  agent->add_option("--set", flags.settings, "NAME=VALUE of a tunable")->allow_extra_args(false);
  agent->add_option("--timeout-ms", flags.timeout_ms, "longest wait of a runnable task")->check(CLI::Range(1u, 30000u));
  agent->add_option("--patience-ms", flags.patience_ms, "an agent that reads nothing for so long is passed over")->check(CLI::Range(1.0, 10000.0));
  agent->add_flag("--partial", flags.partial, "only tasks of policy SCHED_EXT; the command becomes one");
  agent->add_option("--report", flags.report, "JSON file of what happened");
  agent->add_option("command", flags.command, "command and arguments, after --; without: until a signal, or until --swaps are made");
  CLI::App* child = app.add_subcommand("agent-child", "")->group("");
  child->add_option("--policy", flags.policy)->required();
  child->add_option("--maps", flags.maps)->required();
  child->add_option("--set", flags.settings)->allow_extra_args(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  const Status status = check->parsed()   ? Check(flags)
                        : serve->parsed() ? Serve(flags)
                        : watch->parsed() ? Watch(flags, argv[0])
                        : agent->parsed() ? RunAgent(flags)
                        : child->parsed() ? RunChild(flags)
                                          : Run(flags);
  if (status.ok()) return 0;
  if (!status.error().message.empty()) fmt::print(stderr, "osevolve-live: error: {}\n", status.error().message);
  return status.error().code;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) { return ose::Main(argc, argv); }
