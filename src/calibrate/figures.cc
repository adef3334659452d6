#include "calibrate/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ose {
namespace {

constexpr double kCost = 0.25, kLatency = 0.5;
constexpr int kUnknownL2Kb = 512;
const char kCostRule[] = "lower quartile";
const char kLatencyRule[] = "median";

using View = SampleView;

double Call(const View& v) { return v.Quantile("call", kCost); }
double Switch(const View& v) {
  return v.Quantile("yield_ns_per_switch", kCost) - v.Quantile("yields_per_switch", kLatency) * Call(v);
}
double Wakeup(const View& v) { return v.Quantile("pipe_hop", kCost) - v.Quantile("pipe_calls", kCost) - Switch(v); }
double Ipi(const View& v) { return v.Quantile("ipi_latency", kLatency) - Call(v); }
double WakeIdle(const View& v) { return (v.Quantile("wake_idle_short", kLatency) + v.Quantile("wake_idle_long", kLatency)) / 2; }
double IdleExit(const View& v) { return WakeIdle(v) - Ipi(v) - Switch(v); }
double Kick(const View& v) { return v.Quantile("waker_busy", kCost) - v.Quantile("futex_call", kCost) - Wakeup(v); }
double WakeupIdle(const View& v) { return v.Quantile("waker_idle", kCost) - v.Quantile("futex_call", kCost) - Wakeup(v); }
double FutexWakeup(const View& v) { return v.Quantile("wake_here", kCost) - v.Quantile("futex_call", kCost); }

Samples::Formula QuantileOf(std::string series, double p) {
  return [series = std::move(series), p](const View& v) { return v.Quantile(series, p); };
}
Samples::Formula MeanOf(std::string series) {
  return [series = std::move(series)](const View& v) { return v.Mean(series); };
}

Recipe NotMeasured(std::string table, std::string key, std::string unit, std::string why) {
  return {std::move(table), std::move(key), std::move(unit), 0, {}, {}, std::move(why)};
}

Recipe Move(std::string key, Distance d, bool there, const char* without) {
  if (!there) return NotMeasured("cost", std::move(key), "ns", without);
  const std::string moved = fmt::format("moved_{}", DistanceName(d)), stayed = fmt::format("stayed_{}", DistanceName(d));
  return {"cost", std::move(key), "ns", kProbeMove, {moved, stayed},
          [=](const View& v) { return v.Quantile(moved, kLatency) - v.Quantile(stayed, kLatency); },
          "sleeping and waking on another CPU than before, less the same on one, in CPU time; median", true};
}

std::string RefillSeries(Distance d, int kb) { return fmt::format("refill_{}_{}", DistanceName(d), kb); }

int FigureSizeKb(const Topology& t) {
  const int64_t half = (t.l2_kb > 0 ? t.l2_kb : kUnknownL2Kb) / 2;
  int size = 0;
  for (int kb : RefillSizesKb(t))
    if (kb <= half || size == 0) size = kb;
  return size;
}

Recipe Refill(std::string key, Distance d, const Topology& t) {
  const int size = FigureSizeKb(t);
  return {"cost", std::move(key), "ns/KiB", kProbeRefill, {RefillSeries(d, size)}, QuantileOf(RefillSeries(d, size), kLatency),
          fmt::format("working through {} KiB that the other CPU has just worked through, less the same again; {}", size, kLatencyRule)};
}

bool SmallDifference(double a, double b) { return std::max(a, b) <= 2 * std::max(1.0, std::min(a, b)); }

}  // namespace

std::vector<int> RefillSizesKb(const Topology& t) {
  std::vector<int> sizes = {16, 64, 256, 1024};
  const int64_t most = t.l2_kb > 0 ? t.l2_kb : kUnknownL2Kb;
  while (sizes.size() > 1 && sizes.back() > most) sizes.pop_back();
  return sizes;
}

