#include "workload/event_begin.h"

#include <algorithm>
#include <optional>

namespace ose {
namespace {

// The barrier right before the begin of the one event of a program without loops.
std::optional<uint32_t> BarrierBeforeOnlyEvent(const Group& gr) {
  if (gr.event != EventKind::kMarked) return {};
  std::optional<uint32_t> barrier;
  const Op* before = nullptr;
  for (const Op& op : gr.program) {
    if (op.kind == OpKind::kLoop) return {};
    if (op.kind == OpKind::kBegin) {
      if (barrier || !before || before->kind != OpKind::kBarrier) return {};
      barrier = before->object;
    }
    before = &op;
  }
  return barrier;
}

}  // namespace

Together EventsTogether(const Workload& w, std::span<const int> groups) {
  std::optional<uint32_t> barrier;
  bool zero = true, at_barrier = true;
  for (int g : groups) {
    const Group& gr = w.groups[static_cast<size_t>(g)];
    zero &= gr.event == EventKind::kIteration && !gr.forked && !gr.has_start;
    std::optional<uint32_t> b = BarrierBeforeOnlyEvent(gr);
    at_barrier &= b && (!barrier || *barrier == *b);
    barrier = b;
  }
  if (zero) return Together::kAtZero;
  if (!at_barrier) return Together::kNo;
  // Everybody who comes to the barrier comes once, and it lets all go at once.
  int64_t parties = 0;
  for (const Group& gr : w.groups) {
    auto uses = std::count_if(gr.program.begin(), gr.program.end(), [&](const Op& op) {
      return op.kind == OpKind::kBarrier && op.object == *barrier;
    });
    if (uses > 1 || (uses == 1 && std::any_of(gr.program.begin(), gr.program.end(),
                                              [](const Op& op) { return op.kind == OpKind::kLoop; })))
      return Together::kNo;
    if (uses == 1) parties += gr.count;
  }
  return parties == w.barriers[*barrier].parties ? Together::kAtBarrier : Together::kNo;
}

bool BeginsWithSwitch(const Group& gr) {
  if (gr.arrivals.kind != Arrivals::Kind::kNone || gr.event == EventKind::kNone) return false;
  if (gr.event == EventKind::kIteration) return !gr.repeat;
  const Op* before = nullptr;
  for (const Op& op : gr.program) {
    if (op.kind == OpKind::kBegin) {
      bool slept = before && before->kind == OpKind::kSleep && !before->drawn && before->ns > 0;
      bool started = !before && !gr.repeat;
      if (!slept && !started) return false;
    }
    before = &op;
  }
  return true;
}

}  // namespace ose
