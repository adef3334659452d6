// Walking a group's program without a scheduler: what its operations are in order, and what a
// pass needs in the mean. Bounds and signatures are built on this.
#ifndef OSEVOLVE_WORKLOAD_PROGRAM_H_
#define OSEVOLVE_WORKLOAD_PROGRAM_H_

#include <cstdint>
#include <vector>

#include "workload/draw.h"
#include "workload/workload.h"

namespace ose {

// Steps through a program once, loops unrolled. Points into the program, which must outlive it.
class ProgramCursor {
 public:
  explicit ProgramCursor(const std::vector<Op>& program) : program_(&program) {}

  // The next operation that is not a loop's bracket, or null at the end (again and again).
  const Op* Next() {
    while (pc_ < program_->size()) {
      const Op& op = (*program_)[pc_++];
      if (op.kind == OpKind::kLoop) {
        if (op.count > 0)
          loops_.push_back({pc_, op.count});
        else
          SkipBody();
      } else if (op.kind == OpKind::kEndLoop) {
        if (loops_.empty()) continue;
        if (--loops_.back().left > 0 && loops_.back().body + 1 < pc_)
          pc_ = loops_.back().body;
        else
          loops_.pop_back();
      } else {
        return &op;
      }
    }
    return nullptr;
  }
  void Restart() { pc_ = 0; }

 private:
  struct Loop {
    size_t body;
    uint32_t left;
  };
  void SkipBody() {
    for (int depth = 1; depth > 0 && pc_ < program_->size(); ++pc_) {
      if ((*program_)[pc_].kind == OpKind::kLoop) ++depth;
      if ((*program_)[pc_].kind == OpKind::kEndLoop) --depth;
    }
  }
  const std::vector<Op>* program_;
  size_t pc_ = 0;
  std::vector<Loop> loops_;
};

// One Sampler for each of the workload's distributions.
std::vector<Sampler> MakeSamplers(const Workload& workload);

// The duration of a kRun, kSpin or kSleep, drawn if it is to be drawn.
inline int64_t OpNanos(const Op& op, const std::vector<Sampler>& samplers, Rng& rng) {
  return op.drawn ? samplers[op.object](rng) : op.ns;
}

// The hint of a group with hint_is_work: the CPU work in ns of the next pass of `program` that draws from `rng`,
// at most 2^32 - 1. It looks ahead in a copy of the generator, so that what is drawn stays the same.
uint32_t WorkHint(const std::vector<Op>& program, const std::vector<Sampler>& samplers, Rng rng);

// The least that a distribution can give, ns.
double LeastNs(const Dist& dist);

// Mean totals of one pass of a program, loops multiplied out.
struct PassTotals {
  double ops = 0;     // operations walked
  double work = 0;    // ns of kRun
  double sleep = 0;   // ns of kSleep
  double spin = 0;    // ns of kSpin: no schedule ends it sooner
  double period = 0;  // ns of kPeriod
  double events = 0;  // ended
  double blocks = 0;  // operations that put the task to sleep, or may: kSleep, kTimer, kPeriod, kWait, kCondWait, kBarrier, kTake
  double wakes = 0;   // wake-ups of others: kSignal by its count, kPut, kCondSignal, kCondBroadcast, kBarrier by (parties - 1) / parties
  double locks = 0, yields = 0;
  double full = 0;    // kPut into bounded queues, each of which may block
  bool drawn = false;  // some duration is drawn
};
PassTotals TotalsOfPass(const Workload& workload, const Group& group);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_PROGRAM_H_