std::vector<Recipe> Recipes(const Surroundings& where) {
  const Topology& t = where.topology;
  const auto has = [&](Distance d) { return PairAt(t, where.usable, d).has_value(); };
  const bool sibling = has(Distance::kSibling), cache = has(Distance::kCache), node = has(Distance::kNode), far = has(Distance::kFar);
  const bool pair = where.usable.size() > 1;
  const Distance near = cache ? Distance::kCache : sibling ? Distance::kSibling : Distance::kNode;
  const std::string line = fmt::format("line_{}", DistanceName(near));
  const char kOneCpu[] = "only one CPU may be used";
  std::vector<Recipe> r;

  r.push_back({"cost", "context_switch", "ns", kProbeYield | kProbeCalls, {"yield_ns_per_switch", "yields_per_switch", "call"}, Switch,
               fmt::format("128 yields between two threads of one CPU, a switch, less the system calls; {}", kCostRule), true});
  r.push_back({"cost", "wakeup", "ns", kProbePipe | kProbeYield | kProbeCalls, {"pipe_hop", "pipe_calls", "yield_ns_per_switch"}, Wakeup,
               fmt::format("50 times a byte by pipe to another thread of the CPU and back, each, less the calls and context_switch: with what sleeping costs; {}", kCostRule), true});
  if (pair) {
    r.push_back({"cost", "ipi", "ns", kProbeInterrupts | kProbeCalls, {"ipi_latency", "call"}, Ipi,
                 fmt::format("membarrier() until another CPU that spins stops, less a system call; {}", kLatencyRule), true});
    r.push_back({"cost", "interrupt", "ns", kProbeInterrupts, {"ipi_gap"}, QuantileOf("ipi_gap", kLatency),
                 fmt::format("the gap that this makes in the other CPU's spinning; {}", kLatencyRule)});
    r.push_back({"cost", "idle_exit", "ns", kProbeWakeThere | kProbeInterrupts | kProbeYield | kProbeCalls,
                 {"wake_idle_short", "wake_idle_long", "ipi_latency"}, IdleExit,
                 "waking a thread of a CPU idle for 0.1 ms until it runs (and for 2 ms: mean of both medians), less ipi and context_switch", true});
  } else {
    for (const char* key : {"ipi", "interrupt", "idle_exit"}) r.push_back(NotMeasured("cost", key, "ns", kOneCpu));
  }
  r.push_back(Move("migration_core", near, pair && near != Distance::kNode, "no two CPUs share a cache"));
  r.push_back(Move("migration_llc", Distance::kNode, node, "only one last-level cache in a node"));
  r.push_back(Move("migration_node", Distance::kFar, far, "only one node"));
  if (pair && near != Distance::kNode) r.push_back(Refill("refill_ns_per_kb_llc", near, t));
  else r.push_back(NotMeasured("cost", "refill_ns_per_kb_llc", "ns/KiB", pair ? "no two CPUs share a cache" : kOneCpu));
  if (node || far) {
    r.push_back(Refill("refill_ns_per_kb_far", node ? Distance::kNode : Distance::kFar, t));
  } else {
    r.push_back({"cost", "refill_ns_per_kb_far", "ns/KiB", kProbeMemory, {"memory"}, QuantileOf("memory", kLatency),
                 fmt::format("working through 512 KiB from memory, as there is only one last-level cache, less the same again; {}", kLatencyRule)});
  }
  if (pair) {
    r.push_back({"cost", "remote", "ns", kProbeLine, {line}, QuantileOf(line, kCost),
                 fmt::format("200 times to and fro: a cache line that two CPUs write in turn, each; {}", kCostRule)});
    r.push_back({"cost", "kick", "ns", kProbeWakeThere | kProbePipe | kProbeYield | kProbeCalls, {"waker_busy", "futex_call", "pipe_hop"}, Kick,
                 fmt::format("waking a thread of another, busy CPU, which is interrupted, less the system call and wakeup; {}", kCostRule), true});
    r.push_back({"cost", "wakeup_idle", "ns", kProbeWakeThere | kProbePipe | kProbeYield | kProbeCalls, {"waker_idle", "futex_call", "pipe_hop"}, WakeupIdle,
                 fmt::format("the same with an idle CPU; {}", kCostRule), true});
  } else {
    for (const char* key : {"remote", "kick", "wakeup_idle"}) r.push_back(NotMeasured("cost", key, "ns", kOneCpu));
  }

  r.push_back({"cost", "syscall", "ns", kProbeCalls, {"call"}, Call, fmt::format("a thousand times getppid(), each; {}", kCostRule)});
  r.push_back({"cost", "futex_op", "ns", kProbeCalls, {"futex_call", "call"},
               [](const View& v) { return v.Quantile("futex_call", kCost) - Call(v); },
               fmt::format("FUTEX_WAKE without a waiter, less a system call; {}", kCostRule), true});
  r.push_back({"cost", "pipe_op", "ns", kProbeCalls, {"pipe_calls", "call"},
               [](const View& v) { return v.Quantile("pipe_calls", kCost) / 2 - Call(v); },
               fmt::format("a byte into a pipe and out, halved, less a system call; {}", kCostRule), true});
  if (pair) {
    r.push_back({"cost", "pipe_remote", "ns", kProbePipeApart | kProbeCalls | kProbeLine, {"pipe_apart", "pipe_calls", line},
                 [line](const View& v) { return v.Quantile("pipe_apart", kCost) - v.Quantile("pipe_calls", kCost) / 2 - v.Quantile(line, kCost); },
                 fmt::format("a byte into a pipe on one CPU and out on another, halved, less the same on one CPU and remote; {}", kCostRule), true});
  } else {
    r.push_back(NotMeasured("cost", "pipe_remote", "ns", kOneCpu));
  }
  r.push_back({"cost", "sleep_op", "ns", kProbeSleep | kProbeCalls | kProbeYield, {"sleep_spent", "call"},
               [](const View& v) { return v.Quantile("sleep_spent", kCost) - Call(v) - Switch(v); },
               fmt::format("CPU time of clock_nanosleep(), less a system call and a switch; {}", kCostRule), true});
  r.push_back({"cost", "fork_op", "ns", kProbeFork | kProbeCalls | kProbePipe | kProbeYield, {"fork", "call"},
               [](const View& v) { return v.Quantile("fork", kCost) - Call(v) - Wakeup(v); },
               fmt::format("creating 8 threads, each, CPU time of their creator, less a system call and wakeup; {}", kCostRule), true});
  for (const char* key : {"dsq_lock_hold", "rq_lock_hold"}) r.push_back(NotMeasured("cost", key, "ns", "locks are inside the kernel"));
  r.push_back({"cost", "wakeup_irq", "ns", kProbeInterrupts, {"timer_gap"}, QuantileOf("timer_gap", kLatency),
               fmt::format("the gap that a timer makes in the spinning of its CPU; {}", kLatencyRule)});
  r.push_back({"kernel", "tick_cost", "ns", kProbeNoise, {"tick_gap"}, QuantileOf("tick_gap", kLatency),
               fmt::format("the gaps that the tick makes in a spinning thread; {}", kLatencyRule)});
  if (sibling) {
    r.push_back({"topology", "smt_speed", "1", kProbeSmt, {"smt_speed"}, QuantileOf("smt_speed", kLatency),
                 fmt::format("dependent multiplications beside a sibling that does the same, to alone; {}", kLatencyRule)});
  } else {
    r.push_back(NotMeasured("topology", "smt_speed", "1", "no core has two hardware threads"));
  }

  // Observations.
  const auto observe = [&](const char* key, const char* unit, unsigned probes, const char* series, Samples::Formula f, std::string what) {
    r.push_back({"", key, unit, probes, {series}, std::move(f), std::move(what)});
  };
  observe("noise_rate", "per s", kProbeNoise, "noise_rate", MeanOf("noise_rate"), "spinning: gaps of 1 us and more that are no ticks; mean");
  observe("noise_share", "1", kProbeNoise, "noise_share", MeanOf("noise_share"), "spinning: part of the time that such gaps take; mean");
  observe("noise_gap_p50", "ns", kProbeNoise, "noise_gap", QuantileOf("noise_gap", 0.5), "such gaps; median");
  observe("noise_gap_p99", "ns", kProbeNoise, "noise_gap", QuantileOf("noise_gap", 0.99), "such gaps; 99% are shorter");
  observe("sleep_late", "ns", kProbeSleep, "sleep_late", QuantileOf("sleep_late", kLatency), "sleeping 0.3 ms with a timer slack of 1 ns, how much longer; median");
  observe("sleep_late_default", "ns", kProbeSleep, "sleep_late_default", QuantileOf("sleep_late_default", kLatency), "the same with the default slack; median");
  observe("pipe_hop", "ns", kProbePipe, "pipe_hop", QuantileOf("pipe_hop", kCost), "a byte to another thread of the CPU: write, wake-up, switch, read; lower quartile");
  observe("wake_here", "ns", kProbeWakeHere, "wake_here", QuantileOf("wake_here", kCost), "waking 8 threads of the same CPU by futex, each, when none preempts; lower quartile");
  if (pair) {
    observe("wake_idle_short", "ns", kProbeWakeThere, "wake_idle_short", QuantileOf("wake_idle_short", kLatency), "waking a thread of a CPU idle for 0.1 ms until it runs; median");
    observe("wake_idle_long", "ns", kProbeWakeThere, "wake_idle_long", QuantileOf("wake_idle_long", kLatency), "the same, idle for 2 ms; median");
    observe("wake_busy", "ns", kProbeWakeThere, "wake_busy", QuantileOf("wake_busy", kLatency), "the same, while a SCHED_IDLE thread spins there; median");
    observe("waker_idle", "ns", kProbeWakeThere, "waker_idle", QuantileOf("waker_idle", kLatency), "what the waker spends, system call included, when the CPU is idle; median");
    observe("waker_busy", "ns", kProbeWakeThere, "waker_busy", QuantileOf("waker_busy", kLatency), "the same when it is busy; median");
    for (Distance d : {Distance::kSibling, Distance::kCache, Distance::kNode, Distance::kFar}) {
      if (!has(d)) continue;
      for (int kb : RefillSizesKb(t))
        observe(RefillSeries(d, kb).c_str(), "ns/KiB", kProbeRefill, RefillSeries(d, kb).c_str(), QuantileOf(RefillSeries(d, kb), kLatency),
                fmt::format("refilling {} KiB from another CPU ({}); median", kb, DistanceName(d)));
    }
  }
  return r;
}

