// For `osevolve calibrate`: plain.cc with 24 calls more at a switch, of the kinds that policies make most.
#include <osevolve/policy.h>
using namespace osevolve;

struct CallsTask {
  u64 seen;
};

struct CallsCpu {
  u64 seen;
};

struct Calls : Policy<CallsTask, CallsCpu> {
  void enqueue(Task t, u64 enq_flags) {
    // Six calls each time: the time, two fields of the task, this CPU and its state, the length of a queue.
    for_n(4, [&](s32 i) {
      u64 x = now() + t.run_total() + t.weight() + static_cast<u64>(dsq_nr_queued(kDsqLocal));
      cpu_state(this_cpu()).seen += x + static_cast<u64>(i);
      t->seen += x;
    });
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Calls, "calibrate-calls")
