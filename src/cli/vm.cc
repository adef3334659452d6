// osevolve vm: a command in a throw-away virtual machine with a sched_ext kernel; vm build makes the kernel.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/vm.h"
#include "core/exit_code.h"

namespace ose {
namespace {

std::string LabDir(const Context& context) { return context.root + "/src/lab"; }

Status BuildKernel(const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  OSE_ASSIGN(std::string dir, KernelDir(LabDir(context)));
  const bool there = FileExists(dir + "/bzImage");
  if (!there) {
    PrintNote(fmt::format("building the kernel of the VM in {}: once, about ten minutes on two cores", dir), common);
    OSE_TRY(MakeDirs(Dirname(dir)));
    CommandOptions build;
    build.argv = {LabDir(context) + "/build_kernel", dir};
    build.stderr_to = common.quiet ? ChildOutput::kDiscard : ChildOutput::kInherit;
    OSE_ASSIGN(CommandResult built, RunCommand(build));
    if (!built.exit.ok()) return Error{kExitNoVm, "the kernel was not built; its log is " + dir + ".building/build.log"};
  }
  if (common.json) PrintJson({{"kernel", dir + "/bzImage"}, {"built", !there}});
  else fmt::print("{}/bzImage\n", dir);
  return {};
}

Status RunInVm(VmFlags flags, const CommonFlags& common) {
  OSE_ASSIGN(Context context, Context::Find());
  if (flags.command.empty()) return Error{kExitUsage, "no command for the VM: osevolve vm -- COMMAND (see: osevolve vm --help)"};
  OSE_ASSIGN(VmOptions options, MakeVmOptions(context, flags));
  options.cancel = &StopOnSignals();
  OSE_ASSIGN(VmResult result, RunVm(options));
  PrintNote(fmt::format("the VM ran for {:.1f} s", result.wall.s()), common);
  if (result.exit_code != 0) return Error{result.exit_code, ""};
  return {};
}

}  // namespace

void AddVmFlags(CLI::App& app, VmFlags* f) {
  app.add_option("--kernel", f->kernel, "bzImage to run; default: the one of `osevolve vm build`");
  app.add_option("--vcpus", f->cpus, "virtual CPUs")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--memory-mb", f->memory_mb, "memory of the VM")->check(CLI::Range(256, 1 << 20))->capture_default_str();
  app.add_option("--timeout", f->timeout_s, "seconds after which the VM is ended from outside")->check(CLI::Range(1.0, 1e6))->capture_default_str();
  app.add_flag("--kvm", f->kvm, "hardware virtualisation instead of emulation");
}

Result<VmOptions> MakeVmOptions(const Context& context, const VmFlags& flags) {
  VmOptions o;
  o.lab_dir = LabDir(context);
  o.kernel = flags.kernel;
  if (o.kernel.empty()) {
    OSE_ASSIGN(std::string dir, KernelDir(o.lab_dir));
    o.kernel = dir + "/bzImage";
  }
  o.command = flags.command;
  std::error_code ignored;
  if (!flags.repeatable) o.cwd = std::filesystem::current_path(ignored);
  o.cpus = flags.cpus;
  o.memory_mb = flags.memory_mb;
  o.timeout = Nanos{static_cast<int64_t>(flags.timeout_s * 1e9)};
  o.kvm = flags.kvm;
  o.repeatable = flags.repeatable;
  for (const std::string& file : flags.files) {
    if (access(file.c_str(), R_OK) != 0) return Error{kExitNotFound, fmt::format("--with {}: there is no such file or folder", file)};
    o.files.push_back(std::filesystem::absolute(file, ignored));
  }
  return o;
}

void RegisterVm(CLI::App& app, Command& command) {
  auto flags = std::make_shared<VmFlags>();
  CLI::App* sub = app.add_subcommand("vm", "Run a command in a throw-away VM with a sched_ext kernel.");
  AddVmFlags(*sub, flags.get());
  CLI::Option* repeatable = sub->add_flag("--repeatable", flags->repeatable, "count instructions instead of time: equal commands give equal bytes");
  sub->get_option("--kvm")->excludes(repeatable);
  sub->add_option("--with", flags->files, "for --repeatable: a file or folder that the command needs; repeat it")->allow_extra_args(false);
  sub->add_option("command", flags->command, "the command and its arguments, after --");
  AddCommonFlags(*sub, command);
  sub->footer("The host's files are there read-only; /run is the VM's own memory.\n"
              "Example:  osevolve vm build\n          osevolve vm -- sysbench cpu --threads=4 --time=5 run");
  sub->callback([sub, flags, &command] {
    if (sub->get_subcommands().empty()) command.run = [flags, &command] { return RunInVm(*flags, command.flags); };
  });
  CLI::App* build = sub->add_subcommand("build", "Make the VM's kernel from Debian's linux-source-6.12, once.");
  AddCommonFlags(*build, command);
  build->footer("Example:  osevolve vm build");
  build->callback([&command] { command.run = [&command] { return BuildKernel(command.flags); }; });
}

}  // namespace ose
