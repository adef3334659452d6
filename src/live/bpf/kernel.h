// kernel.h: what the glue touches of the kernel, declared by hand. CO-RE (preserve_access_index) makes libbpf
// find each field in the running kernel's BTF by name, so nothing here depends on a kernel version or on
// headers generated for one. Sources: Linux 6.12 include/linux/sched.h, include/linux/sched/ext.h,
// kernel/sched/ext.c; names of later kernels are weak and used when they are there.
#ifndef OSEVOLVE_LIVE_BPF_KERNEL_H_
#define OSEVOLVE_LIVE_BPF_KERNEL_H_

typedef unsigned long long u64;
typedef long long s64;
typedef unsigned int u32;
typedef int s32;
typedef unsigned char u8;
#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define INLINE static inline __attribute__((always_inline))
// Called by the policy's bitcode, so with external linkage until both are one; then inlined.
#define SERVICE __attribute__((always_inline))
#define barrier_var(x) __asm__ volatile("" : "+r"(x))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct cpumask {
  unsigned long bits[1];  // never read: the kernel's functions do
};
struct sched_entity {
  u64 sum_exec_runtime;
};
struct sched_info {
  unsigned long long run_delay;
};
struct sched_ext_entity {
  u32 flags;
  u32 dsq_flags;
  u32 weight;
  u64 slice;
  u64 dsq_vtime;
};
struct task_struct {
  int static_prio;
  int pid;
  int tgid;
  unsigned flags;
  char comm[16];
  int nr_cpus_allowed;
  const struct cpumask *cpus_ptr;
  struct sched_entity se;
  struct sched_info sched_info;
  struct sched_ext_entity scx;
};
struct rq {
  struct task_struct *curr;
};
enum scx_exit_kind { kExitNone };  // the name matters, the values do not
struct scx_exit_info {
  enum scx_exit_kind kind;
  s64 exit_code;
  const char *reason;
  char *msg;
  char *dump;
};
#pragma clang attribute pop

struct scx_init_task_args;
struct scx_exit_task_args;

// Bits of sched_ext_entity.flags and .dsq_flags (the enums are anonymous or private, so no CO-RE).
enum { kTaskQueued = 1 << 0, kTaskOnPriorityQueue = 1 << 0 };
enum { kEnoMem = 12, kEBusy = 16, kEInval = 22 };

// The members that the glue sets; libbpf matches them with the kernel's by name.
struct sched_ext_ops {
  s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
  void (*enqueue)(struct task_struct *p, u64 enq_flags);
  void (*dequeue)(struct task_struct *p, u64 deq_flags);
  void (*dispatch)(s32 cpu, struct task_struct *prev);
  void (*tick)(struct task_struct *p);
  void (*runnable)(struct task_struct *p, u64 enq_flags);
  void (*running)(struct task_struct *p);
  void (*stopping)(struct task_struct *p, bool runnable);
  void (*quiescent)(struct task_struct *p, u64 deq_flags);
  bool (*yield)(struct task_struct *from, struct task_struct *to);
  void (*set_weight)(struct task_struct *p, u32 weight);
  void (*set_cpumask)(struct task_struct *p, const struct cpumask *cpumask);
  void (*update_idle)(s32 cpu, bool idle);
  s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
  void (*exit_task)(struct task_struct *p, struct scx_exit_task_args *args);
  void (*enable)(struct task_struct *p);
  void (*disable)(struct task_struct *p);
  void (*cpu_online)(s32 cpu);
  void (*cpu_offline)(s32 cpu);
  s32 (*init)(void);
  void (*exit)(struct scx_exit_info *info);
  u64 flags;
  u32 timeout_ms;
  char name[128];
};

