// An idle CPU looks for work again and again, for sim/machine_model_test.cc.
#include <osevolve/policy.h>
using namespace osevolve;

struct Polls : Policy<> {
  s32 init() { return dsq_create(1); }
  void enqueue(Task t, u64 flags) { t.insert(1, 1'000'000, flags); }
  void dispatch(s32 cpu) {
    if (!dsq_move_to_local(1)) kick_cpu(cpu);
  }
};
OSEVOLVE_POLICY(Polls, "polls")
