// Operators on where a task runs, and whom it takes the CPU from.
#include <fmt/format.h>

#include "mutate/patch.h"

namespace ose {
namespace {

// Code that chooses a CPU `victim` to be interrupted, -1: none. In enqueue() (with a task t that may not run
// everywhere) or in dispatch() (on `cpu`, which is not chosen). Turns younger than `spare` are spared; "": some time.
std::string DrawVictim(Patch& patch, bool dispatch, const std::string& spare, std::string* name, bool* turns) {
  Rng& rng = patch.rng();
  const std::string start = dispatch ? "cpu" : "t.cpu()";
  const std::string other = dispatch ? "c != cpu" : "t.allowed(c)";
  *turns = false;
  switch (rng.Below(dispatch ? 3 : 6)) {
    case 0:
    case 1: {  // whoever has had the CPU longest, and at least for a while
      MeasureTurns(patch);
      *name = "the longest turn";
      *turns = true;
      return fmt::format(
          "s32 victim = -1;\n"
          "u64 earliest = now() - {};\n"
          "for_each_cpu([&](s32 c) {{\n"
          "  u64 since = cpu_state(c).turn_began;\n"
          "  if (since == 0 || !before(since, earliest) || !({})) return;\n"
          "  earliest = since;\n"
          "  victim = c;\n"
          "}});\n",
          spare.empty() ? patch.Time("spare", dispatch ? 5'000 : 1'000, 1'000'000) : spare, other);
    }
    case 2: {  // the next one in a ring, from here on, with nobody on the way to it
      *name = "the next CPU with an empty local queue";
      std::string ready = fmt::format("{} && dsq_nr_queued(local_on(c)) == 0", other);
      if (dispatch) {  // else a kick would go round and round
        MeasureTurns(patch);
        ready = fmt::format("dsq_nr_queued(local_on(c)) == 0 && before(cpu_state(c).turn_began + {}, now())", patch.Time("spare", 5'000, 1'000'000));
        *turns = true;
      }
      return fmt::format(
          "s32 victim = -1;\n"
          "for_n(nr_cpus() - 1, [&](s32 i) {{\n"
          "  s32 c = {0} + 1 + i < nr_cpus() ? {0} + 1 + i : {0} + 1 + i - nr_cpus();\n"
          "  if (victim < 0 && {1}) victim = c;\n"
          "}});\n",
          start, ready);
    }
    case 3:
      *name = "its last CPU";
      return "s32 victim = t.allowed(t.cpu()) ? t.cpu() : -1;\n";
    case 4:
      *name = "the waker's CPU";
      return "s32 victim = t.allowed(this_cpu()) ? this_cpu() : -1;\n";
    default: {
      Fact fact = rng.Below(2) ? Attained(patch) : DrawFact(patch);
      *name = "the largest " + fact.name;
      return LargestVictim(patch, fact);
    }
  }
}

std::string Block(std::string_view condition, std::string_view lines) {
  std::string out = fmt::format("if ({}) {{\n", condition);
  while (!lines.empty()) {
    size_t end = lines.find('\n');
    out += fmt::format("  {}\n", lines.substr(0, end));
    lines.remove_prefix(end + 1);
  }
  return out + "}\n";
}

// Tasks that woke up; now and then a class of them.
std::string DrawWoken(Patch& patch) {
  std::string woken = "(enq_flags & kEnqWakeup)";
  if (patch.rng().Below(4)) return woken + " != 0";
  return woken + " && " + DrawClass(patch, "");
}

std::optional<TreeChange> PreemptOnWakeup(Patch& patch) {
  const Program& p = patch.program();
  const Statement* s = InsertStatement(p, patch.rng(), true);
  if (!s) return std::nullopt;
  std::string name;
  bool turns;
  std::string condition = DrawWoken(patch);
  std::string lines = DrawVictim(patch, false, "", &name, &turns);
  // Who is on the way counts as begun, so that the next newcomer chooses another.
  std::string kick = turns && patch.rng().Below(2) ? "if (victim >= 0) {\n  cpu_state(victim).turn_began = now();\n  kick_cpu(victim, kKickPreempt);\n}\n"
                                                   : "if (victim >= 0) kick_cpu(victim, kKickPreempt);\n";
  patch.InsertLines(s->lines.end, Reindent(Block(condition, lines + kick), IndentAt(p, s->range.begin)));
  return patch.Take(fmt::format("preempt {} if {}", name, Brief(condition)));
}

// A newcomer gets a short turn at once, on a busy CPU.
std::optional<TreeChange> Trial(Patch& patch) {
  const Program& p = patch.program();
  Rng& rng = patch.rng();
  if (!InsertStatement(p, rng, false)) return std::nullopt;
  std::string name;
  bool turns;
  std::string condition = DrawWoken(patch);
  const std::string length = patch.Time("trial", 1'000, 200'000);
  // Not the CPU on which another newcomer has its trial.
  std::string lines = DrawVictim(patch, false, length, &name, &turns);
  std::string accept = rng.Below(2) ? "victim >= 0 && dsq_nr_queued(local_on(victim)) == 0" : "victim >= 0";
  std::string begun = turns && rng.Below(2) ? "cpu_state(victim).turn_began = now();\n" : "";
  lines += Block(accept, begun + fmt::format("t.insert(local_on(victim), {}, enq_flags | kEnqPreempt);\nreturn;\n", length));
  std::string rule = Block(condition, lines);
  // Whom it interrupts goes on there afterwards, or waits with the others.
  if (rng.Below(2)) {
    Fact ran = Attained(patch);
    rule += Block(fmt::format("!(enq_flags & kEnqWakeup) && {} > {} && t.allowed(t.cpu())", ran.text, length),
                  fmt::format("t.insert(kDsqLocal, {}, enq_flags);\nreturn;\n", DrawSlice(patch)));
    name += ", who is interrupted goes on there";
  }
  patch.InHook("enqueue", rule);
  return patch.Take(fmt::format("trial of newcomers on {} if {}", name, Brief(condition)));
}

// Who was interrupted goes on at once, on its CPU.
std::optional<TreeChange> Resume(Patch& patch) {
  if (!InsertStatement(patch.program(), patch.rng(), false)) return std::nullopt;
  std::string cls = DrawClass(patch, "");
  const bool head = patch.rng().Below(2) == 0;
  patch.InHook("enqueue", Block(fmt::format("!(enq_flags & kEnqWakeup) && {} && t.allowed(t.cpu())", cls),
                                fmt::format("t.insert(kDsqLocal, {}, enq_flags{});\nreturn;\n", DrawSlice(patch), head ? " | kEnqHead" : "")));
  return patch.Take(fmt::format("who was interrupted goes on at its CPU if {}", Brief(cls)));
}

// A CPU that starts a task while more wait interrupts another, which does the same.
std::optional<TreeChange> Relay(Patch& patch) {
  const Program& p = patch.program();
  int dispatch = FunctionNamed(p, "dispatch");
  if (dispatch < 0) return std::nullopt;
  const std::string queue = QueueFor(p, p.functions[dispatch].range.end - 1, dispatch, patch.rng());
  if (queue.empty()) return std::nullopt;
  std::string condition = fmt::format("dsq_nr_queued({}) > 1", queue), name;
  bool turns;
  std::string lines = DrawVictim(patch, true, "", &name, &turns);
  // Only while those wait that come before all others (the first class of a two-class key).
  if (patch.rng().Below(2)) condition += fmt::format(" && dsq_peek_vtime({}) < (1ULL << 62)", queue);
  std::string begun = turns ? "if (victim >= 0) cpu_state(victim).turn_began = now();\n" : "";
  patch.InHook("dispatch", Block(condition, lines + begun + "if (victim >= 0) kick_cpu(victim, kKickPreempt);\n"));
  return patch.Take(fmt::format("dispatch passes a kick on to {} while more wait", name));
}

// The CPU on which an idle one is looked for first.
std::optional<TreeChange> WakePlace(Patch& patch) {
  Rng& rng = patch.rng();
  if (!patch.CanHook("select_cpu")) return std::nullopt;
  const std::string slice = DrawSlice(patch);
  if (!patch.HasHook("select_cpu")) {
    patch.InHook("select_cpu", fmt::format("s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();\nif (cpu < 0) return prev;\nt.insert(kDsqLocal, {});\nreturn cpu;\n", slice));
    return patch.Take("select_cpu: the previous CPU if idle, else any idle one");
  }
  static const std::vector<std::pair<const char*, const char*>> places = {
      {"t.allowed(prev) && claim_idle(prev) ? prev : -1", "the previous CPU"},
      {"t.allowed(this_cpu()) && claim_idle(this_cpu()) ? this_cpu() : -1", "the waker's CPU"},
      {"t.pick_idle_in(prev, kSameLlc, kPickIdleCore)", "an idle core of the same cache"},
      {"t.pick_idle_in(prev, kSameLlc)", "the same cache"},
      {"t.pick_idle_in(this_cpu(), kSameLlc)", "the waker's cache"},
      {"t.pick_idle_in(prev, kSameCore)", "the same core"},
      {"t.pick_idle(kPickIdleCore)", "an idle core"},
      {"t.pick_idle()", "any idle CPU"}};
  const auto& [expr, name] = Pick(places, rng);
  if (rng.Below(5) == 0) {
    patch.InHook("select_cpu", "if ((wake_flags & kWakeSync) && t.allowed(this_cpu())) return this_cpu();\n");
    return patch.Take("select_cpu: who is woken by one about to sleep comes to its CPU");
  }
  patch.InHook("select_cpu", fmt::format("if (s32 near = {}; near >= 0) {{\n  t.insert(kDsqLocal, {});\n  return near;\n}}\n", expr, slice));
  return patch.Take(fmt::format("select_cpu: first {}", name));
}

}  // namespace

std::string LargestVictim(Patch& patch, const Fact& fact) {
  MeasureTurns(patch);
  const std::string field = MeasureRank(patch, fact);
  std::string there = fmt::format("cpu_state(c).{}", field);
  if (fact.grows) there += " + (now() - cpu_state(c).turn_began)";
  const std::string margin = fact.time && patch.rng().Below(2) ? " + " + patch.Time("margin", 1'000, 10'000'000) : "";
  return fmt::format(
      "s32 victim = -1;\n"
      "u64 most = {}{};\n"
      "for_each_cpu([&](s32 c) {{\n"
      "  u64 there = {};\n"
      "  if (cpu_state(c).turn_began == 0 || there <= most || !t.allowed(c)) return;\n"
      "  most = there;\n"
      "  victim = c;\n"
      "}});\n",
      fact.text, margin, there);
}

std::optional<TreeChange> PlacementRule(const Program& p, const Mates&, Rng& rng) {
  Patch patch(p, rng);
  if (rng.Below(3) != 0) return WakePlace(patch);
  // In no hook of a wake-up is an idle CPU found for a task that lost its own.
  patch.InHook("enqueue", "if (s32 idle = enq_flags & kEnqWakeup ? -1 : t.pick_idle(); idle >= 0) kick_cpu(idle, kKickIdle);\n");
  return patch.Take("enqueue: kicks an idle CPU for who was preempted");
}

std::optional<TreeChange> PreemptRule(const Program& p, const Mates&, Rng& rng) {
  Patch patch(p, rng);
  return rng.Below(3) == 0 ? Relay(patch) : PreemptOnWakeup(patch);
}

std::optional<TreeChange> TrialRule(const Program& p, const Mates&, Rng& rng) {
  Patch patch(p, rng);
  return rng.Below(4) == 0 ? Resume(patch) : Trial(patch);
}

}  // namespace ose
