#include "cli/kernel_objects.h"

#include "base/file.h"
#include "core/exit_code.h"

namespace ose {

Result<std::unique_ptr<ObjectBuilder>> ObjectBuilder::Create(const Context& context) {
  OSE_ASSIGN(std::unique_ptr<BpfCompiler> compiler, BpfCompiler::Create(context.include_dir(), context.root + "/src"));
  OSE_ASSIGN(TempDir dir, TempDir::Make("osevolve-gate"));
  GateClient gate(JoinPath(context.programs, "osevolve-gate"), context.include_dir(), dir.path());
  return std::unique_ptr<ObjectBuilder>(new ObjectBuilder(std::move(compiler), std::move(dir), std::move(gate)));
}

Result<std::string> ObjectBuilder::Build(const NamedSource& policy) {
  const std::string file = policy.path.empty() ? policy.name + ".cc" : policy.path;
  OSE_ASSIGN(GateResponse verdict, gate_.Check({.source = policy.source, .file = file, .hosted = false, .skeleton_of = {}}));
  if (!verdict.ok) return Error{kExitGate, verdict.Text(file)};
  return compiler_->Compile(policy.source, file);
}

}  // namespace ose
