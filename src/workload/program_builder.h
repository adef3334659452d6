// ProgramBuilder: collects what one recorded task did, in order, into a program of operations.
//
// Recordings can have millions of steps, so it keeps programs short where that changes nothing
// or next to nothing: neighbouring runs become one, runs of 0 ns disappear, and a stretch of
// short bursts that each end in sched_yield becomes a loop over their mean (a busy program
// yields a million times a second; the total of CPU time and the number of yields stay exact).
#ifndef OSEVOLVE_WORKLOAD_PROGRAM_BUILDER_H_
#define OSEVOLVE_WORKLOAD_PROGRAM_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "workload/workload.h"

namespace ose {

class ProgramBuilder {
 public:
  // Bursts below this are averaged when they end in a yield.
  static constexpr int64_t kShortBurst = 10'000;  // ns

  void Run(int64_t ns) { run_ += ns; }
  void Yield();
  // Appends an operation; returns its place, for Replace.
  size_t Add(Op op);
  // Reserves a place that is nothing until Replace gives it an operation.
  size_t Reserve() { return Add(Op{}); }
  void Replace(size_t place, const Op& op) { ops_[place] = op; }
  // Takes the last operation back if it is at `place` and nothing but running came after it.
  bool Retract(size_t place);

  bool empty() const { return ops_.empty() && run_ == 0 && yields_ == 0; }
  // The program, merged. The builder is empty afterwards.
  std::vector<Op> Take();

 private:
  void FlushYields();
  void FlushRun();

  std::vector<Op> ops_;
  int64_t run_ = 0;         // CPU time since the last operation
  uint32_t yields_ = 0;     // short bursts that ended in a yield, not in ops_ yet
  int64_t yields_run_ = 0;  // their CPU time
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_PROGRAM_BUILDER_H_
