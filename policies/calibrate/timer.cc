// For `osevolve calibrate`: plain.cc, and setting the timer, to a time that never comes.
#include <osevolve/policy.h>
using namespace osevolve;

struct Timer : Policy<> {
  void enqueue(Task t, u64 enq_flags) {
    timer_start(60'000'000'000);
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Timer, "calibrate-timer")
