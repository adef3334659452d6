// osevolve doctor: what this machine can do, and what to do about what it cannot.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/knowledge.h"
#include "core/exit_code.h"
#include "lab/vm.h"
#include "llm/http.h"
#include "llm/providers.h"
#include "sandbox/sandbox.h"

namespace ose {
namespace {

struct Check {
  std::string name;
  bool ok = false;
  bool needed = true;  // for the main job
  std::string detail;
};

Check CheckCompiler() {
  std::string path = FindExecutable("clang++-19");
  if (path.empty()) return {"compiler", false, true, "clang++-19 is missing: apt-get install clang-19"};
  return {"compiler", true, true, path};
}

Check CheckPrograms(const Context& c) {
  for (const char* p : {"osevolve-gate", "osevolve-worker"})
    if (!FileExists(JoinPath(c.programs, p))) return {"programs", false, true, JoinPath(c.programs, p) + " is missing: build again"};
  return {"programs", true, true, c.programs};
}

Check CheckSandbox() {
  SandboxSupport s = ProbeSandbox();
  return {"sandbox", s.ok(), true, s.text};
}

Check CheckPipeline(const Context& c) {
  auto problem = LoadProblem(c, {.workload = "hol", .machine = "", .cpus = 0});
  if (!problem.ok()) return {"pipeline", false, true, problem.error().message};
  auto policy = LoadPolicy(c, "", "fifo");
  if (!policy.ok()) return {"pipeline", false, true, policy.error().message};
  auto evaluator = MakeEvaluator(c, *problem, 1);
  if (!evaluator.ok()) return {"pipeline", false, true, evaluator.error().message};
  Nanos start = MonotonicNow();
  Evaluation e = (*evaluator)->Evaluate({.source = policy->source, .file = "fifo.cc", .seeds = {1}, .skeleton_of = {}});
  if (e.outcome != Outcome::kOk) return {"pipeline", false, true, e.diagnosis};
  return {"pipeline", true, true, fmt::format("fifo.cc gated, compiled and scored on hol in {:.0f} ms", (MonotonicNow() - start).ms())};
}

Check CheckKnowledge(const Context& c) {
  const std::string path = KnowledgeBasePath(c, "");
  auto k = Knowledge::Open(path);
  return {"knowledge base", k.ok(), true, k.ok() ? path : k.error().message};
}

Check CheckTracing() {
  if (geteuid() != 0) return {"recording", false, false, "needs root: sudo ./osevolve record ..."};
  bool here = FileExists("/sys/kernel/tracing/events/sched") || FileExists("/sys/kernel/debug/tracing/events/sched");
  if (here) return {"recording", true, false, "tracefs is mounted"};
  if (FileExists("/sys/kernel/tracing")) return {"recording", true, false, "tracefs can be mounted (record does it)"};
  return {"recording", false, false, "this kernel has no tracefs (CONFIG_FTRACE)"};
}

std::string KernelWord(const char* path) {
  auto text = ReadFile(path, 1 << 16);
  return text.ok() ? text->substr(0, text->find('\n')) : "";
}

// What `deploy` and --host live need here.
Check CheckSchedExt(const Context& c) {
  utsname u{};
  uname(&u);
  const std::string name = "sched_ext", linux = fmt::format("Linux {}", u.release);
  const std::string state = KernelWord("/sys/kernel/sched_ext/state"), rules = KernelWord("/sys/kernel/sched_ext/root/ops");
  if (state.empty()) return {name, false, false, linux + " has no sched_ext (needs 6.12 or later with CONFIG_SCHED_CLASS_EXT); the simulator and the VM do not need it"};
  if (!FileExists("/sys/kernel/btf/vmlinux")) return {name, false, false, linux + " has no BTF (CONFIG_DEBUG_INFO_BTF), so policies cannot be loaded"};
  const std::string lockdown = KernelWord("/sys/kernel/security/lockdown");
  if (lockdown.find("[confidentiality]") != lockdown.npos) return {name, false, false, linux + " is locked down ([confidentiality]): nobody may load BPF programs that read its memory; boot it with lockdown=integrity or none"};
  if (!FileExists(JoinPath(c.programs, "osevolve-live"))) return {name, false, false, linux + " has it, but osevolve-live was not built: ./osevolve deploy installs what it needs (tools/packages-vm.txt)"};
  if (!rules.empty()) return {name, true, false, fmt::format("{}, {} rules now", linux, rules)};
  return {name, true, false, linux + (geteuid() == 0 ? "" : "; deploying takes root")};
}

Check CheckVm(const Context& c) {
  const std::string name = "vm";
  for (auto [program, package] : {std::pair{"qemu-system-x86_64", "qemu-system-x86"}, {"busybox", "busybox-static"}})
    if (FindExecutable(program).empty()) return {name, false, false, fmt::format("{} is missing: apt-get install {} (tools/packages-vm.txt)", program, package)};
  auto dir = KernelDir(c.root + "/src/lab");
  if (!dir.ok()) return {name, false, false, dir.error().message};
  const std::string kvm = access("/dev/kvm", R_OK | W_OK) == 0 ? "; --kvm works" : "; software emulation only, no /dev/kvm";
  if (!FileExists(*dir + "/bzImage")) return {name, false, false, "its kernel is not made yet: osevolve vm build (about ten minutes, once)" + kvm};
  return {name, true, false, *dir + "/bzImage" + kvm};
}

// Keys are looked at, servers on this machine are asked whether they are there; nothing is sent to anybody else.
std::vector<Check> CheckModels() {
  std::vector<Check> checks;
  const Environment env = ProcessEnvironment();
  std::unique_ptr<HttpClient> http = MakeCurlHttp();
  for (const ProviderInfo& p : Providers()) {
    Check c{"llm " + p.name, false, false, ""};
    auto spec = ParseModelSpec(p.name + ":" + p.example_model);
    c.detail = spec.ok() ? WhyUnusable(*spec, env) : spec.error().message;
    c.ok = c.detail.empty();
    if (c.ok && p.key_env.empty() && !p.default_url.empty()) {
      const std::string url = env(p.url_env).value_or(p.default_url);
      HttpRequest request;
      request.url = url.find("://") == std::string::npos ? "http://" + url : url;
      request.body = "{}";
      request.connect_timeout = request.total_timeout = Nanos::Millis(500);
      const HttpResponse r = http->Post(request, [](std::string_view) { return true; }, nullptr);
      c.ok = r.status != 0;
      c.detail = c.ok ? "a server answers at " + url : "no server answers at " + url + (p.url_env.empty() ? "" : "; start it, or set " + p.url_env);
    } else if (c.ok) {
      c.detail = p.key_env.empty() ? "--llm " + p.name + ":" + p.example_model : p.key_env + " is set";
    }
    checks.push_back(std::move(c));
  }
  return checks;
}

Status RunDoctor(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  std::vector<Check> checks = {CheckCompiler(), CheckPrograms(context), CheckSandbox(), CheckPipeline(context),
                               CheckKnowledge(context), CheckTracing(), CheckSchedExt(context), CheckVm(context)};
  for (Check& c : CheckModels()) checks.push_back(std::move(c));
  bool ok = true;
  nlohmann::json list = nlohmann::json::array();
  for (const Check& c : checks) {
    ok &= c.ok || !c.needed;
    list.push_back({{"check", c.name}, {"ok", c.ok}, {"needed", c.needed}, {"detail", c.detail}});
    if (!common.json) fmt::print("{:<5} {:<20} {}\n", c.ok ? "ok" : c.needed ? "FAIL" : "-", c.name, c.detail);
  }
  if (common.json) PrintJson({{"ok", ok}, {"checks", list}});
  if (!ok) return Error{kExitFailure, "the main job will not work here; see the lines marked FAIL"};
  return {};
}

}  // namespace

void RegisterDoctor(CLI::App& app, Command& command) {
  CLI::App* sub = app.add_subcommand("doctor", "Check what this machine can do, and say how to fix what it cannot.");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve doctor");
  sub->callback([&command] { command.run = [&command] { return RunDoctor(command.flags); }; });
}

}  // namespace ose
