// Records the order of hook calls in counters: used by sim/kernel_test.cc to compare with the
// order of kernel/sched/ext.c. Counter id = hook, value = sequence number of its first call.
#include <osevolve/policy.h>
using namespace osevolve;

struct Order : Policy<> {
  u64 seq;
  u32 seen;
  void note(u32 id) {
    if (seen & (1u << id)) return;
    seen = seen | (1u << id);
    seq = seq + 1;
    count(id, seq);
  }
  s32 init() { note(0); return dsq_create(1); }
  s32 init_task(Task t) { note(1); return 0; }
  void enable(Task t) { note(2); }
  s32 select_cpu(Task t, s32 prev, u64 flags) { note(3); return prev; }
  void runnable(Task t, u64 flags) { note(4); }
  void enqueue(Task t, u64 flags) { note(5); t.insert(1, 1'000'000, flags); }
  void dispatch(s32 cpu) { note(6); dsq_move_to_local(1); }
  void running(Task t) { note(7); }
  void tick(Task t) { note(8); }
  void stopping(Task t, bool runnable) { note(9); }
  void quiescent(Task t, u64 flags) { note(10); }
  void disable(Task t) { note(11); }
  void exit_task(Task t) { note(12); }
  void exit() { note(13); }
};
OSEVOLVE_POLICY(Order, "order")
