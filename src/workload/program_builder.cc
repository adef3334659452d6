#include "workload/program_builder.h"

#include <utility>

namespace ose {

void ProgramBuilder::FlushRun() {
  if (run_ > 0) ops_.push_back({.kind = OpKind::kRun, .ns = run_});
  run_ = 0;
}

void ProgramBuilder::FlushYields() {
  if (yields_ == 0) return;
  uint32_t n = std::exchange(yields_, 0);
  int64_t total = std::exchange(yields_run_, 0), mean = total / n, rest = total % n;
  Op run{.kind = OpKind::kRun, .ns = mean}, yield{.kind = OpKind::kYield};
  if (n < 3) {
    for (uint32_t i = 0; i < n; i++) {
      run.ns = mean + (i == 0 ? rest : 0);
      if (run.ns > 0) ops_.push_back(run);
      ops_.push_back(yield);
    }
    return;
  }
  run_ += rest;  // less than n ns: joins the next run, so that the total stays exact
  ops_.push_back({.kind = OpKind::kLoop, .count = n});
  if (mean > 0) ops_.push_back(run);
  ops_.push_back(yield);
  ops_.push_back({.kind = OpKind::kEndLoop});
}

void ProgramBuilder::Yield() {
  if (run_ < kShortBurst) {
    yields_++;
    yields_run_ += std::exchange(run_, 0);
    return;
  }
  Add({.kind = OpKind::kYield});
}

size_t ProgramBuilder::Add(Op op) {
  FlushYields();
  FlushRun();
  ops_.push_back(op);
  return ops_.size() - 1;
}

bool ProgramBuilder::Retract(size_t place) {
  if (yields_ != 0 || place + 1 != ops_.size()) return false;
  ops_.pop_back();
  return true;
}

std::vector<Op> ProgramBuilder::Take() {
  FlushYields();
  FlushRun();
  std::vector<Op> out;
  out.reserve(ops_.size());
  for (const Op& op : ops_) {
    // Reserved places that stayed empty are runs of 0 ns. A run after a kEndLoop is no part of
    // the loop, so only neighbours merge.
    if (op.kind == OpKind::kRun && op.ns == 0) continue;
    if (op.kind == OpKind::kRun && !out.empty() && out.back().kind == OpKind::kRun)
      out.back().ns += op.ns;
    else
      out.push_back(op);
  }
  *this = ProgramBuilder();
  return out;
}

}  // namespace ose
