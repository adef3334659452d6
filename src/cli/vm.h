// VmFlags: the flags of commands that use the throw-away VM (lab/vm.h).
#ifndef OSEVOLVE_CLI_VM_H_
#define OSEVOLVE_CLI_VM_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "lab/vm.h"

namespace CLI {
class App;
}

namespace ose {

struct VmFlags {
  std::string kernel;  // "" = the one that `vm build` makes
  int cpus = 2, memory_mb = 2048;
  double timeout_s = 600;
  bool kvm = false, repeatable = false;
  std::vector<std::string> files;    // --repeatable
  std::vector<std::string> command;
};

// --kernel, --vcpus, --memory-mb, --timeout, --kvm
void AddVmFlags(CLI::App& app, VmFlags* flags);
Result<VmOptions> MakeVmOptions(const Context& context, const VmFlags& flags);

}  // namespace ose

#endif  // OSEVOLVE_CLI_VM_H_
