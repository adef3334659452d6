// Counters of what runs, for the signature of a live system (docs/signature.md) without a record of each event:
// some additions at each switch and wake-up, in memory of the CPU's own.
//
// Followed are all tasks of user space, or with `root_pid` that task and what it forks from then on.
#include "live/bpf/kernel.h"

#define MAX_CPUS 256
#define BUCKETS 176         // kBurstBuckets of watch.cc: 4 an octave
#define KERNEL_THREAD 0x00200000  // PF_KTHREAD
#define SOFTIRQ_BITS 0x0000ff00   // of preempt_count: linux/preempt.h
#define HARDIRQ_BITS 0x00ff0000   // hardirq and NMI

char _license[] SEC("license") = "Dual MIT/GPL";

const volatile u32 root_pid = 0;

struct cpu_counts {
  u64 cpu_ns, begun, bursts, burst_ns, burst_us2, sleeps, wakes, yields, locks, open_ns, arrivals, gap_ns, gap_us2, tasks;
  u64 burst_hist[BUCKETS];
} __attribute__((aligned(64)));
// One variable, so that its layout is that of Data in watch.cc.
struct {
  struct cpu_counts counts[MAX_CPUS];
  u32 nice_seen[40];
  u64 last_arrival;
} data;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pcpu_hot {
  int preempt_count;
};
#pragma clang attribute pop
// Where the kernel keeps the count of interrupts that are being served (x86 since 6.2); without it no wake-up
// counts as coming from outside.
extern const struct pcpu_hot pcpu_hot __ksym __weak;
static void *(*const bpf_this_cpu_ptr)(const void *percpu) = (void *)154;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;

struct task_counts {
  u64 since;    // when it was switched in; 0: it is not running, or was before we looked
  u64 burst;    // CPU time since its last sleep
  u32 followed; // 0: not known yet, 1: yes, 2: no
  u32 begun;    // it has run since its last sleep
  u32 outside;  // its last wake-up came from outside
};
struct {
  __uint(type, kMapTaskStorage);
  __uint(map_flags, kMapNoPrealloc);
  __type(key, int);
  __type(value, struct task_counts);
} tasks SEC(".maps");

struct pair {
  s32 waker, wakee;
};
struct {
  __uint(type, kMapHash);
  __uint(max_entries, 65536);
  __type(key, struct pair);
  __type(value, u8);
} pairs SEC(".maps");

INLINE struct cpu_counts *here(void) {
  u32 c = bpf_get_smp_processor_id();
  barrier_var(c);
  return &data.counts[c < MAX_CPUS ? c : 0];
}

INLINE struct task_counts *follow(struct task_struct *p, bool as_child) {
  struct task_counts *t = bpf_task_storage_get(&tasks, p, NULL, kStorageCreate);
  if (!t) return NULL;
  if (t->followed == 0) {
    bool yes = root_pid ? as_child || p->tgid == (int)root_pid : !(p->flags & KERNEL_THREAD);
    t->followed = yes ? 1 : 2;
    if (yes) {
      here()->tasks++;
      u32 nice = p->static_prio - 100;
      barrier_var(nice);
      if (nice < 40) data.nice_seen[nice] = 1;
    }
  }
  return t->followed == 1 ? t : NULL;
}

INLINE u32 bucket_of(u64 ns) {
  u32 octave = 0;
  for (u64 x = ns; x > 1 && octave < 43; x >>= 1) octave++;
  u32 bucket = octave < 2 ? octave * 4 : octave * 4 + ((ns >> (octave - 2)) & 3);
  barrier_var(bucket);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

SEC("tp_btf/sched_switch") s64 on_switch(u64 *ctx) {
  struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
  const u32 prev_state = ctx[3];
  const u64 now = bpf_ktime_get_ns();
  struct task_counts *t = prev->pid ? follow(prev, false) : NULL;
  if (t && t->since) {
    struct cpu_counts *c = here();
    const u64 ran = now - t->since;
    t->since = 0;
    c->cpu_ns += ran;
    if (t->outside) c->open_ns += ran;
    t->burst += ran;
    if (!t->begun) c->begun++;
    t->begun = 1;
    if (prev_state) {
      const u64 us = t->burst / 1000;
      c->sleeps++;
      c->bursts++;
      c->burst_ns += t->burst;
      c->burst_us2 += us * us;
      c->burst_hist[bucket_of(t->burst)]++;
      t->burst = 0;
      t->begun = t->outside = 0;
    }
  }
  t = next->pid ? follow(next, false) : NULL;
  if (t) t->since = now;
  return 0;
}

SEC("tp_btf/sched_waking") s64 on_waking(u64 *ctx) {
  struct task_struct *p = (void *)ctx[0];
  struct task_counts *t = follow(p, false);
  if (!t) return 0;
  int serving = 0;
  if (&pcpu_hot) {
    const struct pcpu_hot *hot = bpf_this_cpu_ptr(&pcpu_hot);
    serving = hot->preempt_count;
  }
  struct cpu_counts *c = here();
  if (serving & HARDIRQ_BITS) return 0;  // mostly its own timer
  if (serving & SOFTIRQ_BITS) {          // mostly the network
    const u64 now = bpf_ktime_get_ns(), before = data.last_arrival;
    data.last_arrival = now;
    t->outside = 1;
    c->arrivals++;
    if (before && now > before) {
      const u64 us = (now - before) / 1000;
      c->gap_ns += now - before;
      c->gap_us2 += us * us;
    }
    return 0;
  }
  struct task_struct *waker = bpf_get_current_task_btf();
  if (waker->pid == p->pid || !follow(waker, false)) return 0;
  c->wakes++;
  struct pair key = {waker->pid, p->pid};
  const u8 one = 1;
  if (!bpf_map_lookup_elem(&pairs, &key)) bpf_map_update_elem(&pairs, &key, &one, 0);
  return 0;
}

SEC("tp_btf/sched_process_fork") s64 on_fork(u64 *ctx) {
  struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1];
  follow(child, follow(parent, false) != NULL);
  return 0;
}

// Optional: the loader goes on without them.
SEC("kprobe") s64 on_yield(void *ctx) {
  struct task_struct *p = bpf_get_current_task_btf();
  if (follow(p, false)) here()->yields++;
  return 0;
}
SEC("kprobe") s64 on_futex(void *ctx) {
  struct task_struct *p = bpf_get_current_task_btf();
  if (follow(p, false)) here()->locks++;
  return 0;
}
