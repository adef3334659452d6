// osevolve build-bpf: a policy as an object for the kernel.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/kernel_objects.h"
#include "core/exit_code.h"

namespace ose {
namespace {

struct BuildBpfFlags {
  std::string policy, out;
};

Status RunBuildBpf(const BuildBpfFlags& flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(NamedSource policy, LoadPolicy(context, KnowledgeBasePath(context, ""), flags.policy));
  OSE_ASSIGN(std::unique_ptr<ObjectBuilder> builder, ObjectBuilder::Create(context));
  OSE_ASSIGN(std::string object, builder->Build(policy));
  const std::string out = flags.out.empty() ? policy.name + ".bpf.o" : flags.out;
  OSE_TRY(WriteFileAtomic(out, object));
  if (common.json) PrintJson({{"policy", policy.name}, {"object", out}, {"bytes", object.size()}});
  else fmt::print("{}\n", out);
  return {};
}

}  // namespace

void RegisterBuildBpf(CLI::App& app, Command& command) {
  auto flags = std::make_shared<BuildBpfFlags>();
  CLI::App* sub = app.add_subcommand("build-bpf", "Compile a policy to a BPF object for the kernel.");
  sub->add_option("policy", flags->policy, "policy: a file, a name, or kb:HASH")->required();
  sub->add_option("-o,--out", flags->out, "file to write; default: NAME.bpf.o");
  AddCommonFlags(*sub, command);
  sub->footer("Example:  osevolve build-bpf vtime -o /tmp/vtime.bpf.o");
  sub->callback([flags, &command] { command.run = [flags, &command] { return RunBuildBpf(*flags, command.flags); }; });
}

}  // namespace ose
