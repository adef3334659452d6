// Operators on the queues: a second one for a class of tasks, one for each CPU, bounded local ones.
#include <fmt/format.h>

#include "mutate/patch.h"

namespace ose {
namespace {

struct Insert {
  std::string queue, slice;  // as the policy's own insert writes them
};

// What an existing insert says, where it needs nothing but what enqueue() has from its beginning.
std::optional<Insert> ExistingInsert(Patch& patch) {
  const Program& p = patch.program();
  const Statement* s = InsertStatement(p, patch.rng(), true);
  if (!s) return std::nullopt;
  for (const Call& c : p.calls)
    if (c.range.begin == s->range.begin) return Insert{std::string(p.Text(c.args[0])), DrawSlice(patch)};
  return std::nullopt;
}

// Tasks of a class wait in a queue that is served before, or after, the others.
std::optional<TreeChange> TwoLevels(Patch& patch) {
  Rng& rng = patch.rng();
  auto insert = ExistingInsert(patch);
  if (!insert) return std::nullopt;
  const std::string cls = DrawClass(patch, "enq_flags");
  if (rng.Below(3) == 0) {  // the built-in queue that every CPU looks at first
    patch.InHook("enqueue", fmt::format("if ({}) {{\n  t.insert(kDsqGlobal, {}, enq_flags);\n  return;\n}}\n", cls, insert->slice));
    return patch.Take(fmt::format("a queue before the others for {}", Brief(cls)));
  }
  int dispatch = FunctionNamed(patch.program(), "dispatch");
  if (dispatch < 0) return std::nullopt;
  const std::string other = QueueFor(patch.program(), patch.program().functions[dispatch].range.end - 1, dispatch, rng);
  const bool first = rng.Below(2) == 0;
  if (other.empty() && !first) return std::nullopt;
  if (patch.Queue("kSecond", 2'000'000, false, "a class of its own"))
    patch.InHook("dispatch", first ? "if (dsq_move_to_local(kSecond)) return;\n" : fmt::format("if (dsq_nr_queued({}) == 0 && dsq_move_to_local(kSecond)) return;\n", other));
  patch.InHook("enqueue", fmt::format("if ({}) {{\n  t.insert(kSecond, {}, enq_flags);\n  return;\n}}\n", cls, insert->slice));
  return patch.Take(fmt::format("a queue {} the others for {}", first ? "before" : "after", Brief(cls)));
}

// A queue for each CPU, from which the others steal when they have nothing else.
std::optional<TreeChange> PerCpu(Patch& patch) {
  Rng& rng = patch.rng();
  auto insert = ExistingInsert(patch);
  int dispatch = FunctionNamed(patch.program(), "dispatch");
  if (!insert || dispatch < 0) return std::nullopt;
  const std::string other = QueueFor(patch.program(), patch.program().functions[dispatch].range.end - 1, dispatch, rng);
  if (patch.Queue("kOwn", 1'000'000, true, "+ cpu: a queue for each CPU")) {
    const std::string nothing_else = other.empty() ? "" : fmt::format("if (dsq_nr_queued({}) == 0) ", other);
    patch.InHook("dispatch",
                 "if (dsq_move_to_local(kOwn + static_cast<u64>(cpu))) return;\n" + nothing_else +
                     "{\n  bool stolen = false;\n  for_each_cpu([&](s32 c) {\n    stolen = dsq_move_to_local(kOwn + static_cast<u64>(c));\n    return !stolen;\n"
                     "  });\n  if (stolen) return;\n}\n");
  }
  std::string condition = "t.allowed(t.cpu())", name = "all";
  switch (rng.Below(3)) {
    case 0:
      break;
    case 1: {
      int64_t depth = LogUniform(rng, 1, 16);
      condition += fmt::format(" && dsq_nr_queued(kOwn + static_cast<u64>(t.cpu())) < {}", depth);
      name = fmt::format("up to {}", depth);
      break;
    }
    default:
      name = DrawClass(patch, "enq_flags");
      condition += " && " + name;
  }
  patch.InHook("enqueue", fmt::format("if ({}) {{\n  t.insert(kOwn + static_cast<u64>(t.cpu()), {}, enq_flags);\n  return;\n}}\n", condition, insert->slice));
  return patch.Take(fmt::format("a queue for each CPU, for {}, with stealing", Brief(name)));
}

// Join the shortest local queue, if it is short (JBSQ; Kogias et al., USENIX ATC 2019).
std::optional<TreeChange> JoinShortest(Patch& patch) {
  Rng& rng = patch.rng();
  auto insert = ExistingInsert(patch);
  if (!insert) return std::nullopt;
  const int64_t depth = LogUniform(rng, 1, 8);
  const std::string cls = rng.Below(2) ? "" : DrawClass(patch, "enq_flags");
  std::string lines = fmt::format(
      "s32 shortest = -1;\ns32 least = {};\nfor_each_cpu([&](s32 c) {{\n  s32 length = dsq_nr_queued(local_on(c));\n  if (length >= least || !t.allowed(c)) return;\n"
      "  least = length;\n  shortest = c;\n}});\nif (shortest >= 0) {{\n  t.insert(local_on(shortest), {}, enq_flags);\n  return;\n}}\n",
      depth, insert->slice);
  std::string block = cls.empty() ? "{\n" : fmt::format("if ({}) {{\n", cls);
  for (size_t at = 0; at < lines.size();) {
    size_t end = lines.find('\n', at) + 1;
    block += "  " + lines.substr(at, end - at);
    at = end;
  }
  patch.InHook("enqueue", block + "}\n");
  return patch.Take(fmt::format("joins the shortest local queue below {}{}", depth, cls.empty() ? "" : " if " + Brief(cls)));
}

// Who can take its turn up again at once does so, ahead of its queue.
std::optional<TreeChange> RunOn(Patch& patch) {
  Rng& rng = patch.rng();
  const Program& p = patch.program();
  int dispatch = FunctionNamed(p, "dispatch");
  if (dispatch < 0) return std::nullopt;
  const std::string queue = QueueFor(p, p.functions[dispatch].range.end - 1, dispatch, rng);
  MeasureTurns(patch);
  std::string condition, name;
  if (!queue.empty() && rng.Below(2)) {
    const std::string field = MeasureRank(patch, {"t.vtime()", true, "key", "key"});
    condition = fmt::format("dsq_nr_queued({0}) > 0 && before(cpu_state(cpu).{2} + {1}, dsq_peek_vtime({0}))", queue, patch.Time("ahead", 1'000, 10'000'000), field);
    name = "its key is far before the first's";
  } else {
    condition = fmt::format("before(now(), cpu_state(cpu).turn_began + {})", patch.Time("least_turn", 1'000, 20'000'000));
    name = "its turn was short";
  }
  patch.InHook("dispatch", fmt::format("if (cpu_state(cpu).turn_began != 0 && {}) {{\n  keep_running({});\n  return;\n}}\n", condition, DrawSlice(patch)));
  return patch.Take("dispatch: who runs goes on if " + name);
}

}  // namespace

std::optional<TreeChange> QueueRule(const Program& p, const Mates&, Rng& rng) {
  Patch patch(p, rng);
  switch (rng.Below(6)) {
    case 0:
    case 1:
      return TwoLevels(patch);
    case 2:
      return PerCpu(patch);
    case 3:
      return JoinShortest(patch);
    default:
      return RunOn(patch);
  }
}

}  // namespace ose
