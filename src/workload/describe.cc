#include "workload/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/metrics.h"

namespace ose {
namespace {

// Programs with more operations are summed up.
constexpr size_t kListedOps = 24;

// "4.9 ms", "800 ns": three significant digits in the unit that reads best.
std::string Time(double ns) {
  if (ns < 1e3) return fmt::format("{:.3g} ns", ns);
  if (ns < 1e6) return fmt::format("{:.3g} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.3g} ms", ns / 1e6);
  return fmt::format("{:.3g} s", ns / 1e9);
}

std::string DistText(const Dist& d) {
  switch (d.kind) {
    case Dist::Kind::kConstant: return Time(d.a);
    case Dist::Kind::kUniform: return fmt::format("{} to {} (uniform)", Time(d.a), Time(d.b));
    case Dist::Kind::kExponential: return fmt::format("exponential, mean {}", Time(d.a));
    case Dist::Kind::kLognormal: return fmt::format("lognormal, mean {}, coefficient of variation {:.3g}", Time(d.a), d.b);
    case Dist::Kind::kPareto: return fmt::format("Pareto, at least {}, shape {:.3g}, mean {}", Time(d.a), d.b, Time(d.Mean()));
    case Dist::Kind::kMix: {
      double total = 0;
      for (double w : d.weight) total += w;
      std::string text;
      for (size_t i = 0; i < d.value.size() && i < 8; ++i)
        text += fmt::format("{}{} in {:.4g}%", i ? ", " : "", Time(d.value[i]), 100 * d.weight[i] / total);
      if (d.value.size() > 8) text += fmt::format(" and {} more values", d.value.size() - 8);
      return text + fmt::format("; mean {}", Time(d.Mean()));
    }
    case Dist::Kind::kQuantiles: {
      std::string text = "empirical";
      for (size_t i = 0; i < d.value.size() && i < 8; ++i) text += fmt::format(", p{:.4g} {}", 100 * d.weight[i], Time(d.value[i]));
      return text + fmt::format("; mean {}", Time(d.Mean()));
    }
  }
  return "?";
}

std::string Name(const std::vector<std::string>& names, uint32_t i) { return i < names.size() ? names[i] : fmt::format("{}", i); }

std::string OpText(const Workload& w, const Op& op) {
  auto duration = [&] { return op.drawn ? DistText(w.dists[op.object]) : Time(static_cast<double>(op.ns)); };
  switch (op.kind) {
    case OpKind::kRun: return "use the CPU for " + duration();
    case OpKind::kSleep: return "sleep for " + duration();
    case OpKind::kTimer: return "sleep until " + duration() + " after the start";
    case OpKind::kLock: return "lock " + Name(w.locks, op.object);
    case OpKind::kUnlock: return "unlock " + Name(w.locks, op.object);
    case OpKind::kWait: return "wait for semaphore " + Name(w.semaphores, op.object);
    case OpKind::kSignal: return fmt::format("signal semaphore {}{}", Name(w.semaphores, op.object), op.count > 1 ? fmt::format(" {} times", op.count) : "");
    case OpKind::kBarrier: return fmt::format("meet at barrier {} ({} parties)", w.barriers[op.object].name, w.barriers[op.object].parties);
    case OpKind::kYield: return "yield";
    case OpKind::kFork: return "start a task of " + w.groups[op.object].name;
    case OpKind::kPut: return "put into queue " + w.queues[op.object].name;
    case OpKind::kTake: return "take from queue " + w.queues[op.object].name;
    case OpKind::kBegin: return "(the event begins)";
    case OpKind::kEnd: return "(the event ends)";
    case OpKind::kLoop: return fmt::format("{} times [", op.count);
    case OpKind::kEndLoop: return "]";
    case OpKind::kSpin: return "use the CPU until " + duration() + " of time have passed";
    case OpKind::kPeriod: return fmt::format("sleep until the next period of {} is due", Time(static_cast<double>(op.ns)));
    case OpKind::kCondWait:
      return fmt::format("wait for condition {}{}", Name(w.conditions, op.object), op.count ? ", releasing lock " + Name(w.locks, op.count - 1) : "");
    case OpKind::kCondSignal: return "signal condition " + Name(w.conditions, op.object);
    case OpKind::kCondBroadcast: return "signal condition " + Name(w.conditions, op.object) + " to all";
  }
  return "?";
}

// A long program, by what it does and how often.
std::string Summary(const Group& g) {
  std::map<OpKind, int64_t> counts;
  std::vector<int64_t> bursts;
  for (const Op& op : g.program) {
    ++counts[op.kind];
    if (op.kind == OpKind::kRun && !op.drawn) bursts.push_back(op.ns);
  }
  std::string text = fmt::format("{} operations: {} CPU bursts", g.program.size(), counts[OpKind::kRun]);
  if (!bursts.empty()) {
    std::sort(bursts.begin(), bursts.end());
    auto at = [&](double p) { return Time(static_cast<double>(bursts[static_cast<size_t>(p * static_cast<double>(bursts.size() - 1))])); };
    text += fmt::format(" (p10 {}, p50 {}, p90 {}, p99 {}, max {})", at(0.1), at(0.5), at(0.9), at(0.99), at(1));
  }
  const std::pair<OpKind, const char*> others[] = {
      {OpKind::kSleep, "sleeps"}, {OpKind::kTimer, "timed sleeps"}, {OpKind::kLock, "lock acquisitions"}, {OpKind::kWait, "waits for another task"},
      {OpKind::kSignal, "wake-ups of other tasks"}, {OpKind::kBarrier, "barriers"}, {OpKind::kYield, "yields"}, {OpKind::kFork, "forks"},
      {OpKind::kPut, "queue puts"}, {OpKind::kTake, "queue takes"}, {OpKind::kSpin, "spins"}, {OpKind::kPeriod, "periods"},
      {OpKind::kCondWait, "waits for a condition"}, {OpKind::kCondSignal, "condition signals"}, {OpKind::kCondBroadcast, "condition broadcasts"}};
  for (auto& [kind, name] : others)
    if (counts[kind]) text += fmt::format(", {} {}", counts[kind], name);
  return text;
}

std::string ArrivalText(const Arrivals& a) {
  std::string text = a.kind == Arrivals::Kind::kPeriodic ? "periodically" : "as a Poisson process";
  if (!a.states.empty()) {
    text += a.kind == Arrivals::Kind::kMmpp ? " whose rate changes at random (" : " whose rate changes over time (";
    for (size_t i = 0; i < a.states.size() && i < 8; ++i)
      text += fmt::format("{}{} for {}{}", i ? ", " : "", a.states[i].load > 0 ? fmt::format("load {:.3g}", a.states[i].load) : fmt::format("{:.6g}/s", a.states[i].rate_per_s),
                          a.kind == Arrivals::Kind::kMmpp ? "about " : "", Time(static_cast<double>(a.states[i].ns)));
    text += ")";
  }
  if (a.batch > 1) text += fmt::format(", {}{:.4g} at once", a.batch_geometric ? "about " : "", a.batch);
  return text + (a.states.empty() ? "" : ", in the mean");
}

std::string GroupText(const Workload& w, const Machine& m, const Group& g) {
  std::string text = fmt::format("- {} {} of group \"{}\"", g.count, g.count == 1 ? "task" : "tasks", g.name);
  if (g.weight != 100) text += fmt::format(", weight {}", g.weight);
  if (!g.affinity.empty()) text += fmt::format(", allowed on {} of {} CPUs (first: {})", g.affinity.size(), m.cpus, g.affinity[0]);
  if (g.working_set_kb) text += fmt::format(", working set {} KiB", g.working_set_kb);
  if (g.forked) text += ", each started by a fork";
  if (g.has_start) text += fmt::format(", starting after {}", DistText(g.start));
  if (!g.measured) text += ", not measured";
  text += ".\n  ";
  const double work = MeanWork(w, g);
  if (g.arrivals.kind != Arrivals::Kind::kNone) {
    const double rate = ArrivalRate(w, g, m.cpus);
    text += fmt::format("Requests arrive {} at {:.6g}/s ({:.3g}% of all CPUs' time); an idle task of the group serves each, else it queues. One request: ",
                        ArrivalText(g.arrivals), rate, rate * work / m.cpus / 1e7);
  } else {
    text += g.repeat ? "Over and over: " : "Once: ";
  }
  if (g.program.size() > kListedOps) {
    text += Summary(g);
  } else {
    for (size_t i = 0; i < g.program.size(); ++i) {
      const bool opens = i > 0 && g.program[i - 1].kind == OpKind::kLoop;
      text += (i == 0 || opens || g.program[i].kind == OpKind::kEndLoop ? "" : "; ") + OpText(w, g.program[i]);
    }
  }
  return text + fmt::format(". Mean CPU work of one pass: {}.\n", Time(work));
}

}  // namespace

std::string DescribeWorkload(const Workload& w, const Machine& m) {
  std::string text = fmt::format("\"{}\"{}{}\n", w.name, w.description.empty() ? "" : ": ", w.description);
  text += fmt::format("{} tasks on {} CPUs; ", w.TaskCount(), m.cpus);
  text += w.run_to_completion ? "the run ends when every task has ended.\n"
                              : fmt::format("the run lasts {}, the first {} are not measured.\n", Time(static_cast<double>(w.horizon.v)), Time(static_cast<double>(w.warmup.v)));
  constexpr size_t kListedGroups = 16;
  for (size_t i = 0; i < std::min(w.groups.size(), kListedGroups); ++i) text += GroupText(w, m, w.groups[i]);
  if (w.groups.size() > kListedGroups) text += fmt::format("- and {} more groups of tasks.\n", w.groups.size() - kListedGroups);
  if (w.recorded.present)
    text += fmt::format("It replays a recording of `{:.200}`: {} runs and {} sleeps in {:.6g} ms.\n", w.recorded.command, w.recorded.runs, w.recorded.sleeps, w.recorded.span_us / 1e3);
  text += "Objectives, combined as a weighted geometric mean of how near each is to its bound:\n";
  for (const Objective& o : w.objectives) {
    const MetricInfo* info = FindMetric(o.metric);
    text += fmt::format("- {} {}, weight {:.3g}{}{}\n", o.direction == Direction::kMaximize ? "maximise" : "minimise", o.metric, o.weight, info ? ": " : "", info ? info->what : "");
  }
  return text;
}

std::string DescribeMachine(const Machine& m) {
  auto t = [](Nanos n) { return Time(static_cast<double>(n.v)); };
  std::string text = fmt::format("\"{}\"{}{}\n{} CPUs", m.name, m.description.empty() ? "" : ": ", m.description, m.cpus);
  text += m.smt == 2 ? ", two hardware threads a core" : ", no SMT";
  text += m.cpus_per_llc && m.cpus_per_llc < m.cpus ? fmt::format(", {} CPUs a last-level cache", m.cpus_per_llc) : ", one last-level cache";
  text += m.cpus_per_node && m.cpus_per_node < m.cpus ? fmt::format(", {} CPUs a NUMA node.\n", m.cpus_per_node) : ", one NUMA node.\n";
  text += m.tick.v ? fmt::format("A slice ends on the first tick ({} apart) after it is used up.\n", t(m.tick))
                   : fmt::format("Slices end precisely, at {} or later; there are no ticks.\n", t(m.min_slice));
  text += fmt::format("Costs: context switch {}, wake-up {} (waker), inter-processor interrupt {} until it arrives, {} on the busy CPU that it interrupts{}, idle exit {}, each hook {}, each queue operation {} (+{} for another CPU's), kick {};\n",
                      t(m.context_switch), t(m.wakeup), t(m.ipi), t(m.interrupt), m.tick.v ? "" : " (so does the end of a slice)", t(m.idle_exit), t(m.hook), t(m.dsq_op), t(m.remote), t(m.kick));
  text += fmt::format("running on another CPU than before: {} within the cache, {} within the node, {} across, plus {:.3g} ns per KiB of working set ({:.3g} from afar).\n",
                      t(m.migration_core), t(m.migration_llc), t(m.migration_node), m.refill_ns_per_kb_llc, m.refill_ns_per_kb_far);
  text += fmt::format("A task that is runnable for {} without running ejects the policy.\n", t(m.watchdog));
  return text;
}

}  // namespace ose
