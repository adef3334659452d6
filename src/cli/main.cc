// osevolve: finds, proves and runs the CPU scheduling policy for your workload.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "base/edit_distance.h"
#include "cli/commands.h"
#include "core/exit_code.h"

namespace ose {

void AddCommonFlags(CLI::App& app, Command& command) {
  app.add_flag("--json", command.flags.json, "result as JSON on stdout (docs/json.md)");
  app.add_flag("-q,--quiet", command.flags.quiet, "no progress and notes on stderr");
}

namespace {

// What the parser refused, in our words: the bad word, what may have been meant, where the help is.
Error UsageError(const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App* at = &app;
  std::string command;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands()[0];
    command += at->get_name() + " ";
  }
  std::string message = e.what();
  const std::vector<std::string> extras = app.remaining(true);
  const auto option = std::find_if(extras.begin(), extras.end(), [](const std::string& x) { return x.starts_with("-"); });
  const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
  std::vector<std::string> known;
  if (option != extras.end()) {
    for (const CLI::Option* o : at->get_options())
      for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
    const std::string name = option->substr(0, option->find('='));
    message = "unknown option '" + name + "'" + DidYouMean(name, known);
  } else if (!extras.empty() && !commands.empty()) {
    for (const CLI::App* c : commands) known.push_back(c->get_name());
    message = "unknown command '" + command + extras[0] + "'" + DidYouMean(extras[0], known);
  } else if (!extras.empty()) {
    message = "unexpected argument '" + extras[0] + "'";
  }
  return {kExitUsage, message + " (see: osevolve " + command + "--help)"};
}

// Before the flags are parsed.
bool WantsJson(int argc, char** argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; ++i)
    if (strcmp(argv[i], "--json") == 0) return true;
  return false;
}

// A reader that has had enough (`| head`) is told nothing.
int OutputFailed() {
  if (errno != EPIPE) PrintError({kExitIo, fmt::format("cannot write to stdout: {}", strerror(errno))}, {});
  return kExitIo;
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  // Keys are in our memory and environment: no core file of it, and no other process of this user may look in.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  CLI::App app("Finds, proves and runs the CPU scheduling policy for your workload.", "osevolve");
  app.set_version_flag("--version", "osevolve 0.1.0");
  app.require_subcommand(0, 1);
  app.footer("Start with:  osevolve evolve workloads/hol.toml");
  Command command;
  RegisterEvolve(app, command);
  RegisterEval(app, command);
  RegisterExplain(app, command);
  RegisterEvalBatch(app, command);
  RegisterBound(app, command);
  RegisterSweep(app, command);
  RegisterLoad(app, command);
  RegisterCalibrate(app, command);
  RegisterRecord(app, command);
  RegisterLists(app, command);
  RegisterGkb(app, command);
  RegisterMcp(app, command);
  RegisterVm(app, command);
  RegisterBuildBpf(app, command);
  RegisterDeploy(app, command);
  RegisterObserve(app, command);
  RegisterBuildAgent(app, command);
  RegisterValidate(app, command);
  RegisterPlot(app, command);
  RegisterBench(app, command);
  RegisterDoctor(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    PrintError(UsageError(app, e), {.json = WantsJson(argc, argv)});
    return kExitUsage;
  }
  if (!command.run) {
    fmt::print("{}", app.help());
    return app.get_subcommands().empty() && argc == 1 ? kExitOk : kExitUsage;
  }
  Status status = command.run();
  if (status.ok()) return fflush(stdout) == 0 ? kExitOk : OutputFailed();
  PrintError(status.error(), command.flags);
  return status.error().code;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) {
  try {
    return ose::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "osevolve: error: out of memory\n");
    return ose::kExitFailure;
  } catch (const std::system_error& e) {  // of fmt::print
    errno = e.code().value();
    return ose::OutputFailed();
  } catch (const std::exception& e) {
    fmt::print(stderr, "osevolve: internal error: {}\n", e.what());
    return ose::kExitInternal;
  }
}
