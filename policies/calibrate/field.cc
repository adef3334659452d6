// For `osevolve calibrate`: plain.cc and a field of the task, 8 times.
#include <osevolve/policy.h>
using namespace osevolve;

struct Field : Policy<> {
  u64 sum;

  void enqueue(Task t, u64 enq_flags) {
    sum += t.run_total() + t.run_total() + t.run_total() + t.run_total();
    sum += t.run_total() + t.run_total() + t.run_total() + t.run_total();
    t.insert(kDsqLocal, kSliceDefault, enq_flags);
  }
};

OSEVOLVE_POLICY(Field, "calibrate-field")