// Helpers, by their numbers in include/uapi/linux/bpf.h.
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_probe_read_kernel_str)(void *dst, u32 size, const void *from) = (void *)115;
static void *(*const bpf_task_storage_get)(void *map, struct task_struct *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
struct bpf_timer {
  u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_dynptr {
  u64 opaque[2];
} __attribute__((aligned(8)));
static void *(*const bpf_ringbuf_reserve)(void *map, u64 bytes, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static u64 (*const bpf_ringbuf_query)(void *map, u64 what) = (void *)134;
static long (*const bpf_timer_init)(struct bpf_timer *timer, void *map, u64 clock) = (void *)169;
static long (*const bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*const bpf_timer_start)(struct bpf_timer *timer, u64 ns, u64 flags) = (void *)171;
static long (*const bpf_dynptr_read)(void *dst, u32 bytes, const struct bpf_dynptr *from, u32 offset, u64 flags) = (void *)201;
static long (*const bpf_user_ringbuf_drain)(void *map, void *callback, void *context, u64 flags) = (void *)209;

// Kernel functions.
struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
void bpf_task_release(struct task_struct *p) __ksym;
s32 scx_bpf_create_dsq(u64 dsq, s32 node) __ksym;
s32 scx_bpf_dsq_nr_queued(u64 dsq) __ksym;
bool scx_bpf_test_and_clear_cpu_idle(s32 cpu) __ksym;
s32 scx_bpf_pick_idle_cpu(const struct cpumask *allowed, u64 flags) __ksym;
s32 scx_bpf_select_cpu_dfl(struct task_struct *p, s32 prev_cpu, u64 wake_flags, bool *is_idle) __ksym;
void scx_bpf_kick_cpu(s32 cpu, u64 flags) __ksym;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
const struct cpumask *scx_bpf_get_idle_cpumask(void) __ksym;
void scx_bpf_put_idle_cpumask(const struct cpumask *idle) __ksym;
struct rq *scx_bpf_cpu_rq(s32 cpu) __ksym;
bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;
// 6.12, and their names since 6.13.
void scx_bpf_dispatch(struct task_struct *p, u64 dsq, u64 slice, u64 flags) __ksym __weak;
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq, u64 slice, u64 flags) __ksym __weak;
void scx_bpf_dispatch_vtime(struct task_struct *p, u64 dsq, u64 slice, u64 vtime, u64 flags) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq, u64 slice, u64 vtime, u64 flags) __ksym __weak;
bool scx_bpf_consume(u64 dsq) __ksym __weak;
bool scx_bpf_dsq_move_to_local(u64 dsq) __ksym __weak;
u64 scx_bpf_now(void) __ksym __weak;  // since 6.14

struct bpf_iter_num {
  u64 opaque[1];
} __attribute__((aligned(8)));
int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
struct bpf_iter_scx_dsq {
  u64 opaque[6];
} __attribute__((aligned(8)));
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq, u64 flags) __ksym;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;
// 6.12, and their names since 6.13.
void scx_bpf_dispatch_from_dsq_set_slice(struct bpf_iter_scx_dsq *it, u64 slice) __ksym __weak;
void scx_bpf_dsq_move_set_slice(struct bpf_iter_scx_dsq *it, u64 slice) __ksym __weak;
bool scx_bpf_dispatch_from_dsq(struct bpf_iter_scx_dsq *it, struct task_struct *p, u64 dsq, u64 flags) __ksym __weak;
bool scx_bpf_dsq_move(struct bpf_iter_scx_dsq *it, struct task_struct *p, u64 dsq, u64 flags) __ksym __weak;

enum bpf_map_type_used { kMapHash = 1, kMapArray = 2, kMapRingbuf = 27, kMapTaskStorage = 29, kMapUserRingbuf = 31 };
enum { kMapNoPrealloc = 1, kMapMmapable = 1 << 10, kStorageCreate = 1, kClockMonotonic = 1 };
enum { kRingNoWakeup = 1, kRingForceWakeup = 2, kRingAvailable = 0 };

#endif  // OSEVOLVE_LIVE_BPF_KERNEL_H_
