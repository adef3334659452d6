// What the system calls of a program cost at least, whatever the policy: for bounds.
#ifndef OSEVOLVE_WORKLOAD_LEAST_CALLS_H_
#define OSEVOLVE_WORKLOAD_LEAST_CALLS_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {

// A CPU of the model decides at the instant of an event and pays afterwards. Who owes more than this has to pay first.
inline constexpr Nanos kMostDebt = Nanos::Micros(100);

// A yield, a put, a take and a sleep always enter the kernel (Engine::Advance); locks, semaphores and conditions may be
// settled in user space. A CPU pays for a call before it goes on with anybody's work, so
//   - all calls of a task, up to the work after them, are CPU time that somebody must spend;
//   - the task itself is delayed by those since it last slept, or by a switch to another CPU if that is cheaper.
// What a CPU owes at the end of a run is never paid: at most kMostDebt and one stretch of calls.
// Zero on machines with SMT: beside a busy sibling work is slowed down and calls are not.
class LeastCalls {
 public:
  LeastCalls() = default;
  explicit LeastCalls(const Machine& m) {
    if (m.smt == 2) return;
    yield_ = m.syscall.v;
    pipe_ = (m.syscall + m.pipe_op).v;
    sleep_ = (m.syscall + m.sleep_op).v;
    elsewhere_ = m.context_switch.v;
  }

  // ns of CPU of one operation.
  int64_t Of(const Op& op) const {
    switch (op.kind) {
      case OpKind::kYield: return yield_;
      case OpKind::kPut:
      case OpKind::kTake: return pipe_;
      case OpKind::kSleep: return op.drawn || op.ns > 0 ? sleep_ : 0;
      default: return 0;
    }
  }
  bool any() const { return pipe_ > 0 || sleep_ > 0; }

  // What a task has called since its last work.
  class Owed {
   public:
    bool empty() const { return cpu_ == 0; }
    void Add(int64_t call, bool sleeps) {
      cpu_ += call;
      delay_ = sleeps ? 0 : delay_ + call;
    }
    // At its next work: the CPU time, and the delay.
    std::pair<int64_t, int64_t> Pay(const LeastCalls& calls) {
      return {std::exchange(cpu_, 0), std::min(std::exchange(delay_, 0), calls.elsewhere_)};
    }

   private:
    int64_t cpu_ = 0, delay_ = 0;
  };

 private:
  int64_t yield_ = 0, pipe_ = 0, sleep_ = 0, elsewhere_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_LEAST_CALLS_H_
