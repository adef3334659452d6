// For `osevolve calibrate`: plain.cc with two hooks more at a switch, which count in the task's state.
#include <osevolve/policy.h>
using namespace osevolve;

struct HooksTask {
  u64 started, ended;
};

struct Hooks : Policy<HooksTask> {
  void enqueue(Task t, u64 enq_flags) { t.insert(kDsqLocal, kSliceDefault, enq_flags); }
  void running(Task t) { ++t->started; }
  void stopping(Task t, bool runnable) { t->ended += runnable; }
};

OSEVOLVE_POLICY(Hooks, "calibrate-hooks")
