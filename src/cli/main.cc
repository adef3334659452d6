// osevolve: finds, proves and runs the CPU scheduling policy for your workload.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <new>

#include "base/edit_distance.h"
#include "cli/commands.h"
#include "core/exit_code.h"

namespace ose {

void AddCommonFlags(CLI::App& app, Command& command) {
  app.add_flag("--json", command.flags.json, "result as JSON on stdout (docs/json.md)");
  app.add_flag("-q,--quiet", command.flags.quiet, "no progress and notes on stderr");
}

namespace {

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  CLI::App app("Finds, proves and runs the CPU scheduling policy for your workload.", "osevolve");
  app.set_version_flag("--version", "osevolve 0.1.0");
  app.require_subcommand(0, 1);
  app.footer("Start with:  osevolve evolve workloads/hol.toml");
  Command command;
  RegisterEvolve(app, command);
  RegisterEval(app, command);
  RegisterBound(app, command);
  RegisterRecord(app, command);
  RegisterLists(app, command);
  RegisterGkb(app, command);
  RegisterDoctor(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::string message = e.what();
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) names.push_back(sub->get_name());
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-')
      message = "unknown command '" + std::string(argv[1]) + "'" + DidYouMean(argv[1], names);
    const std::string which = app.get_subcommands().empty() ? "" : app.get_subcommands()[0]->get_name() + " ";
    fmt::print(stderr, "osevolve: error: {}\nTry: osevolve {}--help\n", message, which);
    return kExitUsage;
  }
  if (!command.run) {
    fmt::print("{}", app.help());
    return app.get_subcommands().empty() && argc == 1 ? kExitOk : kExitUsage;
  }
  Status status = command.run();
  if (status.ok()) return fflush(stdout) == 0 ? kExitOk : kExitIo;
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
  } catch (const std::exception& e) {
    fmt::print(stderr, "osevolve: internal error: {}\n", e.what());
    return ose::kExitInternal;
  }
}
