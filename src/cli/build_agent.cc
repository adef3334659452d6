// osevolve build-agent: a policy as a shared object for the user-space agent.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "core/exit_code.h"
#include "eval/clients.h"
#include "eval/compiler.h"

namespace ose {
namespace {

struct BuildAgentFlags {
  std::string policy, out;
};

Status RunBuildAgent(const BuildAgentFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(NamedSource policy, LoadPolicy(context, KnowledgeBasePath(context, ""), flags.policy));
  const std::string file = policy.path.empty() ? policy.name + ".cc" : policy.path;
  OSE_ASSIGN(std::unique_ptr<Compiler> compiler, Compiler::Create(context.include_dir()));
  GateClient gate(JoinPath(context.programs, "osevolve-gate"), context.include_dir(), compiler->temp_dir());
  auto check = [&](bool hosted) { return gate.Check({.source = policy.source, .file = file, .hosted = hosted, .skeleton_of = {}}); };
  OSE_ASSIGN(GateResponse verdict, check(true));
  if (!verdict.ok) return Error{kExitGate, verdict.Text(file)};
  // Portable policies are compiled as everywhere else.
  OSE_ASSIGN(GateResponse portable, check(false));
  OSE_ASSIGN(CompiledPolicy object, compiler->Compile(policy.source, file, !portable.ok));
  OSE_ASSIGN(std::string bytes, ReadFile(object.path, 256 << 20));
  const std::string out = flags.out.empty() ? policy.name + ".so" : flags.out;
  OSE_TRY(WriteFileAtomic(out, bytes));
  if (common.json) PrintJson({{"policy", policy.name}, {"object", out}, {"bytes", bytes.size()}, {"hosted", !portable.ok}});
  else fmt::print("{}\n", out);
  return {};
}

}  // namespace

void RegisterBuildAgent(CLI::App& app, Command& command) {
  auto flags = std::make_shared<BuildAgentFlags>();
  CLI::App* sub = app.add_subcommand("build-agent", "Compile a policy to a shared object for the user-space agent.");
  sub->add_option("policy", flags->policy, "policy: a file, a name, or kb:HASH; OSEVOLVE_HOSTED is welcome")->required();
  sub->add_option("-o,--out", flags->out, "file to write; default: NAME.so");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve build-agent vtime -o /tmp/vtime.so");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunBuildAgent(*flags, command.flags); }; });
}

}  // namespace ose
