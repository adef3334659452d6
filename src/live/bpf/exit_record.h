// How a scheduler ended, for the loader to read afterwards (live/bpf_words.h, ReadExitInfo).
#ifndef OSEVOLVE_LIVE_BPF_EXIT_RECORD_H_
#define OSEVOLVE_LIVE_BPF_EXIT_RECORD_H_

#include "live/bpf/kernel.h"

struct {
  s32 kind;
  s64 code;
  char reason[128];
  char message[1024];
  char dump[16384];  // the beginning of the kernel's debug dump: who waits where
} osv_exit_info;

INLINE void record_exit(struct scx_exit_info *info) {
  osv_exit_info.code = info->exit_code;
  bpf_probe_read_kernel_str(osv_exit_info.reason, sizeof osv_exit_info.reason, info->reason);
  bpf_probe_read_kernel_str(osv_exit_info.message, sizeof osv_exit_info.message, info->msg);
  bpf_probe_read_kernel_str(osv_exit_info.dump, sizeof osv_exit_info.dump, info->dump);
  osv_exit_info.kind = info->kind;  // last: says that the rest is there
}

#endif  // OSEVOLVE_LIVE_BPF_EXIT_RECORD_H_
