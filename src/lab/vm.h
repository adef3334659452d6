// Vm: a throw-away virtual machine with a sched_ext kernel, for what must not touch the host's scheduler.
//
// The guest sees the host's files read-only (9p) and has memory of its own under /run; nothing that it does
// outlives it. QEMU runs it in software emulation unless KVM is asked for. A run ends at the latest at its
// time-out, from outside: a guest that hangs or panics cannot hold the host.
//
// A repeatable run counts instructions instead of time (QEMU's icount) and takes all that it needs from an
// initial file system made before the start, so that equal commands give equal bytes, on one host CPU and about
// in real time. All virtual CPUs then share one instruction budget: throughput does not grow with their number.
#ifndef OSEVOLVE_LAB_VM_H_
#define OSEVOLVE_LAB_VM_H_

#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ose {

struct VmOptions {
  std::string kernel;                // a bzImage; the bpftool of `vm build` beside it comes into the guest's PATH
  std::string lab_dir;               // src/lab: guest_init, make_initramfs
  std::vector<std::string> command;  // argv, run by bash's exec in `cwd`
  std::string cwd;                   // a folder of the host; "" = /run/tmp of the guest
  int cpus = 2;                      // 1..64
  int memory_mb = 2048;
  Nanos timeout = Nanos::Seconds(600);
  bool kvm = false;
  bool repeatable = false;
  // Repeatable: what the command needs beside itself: absolute paths, or "FOLDER=>PLACE" for a folder that is to be
  // at another place there (the name of a temporary folder would make each run another one).
  std::vector<std::string> files;
  std::string append;                // more of the kernel's command line
  int out_fd = 1, err_fd = 2;        // get the command's output while it runs (repeatable: at the end, all to out_fd)
  const std::atomic<bool>* cancel = nullptr;
};

struct VmResult {
  int exit_code = -1;   // of the command
  Nanos wall{};
};

// Errors: kExitNoVm when QEMU, busybox or the kernel is missing or KVM cannot be used; kExitVm when the guest
// panicked, hung past the time-out, or went without a status, with the last lines of its console;
// kExitInterrupted after `cancel`. Nothing is left behind in any case.
Result<VmResult> RunVm(const VmOptions& options);

// Where the kernel for `lab_dir`'s configuration is or will be: CACHE/SOURCE-HASH, by the version of the
// installed linux-source-6.12 and the content of kernel.config. Without that package: a kernel that was built
// of the same configuration, if there is one. CACHE is OSEVOLVE_CACHE, or osevolve in XDG_CACHE_HOME or ~/.cache.
Result<std::string> KernelDir(const std::string& lab_dir);

}  // namespace ose

#endif  // OSEVOLVE_LAB_VM_H_
