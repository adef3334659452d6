// ObjectBuilder: policies as BPF objects, checked by the gate like every candidate.
#ifndef OSEVOLVE_CLI_KERNEL_OBJECTS_H_
#define OSEVOLVE_CLI_KERNEL_OBJECTS_H_

#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "cli/context.h"
#include "eval/bpf_compiler.h"
#include "eval/clients.h"

namespace ose {

// From one thread only.
class ObjectBuilder {
 public:
  static Result<std::unique_ptr<ObjectBuilder>> Create(const Context& context);
  // The object's bytes. kExitGate with what the portable subset forbids, kExitCompile.
  Result<std::string> Build(const NamedSource& policy);

 private:
  ObjectBuilder(std::unique_ptr<BpfCompiler> compiler, TempDir dir, GateClient gate)
      : compiler_(std::move(compiler)), dir_(std::move(dir)), gate_(std::move(gate)) {}
  std::unique_ptr<BpfCompiler> compiler_;
  TempDir dir_;  // the gate's
  GateClient gate_;
};

}  // namespace ose

#endif  // OSEVOLVE_CLI_KERNEL_OBJECTS_H_
