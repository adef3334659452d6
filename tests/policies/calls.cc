// Calls services a known number of times, for sim/machine_model_test.cc: the hooks that count are select_cpu
// (random 3 times, the state of CPU 0 and of CPU 1, a loop of 4) and enqueue (a kick of its own CPU).
#include <osevolve/policy.h>
using namespace osevolve;

struct CallsCpu {
  u64 value;
};

struct Calls : Policy<NoState, CallsCpu> {
  s32 init() { return dsq_create(1); }
  s32 select_cpu(Task t, s32 prev, u64 flags) {
    u64 sum = random() + random() + random() + cpu_state(0).value + cpu_state(1).value;
    for_n(4, [&](s32 i) { sum += static_cast<u64>(i); });
    cpu_state(0).value = sum;
    return prev;
  }
  void enqueue(Task t, u64 flags) {
    t.insert(1, 1'000'000, flags);
    kick_cpu(t.cpu());
  }
  void dispatch(s32 cpu) { dsq_move_to_local(1); }
};
OSEVOLVE_POLICY(Calls, "calls")
