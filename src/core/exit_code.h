// Exit codes of the command line, which are also the codes of Error. Documented for users in
// docs/errors.md; values never change meaning.
#ifndef OSEVOLVE_CORE_EXIT_CODE_H_
#define OSEVOLVE_CORE_EXIT_CODE_H_

namespace ose {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,        // anything without a code of its own
  kExitUsage = 2,          // the command line is wrong
  kExitBadWorkload = 3,    // a workload file: unknown key, wrong type, out of range
  kExitBadMachine = 4,     // a machine file, likewise
  kExitBadTrace = 5,       // a trace that cannot be read or is cut short
  kExitGate = 10,          // a policy outside the rules (portable subset, evolve blocks)
  kExitCompile = 11,       // a policy that does not compile
  kExitPolicyCrash = 12,   // it crashed (signal)
  kExitPolicyTimeout = 13, // it looped or ran out of CPU or wall time
  kExitPolicyMemory = 14,  // it ran out of memory
  kExitPolicyRule = 15,    // it broke a rule of the sched_ext contract (lost a task, ...)
  kExitPolicyStall = 16,   // it starved a runnable task past the watchdog
  kExitWorkloadStuck = 17, // the workload itself can never finish (deadlock)
  kExitDatabase = 20,      // the database is damaged or cannot be opened
  kExitDatabaseBusy = 21,  // another process holds it
  kExitDatabaseNewer = 22, // a newer OS-Evolve wrote it
  kExitNoTracing = 30,     // no tracefs, or not root
  kExitNoCompiler = 31,    // clang-19 is missing
  kExitNoSandbox = 32,     // the kernel lacks what the sandbox needs
  kExitNoVm = 33,          // no QEMU, no kernel for it, no KVM
  kExitVm = 34,            // the virtual machine hung, panicked or ended without a status
  kExitNoSchedExt = 35,    // no sched_ext here, no BTF, not root, or another scheduler is attached
  kExitVerifier = 36,      // the kernel refused a policy
  kExitNoCluster = 37,     // the batch system is missing, refuses the jobs or loses them
  kExitNotFound = 40,      // a named policy, workload, machine or run does not exist
  kExitModel = 50,         // a language model cannot be used: no key, wrong key, unknown model
  kExitInternal = 70,      // a bug in OS-Evolve
  kExitIo = 74,            // input/output: disk full, read-only, no such file
  kExitInterrupted = 130,  // Ctrl-C before there was a result
};

}  // namespace ose

#endif  // OSEVOLVE_CORE_EXIT_CODE_H_
