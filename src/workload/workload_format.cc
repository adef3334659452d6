#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "core/metrics.h"
#include "workload/dist_toml.h"
#include "workload/script.h"
#include "workload/toml_reader.h"
#include "workload/workload.h"

namespace ose {

namespace {

// A program of more operations than this becomes a script, if it can.
constexpr size_t kMaxTableOps = 64;

std::string FormatOp(const Workload& w, const Op& op) {
  auto timed = [&](const char* stem) {
    return op.drawn ? FormatDist(stem, w.dists[op.object]) : TomlDuration(stem, op.ns);
  };
  auto named = [](const char* key, const std::string& name) {
    return fmt::format("{} = {}", key, TomlString(name));
  };
  switch (op.kind) {
    case OpKind::kRun:
      return timed("run");
    case OpKind::kSleep:
      return timed("sleep");
    case OpKind::kTimer:
      return timed("timer");
    case OpKind::kLock:
      return named("lock", w.locks[op.object]);
    case OpKind::kUnlock:
      return named("unlock", w.locks[op.object]);
    case OpKind::kWait:
      return named("wait", w.semaphores[op.object]);
    case OpKind::kSignal:
      return named("signal", w.semaphores[op.object]) +
             (op.count != 1 ? fmt::format(", count = {}", op.count) : "");
    case OpKind::kBarrier:
      return named("barrier", w.barriers[op.object].name);
    case OpKind::kYield:
      return "yield = true";
    case OpKind::kFork:
      return named("fork", w.groups[op.object].name);
    case OpKind::kPut:
      return named("put", w.queues[op.object].name);
    case OpKind::kTake:
      return named("take", w.queues[op.object].name);
    case OpKind::kBegin:
      return "begin = true";
    case OpKind::kEnd:
      return "end = true";
    case OpKind::kLoop:
      return fmt::format("loop = {}, program = [", op.count);
    case OpKind::kEndLoop:
      return "]";
    case OpKind::kSpin:
      return timed("spin");
    case OpKind::kPeriod:
      return TomlDuration("period", op.ns) + ", " + named("timer", w.timers[op.object].name);
    case OpKind::kCondWait:
      return named("cond_wait", w.conditions[op.object]) + (op.count > 0 ? ", " + named("mutex", w.locks[op.count - 1]) : "");
    case OpKind::kCondSignal:
      return named("cond_signal", w.conditions[op.object]);
    case OpKind::kCondBroadcast:
      return named("cond_broadcast", w.conditions[op.object]);
  }
  return "";
}

void FormatProgram(const Workload& w, const Group& group, std::string* out) {
  bool drawn = std::any_of(group.program.begin(), group.program.end(), [](const Op& op) { return op.drawn; });
  if (group.program.size() > kMaxTableOps && !drawn) {
    *out += "script = \"\"\"\n" + FormatScript(group.program) + "\"\"\"\n";
    return;
  }
  *out += "program = [\n";
  size_t depth = 1;
  for (const Op& op : group.program) {
    if (op.kind == OpKind::kEndLoop) --depth;
    out->append(2 * depth, ' ');
    if (op.kind == OpKind::kEndLoop)
      *out += "] },\n";
    else if (op.kind == OpKind::kLoop)
      *out += "{ " + FormatOp(w, op) + "\n";
    else
      *out += "{ " + FormatOp(w, op) + " },\n";
    if (op.kind == OpKind::kLoop) ++depth;
  }
  *out += "]\n";
}

std::string FormatArrivals(const Arrivals& a) {
  auto rate = [](double load, double per_s) { return fmt::format("{} = {}", load > 0 ? "load" : "per_s", TomlNumber(load > 0 ? load : per_s)); };
  std::string text;
  if (a.states.empty()) {
    text = (a.kind == Arrivals::Kind::kPoisson ? "poisson_" : "periodic_") + rate(a.load, a.rate_per_s);
  } else {
    const bool loads = std::any_of(a.states.begin(), a.states.end(), [](const Arrivals::State& s) { return s.load > 0; });
    text = a.kind == Arrivals::Kind::kMmpp ? "mmpp = [" : "phases = [";
    for (size_t i = 0; i < a.states.size(); ++i)
      text += fmt::format("{}{{ {} = {}, {} }}", i ? ", " : " ", loads ? "load" : "per_s", TomlNumber(loads ? a.states[i].load : a.states[i].rate_per_s),
                          TomlDuration(a.kind == Arrivals::Kind::kMmpp ? "mean" : "for", a.states[i].ns));
    text += " ]";
  }
  if (a.batch_geometric) text += fmt::format(", batch = {{ geometric = {} }}", TomlNumber(a.batch));
  else if (a.batch > 1) text += fmt::format(", batch = {}", static_cast<int64_t>(a.batch));
  return "arrivals = { " + text + " }";
}

void FormatGroup(const Workload& w, const Group& group, std::string* out) {
  const Group defaults;
  auto line = [&](bool differs, const std::string& text) {
    if (differs) *out += text + "\n";
  };
  *out += fmt::format("\n[[group]]\nname = {}\ncount = {}\n", TomlString(group.name), group.count);
  line(group.weight != defaults.weight, fmt::format("weight = {}", group.weight));
  line(!group.affinity.empty(), fmt::format("affinity = [{}]", fmt::join(group.affinity, ", ")));
  line(group.working_set_kb != 0, fmt::format("working_set_kb = {}", group.working_set_kb));
  line(group.hint != 0, fmt::format("hint = {}", group.hint));
  line(group.hint_is_work, "hint = \"work\"");
  line(group.repeat, "repeat = true");
  line(group.forked, "forked = true");
  line(!group.measured, "measured = false");
  bool marked = std::any_of(group.program.begin(), group.program.end(), [](const Op& op) {
    return op.kind == OpKind::kBegin || op.kind == OpKind::kEnd;
  });
  constexpr const char* kEvents[] = {"none", "marked", "iteration"};
  line(group.event != (marked ? EventKind::kMarked : EventKind::kIteration),
       fmt::format("event = \"{}\"", kEvents[static_cast<int>(group.event)]));
  if (group.has_start) line(true, FormatDist("start", group.start));
  if (group.arrivals.kind != Arrivals::Kind::kNone) line(true, FormatArrivals(group.arrivals));
  FormatProgram(w, group, out);
}

// names = ["a", "b"], or names = 2 when they are stem0, stem1.
std::string FormatNames(const char* key, const std::string& stem, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  bool numbered = true;
  for (size_t i = 0; i < names.size() && numbered; ++i) numbered = names[i] == stem + std::to_string(i);
  if (numbered) return fmt::format("{} = {}\n", key, names.size());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + TomlString(name);
  return fmt::format("{} = [{}]\n", key, list);
}

std::string FormatRecorded(const Recorded& r) {
  return fmt::format(
      "\n[recorded]\ncommand = {}\ncpus = {}\nspan_us = {}\ncpu_us = {}\ntasks = {}\nruns = {}\nsleeps = {}\n"
      "wakeups = {}\nlost_events = {}\nnote = {}\n",
      TomlString(r.command), r.cpus, TomlNumber(r.span_us), TomlNumber(r.cpu_us), r.tasks, r.runs, r.sleeps,
      r.wakeups, r.lost_events, TomlString(r.note));
}

// Everything but name and description.
std::string FormatBody(const Workload& w) {
  std::string out = fmt::format("machine = {}\n", TomlString(w.machine));
  if (w.cpus > 0) out += fmt::format("cpus = {}\n", w.cpus);
  out += TomlDuration("horizon", w.horizon.v) + "\n";
  if (w.warmup.v > 0) out += TomlDuration("warmup", w.warmup.v) + "\n";
  out += fmt::format("end = \"{}\"\n", w.run_to_completion ? "completion" : "horizon");
  out += FormatNames("locks", "lock", w.locks);
  if (!w.lock_handover) out += "lock_handover = false\n";
  out += FormatNames("semaphores", "sem", w.semaphores);
  out += FormatNames("conditions", "cond", w.conditions);
  out += fmt::format("\n[seeds]\nsearch = {}\nselect = {}\nfinal = {}\n", w.search_seeds, w.select_seeds,
                     w.final_seeds);
  for (const Objective& o : w.objectives) {
    out += fmt::format("\n[[objective]]\nmetric = {}\ndirection = \"{}\"\n", TomlString(o.metric),
                       o.direction == Direction::kMaximize ? "max" : "min");
    if (o.weight != 1) out += fmt::format("weight = {}\n", TomlNumber(o.weight));
  }
  for (const Barrier& b : w.barriers)
    out += fmt::format("\n[[barrier]]\nname = {}\nparties = {}\n", TomlString(b.name), b.parties);
  for (const Queue& q : w.queues)
    out += fmt::format("\n[[queue]]\nname = {}\ncapacity = {}\n", TomlString(q.name), q.capacity);
  for (const Timer& t : w.timers)
    out += fmt::format("\n[[timer]]\nname = {}\n{}{}", TomlString(t.name), t.shared ? "shared = true\n" : "",
                       t.absolute ? "absolute = true\n" : "");
  if (!w.real.command.empty()) {
    std::string words;
    for (const std::string& word : w.real.command) words += (words.empty() ? "" : ", ") + TomlString(word);
    out += fmt::format("\n[real]\ncommand = [{}]\noutput = {}\n", words, TomlString(w.real.output));
  }
  if (w.recorded.present) out += FormatRecorded(w.recorded);
  for (const Group& group : w.groups) FormatGroup(w, group, &out);
  return out;
}

bool SameObjective(const Objective& a, const Objective& b) {
  return a.metric == b.metric && a.direction == b.direction && a.weight == b.weight;
}

}  // namespace

std::string FormatWorkload(const Workload& w) {
  return fmt::format("format = {}\nname = {}\ndescription = {}\n{}", kWorkloadFormat, TomlString(w.name),
                     TomlString(w.description), FormatBody(w));
}

std::string WorkloadHash(const Workload& w) { return Sha256Hex(FormatBody(w)); }

bool Workload::operator==(const Workload& o) const {
  return name == o.name && description == o.description && machine == o.machine && cpus == o.cpus &&
         horizon == o.horizon && warmup == o.warmup && run_to_completion == o.run_to_completion &&
         std::equal(objectives.begin(), objectives.end(), o.objectives.begin(), o.objectives.end(),
                    SameObjective) &&
         search_seeds == o.search_seeds && select_seeds == o.select_seeds && final_seeds == o.final_seeds &&
         groups == o.groups && dists == o.dists && locks == o.locks && lock_handover == o.lock_handover && semaphores == o.semaphores &&
         conditions == o.conditions && barriers == o.barriers && queues == o.queues && timers == o.timers && real == o.real && recorded == o.recorded;
}

}  // namespace ose
