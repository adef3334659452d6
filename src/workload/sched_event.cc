#include "workload/sched_event.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace ose {

PrevState PrevStateFromBits(int64_t bits) {
  // include/linux/sched.h: 0x10 EXIT_DEAD, 0x20 EXIT_ZOMBIE; TASK_REPORT_MAX marks preemption.
  constexpr int64_t kDeadBits = 0x10 | 0x20, kReportMax = 0x100;
  if (bits & kReportMax) return PrevState::kPreempted;
  if (bits & kDeadBits) return PrevState::kDead;
  return (bits & (kReportMax - 1)) == 0 ? PrevState::kRunnable : PrevState::kBlocked;
}

PrevState PrevStateFromLetters(std::string_view letters) {
  if (letters.find('+') != std::string_view::npos) return PrevState::kPreempted;
  if (letters.find_first_of("ZXx") != std::string_view::npos) return PrevState::kDead;
  return letters == "R" ? PrevState::kRunnable : PrevState::kBlocked;
}

int WeightOfPrio(int prio) {
  // kernel/sched/core.c, sched_prio_to_weight: each nice level is worth about 10% of CPU time.
  static constexpr std::array<int, 40> kWeights = {
      88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
      3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
      172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15};
  if (prio < 100) return 10'000;  // real time: before everything else
  int weight = kWeights[static_cast<size_t>(std::min(prio, 139) - 100)];
  return std::clamp((weight * 100 + 512) / 1024, 1, 10'000);  // sched_weight_to_cgroup()
}

bool IsKernelThreadName(std::string_view comm) {
  static constexpr std::string_view kPrefixes[] = {
      "kworker/",  "ksoftirqd/", "migration/", "cpuhp/",      "idle_inject/", "irq/",         "rcu_",
      "rcuog/",    "rcuop/",     "rcuos/",     "rcuc/",       "rcub/",        "rcuw/",        "jbd2/",
      "watchdogd", "kthreadd",   "kcompactd",  "kswapd",      "khugepaged",   "kauditd",      "oom_reaper",
      "ksmd",      "kdevtmpfs",  "khungtaskd", "kblockd",     "scsi_eh_",     "scsi_tmf_",    "nvme",
      "md_",       "dm_",        "loop",       "xfs",         "btrfs-",       "ext4-",        "napi/",
      "swapper/",  "vhost-",     "kvm-",       "pool_workqu", "ktimers/",     "backlog_napi/"};
  return comm == "swapper" || comm == "<idle>" ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view p) { return comm.starts_with(p); });
}

}  // namespace ose
