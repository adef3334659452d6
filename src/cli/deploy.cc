// osevolve deploy, undeploy, status: a policy as this machine's scheduler.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/kernel_objects.h"
#include "cli/live_client.h"
#include "core/candidate.h"
#include "core/exit_code.h"

namespace ose {
namespace {

using nlohmann::json;

struct DeployFlags {
  std::string policy, dir = kLiveDir, journal, cgroup;
  std::vector<std::string> settings;
  uint32_t timeout_ms = kDefaultStallMs;
  double good_after_s = 10;
  bool partial = false, rollback = false;
};

Result<json> Ask(const std::string& dir, const LiveRequest& request) {
  OSE_ASSIGN(std::string text, AskSupervisor(dir, request));
  json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return Error{kExitIo, "the supervisor's answer makes no sense"};
  return j;
}

std::string StatusText(const json& j) {
  const json kernel = j.value("kernel", json::object());
  std::string text;
  if (j.contains("policy")) {
    text = fmt::format("{} rules{}, for {:.1f} s; sched_ext is {}\n", j["policy"].get<std::string>(),
                       j.contains("cgroup") ? " the tasks of " + j["cgroup"].get<std::string>() : j.value("partial", false) ? " the tasks of SCHED_EXT" : "", j.value("ruled_s", 0.0), kernel.value("state", "?"));
    if (j.value("gap_ms", 0.0) > 0) text += fmt::format("the swap took {:.1f} ms\n", j["gap_ms"].get<double>());
  } else {
    text = fmt::format("no policy of OS-Evolve rules ({}); sched_ext is {}\n", j.value("state", "?"), kernel.value("state", "?"));
  }
  for (const json& h : j.value("history", json::array())) {
    const json exit = h.value("exit", json::object());
    text += fmt::format("before: {} for {:.1f} s, {}", h.value("policy", "?"), h.value("ruled_s", 0.0), h.value("ended", "?"));
    const int kind = exit.value("kind", 0);
    if (kind != 64 && kind != 0) text += fmt::format(": {}: {}", exit.value("what", "?"), exit.value("message", "").empty() ? exit.value("reason", "") : exit.value("message", ""));
    text += '\n';
  }
  return text;
}

void Show(const json& status, const CommonFlags& common) {
  if (common.json) PrintJson(status);
  else fmt::print("{}", StatusText(status));
}

Status NeedRoot() {
  if (geteuid() == 0) return {};
  return Error{kExitNoSchedExt, "changing what rules the kernel takes root: sudo ./osevolve deploy ..., or try it in a VM: osevolve vm"};
}

Status RunDeploy(const DeployFlags& flags, const CommonFlags& common) {
  OSE_TRY(NeedRoot());
  LiveRequest request;
  const bool lives = SupervisorLives(flags.dir);
  if (flags.rollback) {
    request.what = LiveRequest::Do::kRollback;
    OSE_ASSIGN(json status, Ask(flags.dir, request));
    Show(status, common);
    return {};
  }
  if (flags.policy.empty()) return Error{kExitUsage, "which policy? osevolve deploy POLICY, or --rollback"};
  OSE_ASSIGN(Context context, Context::Find());
  OSE_TRY(FindLiveProgram(context));
  if (!FileExists("/sys/kernel/sched_ext/state"))
    return Error{kExitNoSchedExt, "this kernel has no sched_ext (Linux 6.12 or later with CONFIG_SCHED_CLASS_EXT); try the policy in a VM: osevolve vm"};
  request.what = LiveRequest::Do::kDeploy;
  request.partial = flags.partial;
  request.cgroup = flags.cgroup;
  request.timeout_ms = flags.timeout_ms;
  OSE_ASSIGN(request.tunables, ParseSettings(flags.settings));
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-deploy"));
  if (flags.policy.ends_with(".o")) {  // of build-bpf
    if (access(flags.policy.c_str(), R_OK) != 0) return Error{kExitNotFound, flags.policy + ": there is no such file"};
    request.object = std::filesystem::absolute(flags.policy);
  } else {
    OSE_ASSIGN(NamedSource policy, LoadPolicy(context, KnowledgeBasePath(context, ""), flags.policy));
    OSE_ASSIGN(std::unique_ptr<ObjectBuilder> builder, ObjectBuilder::Create(context));
    OSE_ASSIGN(std::string object, builder->Build(policy));
    request.object = JoinPath(dir.path(), policy.name + ".bpf.o");
    OSE_TRY(WriteFileAtomic(request.object, object));
  }
  if (!lives) OSE_TRY(StartSupervisor(context, flags.dir, flags.journal, flags.good_after_s, request));
  if (!lives) request = {};
  OSE_ASSIGN(json status, Ask(flags.dir, request));
  Show(status, common);
  return {};
}

Status RunUndeploy(const std::string& dir, const CommonFlags& common) {
  OSE_TRY(NeedRoot());
  LiveRequest request;
  request.what = LiveRequest::Do::kStop;
  OSE_ASSIGN(json status, Ask(dir, request));
  Show(status, common);
  return {};
}

// For everybody: the supervisor is not asked, its status file is read.
Status RunStatus(const std::string& dir, const CommonFlags& common) {
  json status;
  if (auto text = ReadFile(JoinPath(dir, "status.json"), 16 << 20); text.ok()) status = json::parse(*text, nullptr, false);
  if (!status.is_object()) status = {{"state", "nothing deployed"}, {"history", json::array()}};
  const bool lives = SupervisorLives(dir);
  if (!lives && status["state"] != "stopped" && status["state"] != "nothing deployed") {
    status["state"] = "the supervisor is gone: the kernel has taken its policy out";
    status.erase("policy");
  }
  const auto kernel = [](const char* name) {
    auto text = ReadFile(std::string("/sys/kernel/sched_ext/") + name, 1 << 16);
    return text.ok() ? text->substr(0, text->find('\n')) : "";
  };
  const std::string state = kernel("state");
  status["kernel"] = {{"state", state.empty() ? "not there" : state}, {"policy", kernel("root/ops")}};
  status["supervised"] = lives;
  Show(status, common);
  return {};
}

}  // namespace

void RegisterDeploy(CLI::App& app, Command& command) {
  auto flags = std::make_shared<DeployFlags>();
  CLI::App* deploy = app.add_subcommand("deploy", "Make a policy this machine's scheduler, watched and with a way back.");
  deploy->add_option("policy", flags->policy, "policy: a file, a name, kb:HASH, or an object of build-bpf");
  deploy->add_flag("--rollback", flags->rollback, "go back to the policy before this one");
  deploy->add_flag("--partial", flags->partial, "only tasks of policy SCHED_EXT, not the whole system");
  deploy->add_option("--cgroup", flags->cgroup, "only the tasks of this control group");
  deploy->add_option("--set", flags->settings, "NAME=VALUE of a tunable; repeat it")->allow_extra_args(false);
  deploy->add_option("--timeout-ms", flags->timeout_ms, "longest wait of a runnable task before the kernel ejects the policy")
      ->check(CLI::Range(1u, 30000u))->capture_default_str();
  deploy->add_option("--good-after", flags->good_after_s, "seconds after which a policy is one to go back to")
      ->check(CLI::Range(0.0, 1e6))->capture_default_str();
  deploy->add_option("--journal", flags->journal, "file for one JSON line an event");
  AddCommonFlags(*deploy, command);
  deploy->footer("Whatever goes wrong, the kernel's own scheduler takes over.\n"
                 "Example:  sudo osevolve deploy vtime\n          osevolve status\n          sudo osevolve undeploy");
  deploy->callback([flags, &command] { command.run = [flags, &command] { return RunDeploy(*flags, command.flags); }; });
  CLI::App* undeploy = app.add_subcommand("undeploy", "Give the kernel's own scheduler back.");
  AddCommonFlags(*undeploy, command);
  undeploy->footer("Example:  sudo osevolve undeploy");
  undeploy->callback([flags, &command] { command.run = [flags, &command] { return RunUndeploy(flags->dir, command.flags); }; });
  CLI::App* status = app.add_subcommand("status", "What rules this machine's kernel, and what did before.");
  AddCommonFlags(*status, command);
  status->footer("Example:  osevolve status --json");
  status->callback([flags, &command] { command.run = [flags, &command] { return RunStatus(flags->dir, command.flags); }; });
  for (CLI::App* sub : {deploy, undeploy, status}) sub->add_option("--dir", flags->dir, "folder of the supervisor")->capture_default_str();
}

}  // namespace ose