std::string IntervalText(const Interval& v) {
  const double scale = std::max(std::abs(v.mean), std::abs(v.hi));
  const int decimals = scale >= 100 ? 0 : scale >= 10 ? 1 : scale >= 1 ? 2 : 4;
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", v.mean, decimals, v.lo, decimals, v.hi, decimals);
}

Figure MakeFigure(const Recipe& recipe, const Samples& samples) {
  Figure f{.table = recipe.table, .key = recipe.key, .unit = recipe.unit, .measured = false, .value = {}, .repetitions = 0, .discarded = 0, .comment = ""};
  if (!recipe.formula) {
    f.comment = "not measured: " + recipe.what;
    return f;
  }
  f.repetitions = samples.kept(recipe.series[0]);
  f.discarded = samples.discarded(recipe.series[0]);
  const Interval v = samples.Estimate(recipe.formula);
  if (std::isnan(v.mean)) {
    f.comment = f.discarded ? fmt::format("not measured: all {} repetitions were disturbed", f.discarded) : "not measured: no repetition of " + recipe.what;
    return f;
  }
  f.measured = true;
  f.value = recipe.may_be_negative ? v : Interval{std::max(0.0, v.mean), std::max(0.0, v.lo), std::max(0.0, v.hi)};
  f.comment = fmt::format("{}: {} {}, {} repetitions of {}", recipe.derived ? "derived" : "measured", IntervalText(f.value), recipe.unit, f.repetitions, recipe.what);
  if (v.mean < 0 && !recipe.may_be_negative) f.comment += fmt::format("; UNCERTAIN: it came out as {:.0f}, which cannot be", v.mean);
  else if (v.hi - v.lo > std::abs(v.mean) / 2) f.comment += "; UNCERTAIN";
  if (f.discarded * 4 > f.repetitions) f.comment += fmt::format("; {} more were disturbed", f.discarded);
  return f;
}

