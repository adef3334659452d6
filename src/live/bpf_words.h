// What libbpf and the kernel say when they cannot do what they are asked, for people. Shared by the loaders of live.
#ifndef OSEVOLVE_LIVE_BPF_WORDS_H_
#define OSEVOLVE_LIVE_BPF_WORDS_H_

#include <cstdint>
#include <string>

#include "base/result.h"

struct bpf_object;
struct btf;

namespace ose {

// The first warning of libbpf since ListenToLibbpf(), which forgets earlier ones. Its callback knows no context: one
// thread uses libbpf.
void ListenToLibbpf();
std::string LibbpfWarning();

// What any program of ours takes in a kernel: BTF, and no lockdown for confidentiality; `exit_code` otherwise.
Status CheckBpf(int exit_code);
// And for a scheduler: root, and sched_ext.
Status CheckKernel();

// Loads an object again that the kernel has refused, this time with the verifier's log. `name` is the policy's;
// programs are called PREFIX_OPERATION. The object is good for nothing afterwards.
Status LoadWithLog(bpf_object* object, const std::string& name, const std::string& prefix, const std::string& first_warning, int failure);

// The address of a member of the struct_ops value that is to be loaded; null when there is none of the name.
void* OpsMember(bpf_object* object, const char* ops_map, const char* member);

// Why a policy's rule ended. As in enum scx_exit_kind of the kernel: 64 unregistered by its loader, 67 by
// SysRq, 1024 an error, 1025 an error that the policy raised, 1026 a stall.
struct ExitInfo {
  int kind = 0;  // 0: it still rules, or never did
  int64_t code = 0;
  std::string reason, message;
  std::string dump;  // the beginning of the kernel's debug dump, after an error
};

// "taken out", "stall", ...: what the kind of an exit means.
const char* ExitWord(int kind);

// From the bytes of the programs' osv_exit_info.
ExitInfo ReadExitInfo(const std::string& bytes);

// What /sys/kernel/sched_ext says: "enabled", "disabled", ...; "" when this kernel has none.
std::string SchedExtState();
// The name of the scheduler that rules, "" when none does.
std::string SchedExtPolicy();
Error NotAttached(const std::string& name, int failure);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_BPF_WORDS_H_
