// osevolve observe: what kind of workload runs on this machine now, by counters in its kernel.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/gkb.h"
#include "cli/knowledge.h"
#include "cli/live_client.h"
#include "core/exit_code.h"
#include "report/table.h"
#include "workload/signature_counts.h"

namespace ose {
namespace {

using nlohmann::json;

struct ObserveFlags {
  double time_s = 5;
  std::string out, kb;
  std::vector<std::string> command;
  bool no_system_calls = false;
};

Result<std::string> Watch(const Context& context, const ObserveFlags& flags) {
  std::vector<std::string> arguments = {"watch", "--time", fmt::format("{}", flags.time_s)};
  if (flags.no_system_calls) arguments.push_back("--no-system-calls");
  if (!flags.command.empty()) {
    arguments.push_back("--");
    arguments.insert(arguments.end(), flags.command.begin(), flags.command.end());
  }
  // What the command writes goes to stderr there.
  return RunLiveProgram(context, arguments, flags.command.empty() ? ChildOutput::kCapture : ChildOutput::kInherit);
}

Status RunObserve(const ObserveFlags& flags, const CommonFlags& common) {
  if (geteuid() != 0) return Error{kExitNoTracing, "counting in the kernel takes root: sudo ./osevolve observe ..."};
  OSE_ASSIGN(Context context, Context::Find());
  if (flags.command.empty()) PrintNote(fmt::format("counting for {:.0f} s", flags.time_s), common);
  OSE_ASSIGN(std::string text, Watch(context, flags));
  OSE_ASSIGN(SignatureCounts counts, ParseSignatureCounts(text));
  const Signature signature = SignatureOfCounts(counts);
  if (!flags.out.empty()) {
    OSE_ASSIGN(Workload workload, WorkloadOfCounts(counts, Stem(flags.out)));
    OSE_TRY(WriteFileAtomic(flags.out, FormatWorkload(workload)));
  }
  Problem problem;  // as much of one as a query looks at
  problem.signature.assign(signature.begin(), signature.end());
  problem.machine.cpus = counts.cpus;
  QueryAnswer answer;
  const std::string kb_path = KnowledgeBasePath(context, flags.kb);
  if (FileExists(kb_path)) {
    OSE_ASSIGN(KnowledgeBase kb, KnowledgeBase::Open(kb_path, OpenMode::kReadOnly));
    OSE_ASSIGN(answer, QueryNearest(kb, problem, 5));
  } else {
    answer.note = "there is no knowledge base yet (osevolve evolve makes one)";
  }
  if (common.json) {
    json features = json::object(), veterans = json::array();
    for (size_t i = 0; i < signature.size(); ++i) features[std::string(kSignatureFeatures[i])] = signature[i];
    for (const VeteranMatch& m : answer.matches)
      veterans.push_back({{"policy", m.veteran.claim.policy}, {"workload", m.veteran.workload_name}, {"distance", m.distance}, {"confidence", m.confidence}});
    PrintJson({{"counts", json::parse(text)}, {"signature", features}, {"veterans", veterans}, {"note", answer.note}});
    return {};
  }
  fmt::print("{:.0f} tasks on {} CPUs for {:.1f} s, {:.0f}% busy with them\n\n", counts.tasks, counts.cpus, counts.window_s,
             counts.window_s > 0 ? counts.cpu_ns / 1e7 / counts.window_s / counts.cpus : 0.0);
  std::vector<std::vector<std::string>> table = {{"feature", "value"}};
  for (size_t i = 0; i < signature.size(); ++i) table.push_back({std::string(kSignatureFeatures[i]), fmt::format("{:.3f}", signature[i])});
  fmt::print("{}\n", FormatTable(table));
  fmt::print("{}", VeteransText(answer));
  return {};
}

}  // namespace

void RegisterObserve(CLI::App& app, Command& command) {
  auto flags = std::make_shared<ObserveFlags>();
  CLI::App* sub = app.add_subcommand("observe", "Say what kind of workload runs here, and which known policies suit it.");
  sub->add_option("--time", flags->time_s, "seconds to count, without a command")->check(CLI::Range(0.1, 1e6))->capture_default_str();
  sub->add_option("-o,--out", flags->out, "write a workload file with the same tasks, bursts and sleeps");
  sub->add_flag("--no-system-calls", flags->no_system_calls, "do not count yields and futex calls, which cost most");
  sub->add_option("--kb", flags->kb, "knowledge base file");
  sub->add_option("command", flags->command, "command and arguments, after --: only it is counted; without: all of user space");
  AddCommonFlags(*sub, command);
  sub->footer("Counters in the kernel: cheap, and nothing is changed; `record` traces every event instead.\n"
              "Example:  sudo osevolve observe --time 10\n          sudo osevolve observe -o my.toml -- ./my-program");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunObserve(*flags, command.flags); }; });
}

}  // namespace ose