void LimitDifference(std::vector<Figure>& figures, Nanos given) {
  double least = -static_cast<double>(given.v);
  for (const Figure& f : figures)
    if (f.key == "context_switch" && f.measured) least = -std::round(f.value.mean);
  for (Figure& f : figures) {
    if (f.key != "sched_ext_switch" || !f.measured || f.value.mean >= least) continue;
    f.comment += fmt::format("; UNCERTAIN: it came out as {:.0f}, more than a whole switch", f.value.mean);
    f.value = {least, std::max(f.value.lo, least), std::max(f.value.hi, least)};
  }
}

std::string NoiseMix(const std::vector<double>& lengths) {
  constexpr size_t kParts = 8;
  if (lengths.size() < kParts) return "";
  std::string mix;
  for (size_t part = 0; part < kParts; ++part) {
    const size_t from = part * lengths.size() / kParts, to = (part + 1) * lengths.size() / kParts;
    double sum = 0;
    for (size_t i = from; i < to; ++i) sum += lengths[i];
    mix += fmt::format("{}[{}, 1]", part ? ", " : "", std::llround(sum / static_cast<double>(to - from)));
  }
  return "{ mix = [" + mix + "] }";
}

std::vector<std::string> Contradictions(const Samples& samples, const Surroundings& where) {
  std::vector<std::string> notes;
  const auto differ = [&](const Samples::Formula& a, const Samples::Formula& b, const char* first, const char* second) {
    const Interval x = samples.Estimate(a), y = samples.Estimate(b);
    if (std::isnan(x.mean) || std::isnan(y.mean) || (x.lo <= y.hi && y.lo <= x.hi) || SmallDifference(x.mean, y.mean)) return;
    notes.push_back(fmt::format("{} is {} ns, {} {} ns: they should agree", first, IntervalText(x), second, IntervalText(y)));
  };
  differ(FutexWakeup, Wakeup, "a wake-up by futex", "by pipe, with what sleeping costs,");
  const double busy = samples.Estimate(QuantileOf("wake_busy", kLatency)).mean;
  const double idle = samples.Estimate(WakeIdle).mean;
  if (where.tick.v > 0 && busy > static_cast<double>(where.tick.v) / 8 && busy > 4 * idle)
    notes.push_back(fmt::format("waking a thread of a busy CPU takes {:.0f} ns until it runs: the kernel does not interrupt for it, so 'kick' is not the cost of an interrupt", busy));
  const double brief = samples.Estimate(QuantileOf("wake_idle_short", kLatency)).mean, deep = samples.Estimate(QuantileOf("wake_idle_long", kLatency)).mean;
  if (std::max(brief, deep) > 1.5 * std::min(brief, deep))
    notes.push_back(fmt::format("waking a CPU takes {:.0f} ns after 0.1 ms of idleness and {:.0f} ns after 2 ms; the profile has one figure, in between", brief, deep));
  return notes;
}

}  // namespace ose
