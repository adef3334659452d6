// Operators that give a policy a hook that it lacks, or a rule at the beginning of one.
#include <fmt/format.h>

#include "mutate/patch.h"

namespace ose {
namespace {

// A queue that a hook without a CPU's queue at hand may look at: a constant.
std::string SharedQueue(const Program& p, Rng& rng) { return QueueFor(p, 0, -1, rng); }

std::optional<TreeChange> TickRule(Patch& patch) {
  Rng& rng = patch.rng();
  const std::string queue = SharedQueue(patch.program(), rng);
  if (queue.empty()) return std::nullopt;
  std::string condition, name;
  switch (rng.Below(4)) {
    case 0:
      name = "somebody waits";
      break;
    case 1: {
      std::string had = patch.Time("turn", 1'000, 20'000'000);
      MeasureTurns(patch);
      condition = fmt::format(" && before(cpu_state(t.cpu()).turn_began + {}, now())", had);
      name = "somebody waits and it had a turn";
      break;
    }
    case 2:
      condition = fmt::format(" && before(dsq_peek_vtime({}), t.vtime())", queue);
      name = "the first that waits comes before it";
      break;
    default: {
      Fact ran = Attained(patch);
      condition = fmt::format(" && {} > {}", ran.text, patch.Time("burst", 10'000, 50'000'000));
      name = "somebody waits and its burst is long";
    }
  }
  patch.InHook("tick", fmt::format("if (dsq_nr_queued({}) > 0{}) t.set_slice(0);\n", queue, condition));
  return patch.Take("tick: ends the turn if " + name);
}

// A task that starts while others wait lets the next one start soon.
std::optional<TreeChange> RunningRule(Patch& patch) {
  Rng& rng = patch.rng();
  const std::string queue = SharedQueue(patch.program(), rng);
  if (queue.empty()) return std::nullopt;
  if (rng.Below(3) == 0) {
    std::string cls = DrawClass(patch, "");
    patch.InHook("running", fmt::format("if (dsq_nr_queued({}) > 0 && {}) t.set_slice({});\n", queue, cls, DrawSlice(patch)));
    return patch.Take("running: another slice while somebody waits, if " + Brief(cls));
  }
  // Newcomers only: kicks for whoever runs would never end.
  const std::string next = rng.Below(2) ? "t.cpu()" : "t.cpu() + 1 < nr_cpus() ? t.cpu() + 1 : 0";
  Fact ran = Attained(patch);
  patch.InHook("running", fmt::format("if (dsq_nr_queued({}) > 0 && {} < {}) kick_cpu({}, kKickPreempt);\n", queue, ran.text, patch.Time("fresh", 1'000, 100'000), next));
  return patch.Take("running: a newcomer kicks a CPU while somebody waits");
}

// An idle CPU looks for work for a while before it halts, so that who wakes up soon finds it awake, without an interrupt and
// the way out of an idle state (halt polling: KVM's halt_poll_ns, drivers/cpuidle/governors/haltpoll.c).
std::optional<TreeChange> PollRule(Patch& patch) {
  const std::string queue = SharedQueue(patch.program(), patch.rng());
  if (queue.empty() || !patch.HasHook("dispatch")) return std::nullopt;
  if (!patch.CpuField("stopped_at", "when it last stopped running a task")) return std::nullopt;
  patch.InHook("stopping", "cpu_state(t.cpu()).stopped_at = now();\n", true);
  patch.InHook("dispatch", fmt::format("if (dsq_nr_queued({}) == 0 && before(now(), cpu_state(this_cpu()).stopped_at + {})) kick_cpu(this_cpu(), 0);\n", queue,
                                       patch.Time("poll", 1'000, 2'000'000)));
  return patch.Take("an idle CPU looks for work for a while before it halts");
}

// Virtual time that a policy without one keeps: charged by use, scaled by weight or not.
std::optional<TreeChange> ChargeRule(Patch& patch) {
  Rng& rng = patch.rng();
  if (patch.HasHook("stopping") && !patch.CanHook("stopping")) return std::nullopt;
  if (!patch.TaskField("charged", "run_total() that the virtual time accounts for")) return std::nullopt;
  const std::string charge = rng.Below(2) ? "udiv((t.run_total() - t->charged) * 100, t.weight())" : "t.run_total() - t->charged";
  const bool fresh = patch.TaskField("virtual_time", "grows with use");
  if (!fresh) return std::nullopt;
  patch.InHook("stopping", fmt::format("t->virtual_time += {};\nt->charged = t.run_total();\n", charge), true);
  // Who slept keeps at most a credit against the clock of the queue.
  const bool has_clock = patch.Member("virtual_now", "virtual time of whoever ran furthest");
  patch.InHook("running", "if (before(virtual_now, t->virtual_time)) virtual_now = t->virtual_time;\n", true);
  (void)has_clock;
  patch.OnWakeup(fmt::format("{{\n  u64 least = virtual_now - {};\n  if (before(t->virtual_time, least)) t->virtual_time = least;\n}}", patch.Time("credit", 10'000, 100'000'000)));
  // And orders by it.
  const Program& p = patch.program();
  const Call* only = nullptr;
  int inserts = 0;
  for (const Call& c : p.calls)
    if ((c.name == "insert" || c.name == "insert_vtime") && !c.args.empty() && !IsBuiltinQueue(p.Text(c.args[0]))) {
      ++inserts;
      only = &c;
    }
  if (inserts != 1 || only->block < 0 || only->args.size() < 2) return std::nullopt;
  if (only->name == "insert_vtime") {
    if (only->args.size() < 3) return std::nullopt;
    patch.Replace(only->args[2], "t->virtual_time");
  } else {
    size_t at = p.source.rfind("insert", only->args[0].begin);
    if (at == p.source.npos || at < only->range.begin) return std::nullopt;
    patch.Replace({at, at + 6}, "insert_vtime");
    patch.Replace({only->args[1].end, only->args[1].end}, ", t->virtual_time");
  }
  return patch.Take("the queue is ordered by virtual time, charged in stopping()");
}

}  // namespace

std::optional<TreeChange> HookRule(const Program& p, const Mates&, Rng& rng) {
  Patch patch(p, rng);
  switch (rng.Below(6)) {
    case 0:
      return ChargeRule(patch);
    case 1:
    case 2:
      return RunningRule(patch);
    case 3:
      return PollRule(patch);
    default:
      return TickRule(patch);
  }
}

}  // namespace ose
