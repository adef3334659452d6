// How the simulated kernel finds what has gone wrong: starvation, lost wake-ups, its own bugs.
#include <fmt/format.h>

#include "sim/kernel.h"

namespace ose {

void Kernel::CheckWatchdog(const std::vector<Task>& tasks, Nanos patience) {
  for (const Task& t : tasks) {
    if (t.state != TaskState::kRunnable || now_ - t.runnable_since <= patience) continue;
    return Fail(Outcome::kStall, fmt::format("{} failed to run for {:.3f} s: runnable since {:.3f} ms, in {}; the "
                                             "watchdog ejects the policy after {:.1f} s",
                                             Name(&t), (now_ - t.runnable_since).s(), t.runnable_since.ms(),
                                             t.dsq ? fmt::format("queue {}", t.dsq->id) : "no queue", patience.s()));
  }
}

void Kernel::CheckInvariants(const std::vector<Task>& tasks) {
  int queued = global_.size(), runnable = 0, running = 0;
  for (Cpu& c : cpus_) {
    queued += c.local.size();
    if (c.curr && c.curr->state != TaskState::kRunning)
      return Fail(Outcome::kInternal, fmt::format("CPU {} runs {} which is not running", c.id, Name(c.curr)));
    running += c.curr != nullptr;
    if (const CpuTotals& t = c.totals; t.useful + t.overhead + t.idle != c.acct)
      return Fail(Outcome::kInternal, fmt::format("CPU {}: useful {} + overhead {} + idle {} is not {} ns", c.id, t.useful.v,
                                                  t.overhead.v, t.idle.v, c.acct.v));
  }
  for (const Dsq* q : user_dsqs_.all()) queued += q->size();
  for (const Task& t : tasks) {
    runnable += t.state == TaskState::kRunnable;
    running -= t.state == TaskState::kRunning;
    if ((t.state == TaskState::kRunnable) != (t.dsq != nullptr))
      return Fail(Outcome::kInternal, fmt::format("{} is {} a queue", Name(&t), t.dsq ? "asleep or running but in" : "runnable but not in"));
  }
  if (queued != runnable || runnable != nr_waiting_ || running != 0)
    Fail(Outcome::kInternal, fmt::format("{} tasks runnable, {} in queues, {} counted", runnable, queued, nr_waiting_));
}

void Kernel::EjectStalled(const std::vector<Task>& tasks) {
  for (const Task& t : tasks) {
    if (t.state != TaskState::kRunnable) continue;
    return Fail(Outcome::kStall,
                fmt::format("{} is runnable since {:.3f} ms in {} but every CPU is idle and nothing will wake one: dispatch() "
                            "does not look at that queue, or an idle CPU was not kicked",
                            Name(&t), t.runnable_since.ms(), t.dsq ? fmt::format("queue {}", t.dsq->id) : "no queue"));
  }
}

}  // namespace ose
