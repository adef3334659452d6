// Operators on the rules that order tasks and measure out their turns.
#include <fmt/format.h>

#include <algorithm>

#include "mutate/patch.h"

namespace ose {
namespace {

// The key of an ordered queue: less is earlier. Keys of one queue are compared as before() does, so one
// that grows with time (FIFO by now()) may be shifted by any time.
std::string DrawKey(Patch& patch, const std::string& old, std::string* name) {
  Rng& rng = patch.rng();
  const std::string base = old.empty() ? "now()" : old;
  switch (rng.Below(6)) {
    case 0: {  // strict: whoever has least goes first, however long the others wait
      Fact f = DrawFact(patch);
      *name = f.name;
      return f.text;
    }
    case 1: {  // soft: as if it had come that much later
      Fact f = DrawFact(patch);
      *name = base + " + " + f.name;
      if (!f.time) return fmt::format("{} + ({} << {})", Operand(base), f.text, 8 + rng.Below(8));
      const std::string scale = rng.Below(2) ? "" : fmt::format(" {} {}", rng.Below(2) ? "*" : "/", int{2} << rng.Below(4));
      return fmt::format("{} + {}{}", Operand(base), f.text, scale);
    }
    case 2: {  // credit: who has waited long or weighs much comes earlier, by a bounded time
      *name = base + " - credit for waiting";
      return fmt::format("{} - min(udiv(t.wait_total(), t.nr_wakeups() + 1), {})", Operand(base), patch.Time("credit", 10'000, 100'000'000));
    }
    default: {  // two classes; the second waits for a time, or until there is nobody of the first
      const std::string cls = DrawClass(patch, "enq_flags");
      const bool strict = rng.Below(2) == 0;
      *name = "first if " + cls;
      return fmt::format("({} ? 0 : {}) + {}", cls, strict ? "1ULL << 62" : patch.Time("later", 10'000, 100'000'000), Operand(base));
    }
  }
}

// All inserts into the queue change together: it holds one kind.
bool MakeOrdered(Patch& patch, const Call& call, const std::string& key) {
  const Program& p = patch.program();
  const std::string_view queue = p.Text(call.args[0]);
  for (const Call& c : p.calls) {
    if ((c.name != "insert" && c.name != "insert_vtime") || c.args.empty()) continue;
    std::string_view q = p.Text(c.args[0]);
    if (IsBuiltinQueue(q)) continue;
    if (q.substr(0, q.find('(')) != queue.substr(0, queue.find('('))) return false;
    if (c.block < 0 || c.name != "insert" || c.args.size() < 2 || c.function != call.function) return false;
    size_t at = p.source.rfind("insert", c.args[0].begin);
    if (at == p.source.npos || at < c.range.begin) return false;
    patch.Replace({at, at + 6}, "insert_vtime");
    patch.Replace({c.args[1].end, c.args[1].end}, ", " + key);
  }
  return true;
}

// A whole discipline: the queue ordered by one fact, and whoever comes takes the CPU of the task that has most
// of it. Least attained service, shortest usual burst, ... by the fact.
std::optional<TreeChange> Discipline(Patch& patch, const Call& call) {
  const Program& p = patch.program();
  Rng& rng = patch.rng();
  const Statement* s = nullptr;
  for (const Statement& candidate : p.statements)
    if (candidate.range.begin == call.range.begin && candidate.kind == CXCursor_CallExpr && !(candidate.lines == candidate.range)) s = &candidate;
  if (!s) return std::nullopt;
  Fact fact = rng.Below(2) ? Attained(patch) : DrawFact(patch);
  if (call.name == "insert_vtime") {
    if (call.args.size() < 3) return std::nullopt;
    patch.Replace(call.args[2], fact.text);
  } else if (!MakeOrdered(patch, call, fact.text)) {
    return std::nullopt;
  }
  std::string lines = rng.Below(2) ? "if ((enq_flags & kEnqWakeup) != 0) {\n" : "{\n";
  std::string victim = LargestVictim(patch, fact);
  for (size_t at = 0; at < victim.size();) {
    size_t end = victim.find('\n', at) + 1;
    lines += "  " + victim.substr(at, end - at);
    at = end;
  }
  lines += "  if (victim >= 0) kick_cpu(victim, kKickPreempt);\n}\n";
  patch.InsertLines(s->lines.end, Reindent(lines, IndentAt(p, s->range.begin)));
  return patch.Take(fmt::format("queue {}: least {} first, preemptive", Brief(p.Text(call.args[0])), fact.name));
}

}  // namespace

std::optional<TreeChange> PriorityTerm(const Program& p, const Mates&, Rng& rng) {
  int enqueue = FunctionNamed(p, "enqueue");
  std::vector<const Call*> found;
  for (const Call& c : p.calls)
    if ((c.name == "insert" || c.name == "insert_vtime") && c.block >= 0 && c.function == enqueue && c.args.size() >= 2 && !IsBuiltinQueue(p.Text(c.args[0])))
      found.push_back(&c);
  if (found.empty()) return std::nullopt;
  const Call& call = *Pick(found, rng);
  Patch patch(p, rng);
  const std::string queue(p.Text(call.args[0]));
  std::string name;
  if (rng.Below(3) == 0) return Discipline(patch, call);
  if (call.name == "insert_vtime") {
    if (call.args.size() < 3) return std::nullopt;
    const std::string old(p.Text(call.args[2]));
    // A term that was added may go again.
    if (const Expression* sum = [&]() -> const Expression* {
          for (const Expression& e : p.expressions)
            if (e.range == call.args[2] && (e.op == CXBinaryOperator_Add || e.op == CXBinaryOperator_Sub)) return &e;
          return nullptr;
        }();
        sum && rng.Below(3) == 0) {
      bool left = sum->op == CXBinaryOperator_Sub || rng.Below(2);
      ast::Range kept = left ? ast::Range{sum->range.begin, sum->op_range.begin} : ast::Range{sum->op_range.end, sum->range.end};
      while (p.source[kept.begin] == ' ') ++kept.begin;
      while (p.source[kept.end - 1] == ' ') --kept.end;
      patch.Replace(call.args[2], std::string(p.Text(kept)));
      return patch.Take(fmt::format("queue {}: ordered by {} alone", Brief(queue), Brief(p.Text(kept))));
    }
    std::string key = DrawKey(patch, rng.Below(3) ? old : "", &name);
    patch.Replace(call.args[2], key);
  } else {
    if (!MakeOrdered(patch, call, DrawKey(patch, "", &name))) return std::nullopt;
  }
  return patch.Take(fmt::format("queue {}: {}", Brief(queue), name));
}

std::optional<TreeChange> SliceRule(const Program& p, const Mates&, Rng& rng) {
  struct Place {
    const Call* call;
    ast::Range slice;
  };
  std::vector<Place> found;
  int enqueue = FunctionNamed(p, "enqueue"), select = FunctionNamed(p, "select_cpu");
  for (const Call& c : p.calls) {
    if (c.block < 0) continue;
    if ((c.name == "insert" || c.name == "insert_vtime") && c.args.size() >= 2 && (c.function == enqueue || c.function == select)) found.push_back({&c, c.args[1]});
    if (c.name == "keep_running" && !c.args.empty() && c.function >= 0 && p.functions[c.function].name == "dispatch") found.push_back({&c, c.args[0]});
  }
  if (found.empty()) return std::nullopt;
  auto [call, range] = Pick(found, rng);
  Patch patch(p, rng);
  std::string old(p.Text(range)), text, name;
  for (const TunableDecl& t : p.tunables)
    if (t.name == old) old = fmt::format("static_cast<u64>({})", old);
  const bool has_task = call->name != "keep_running";
  const std::string queue = QueueFor(p, range.begin, call->function, rng);
  switch (rng.Below(5)) {
    case 0:
      text = DrawSlice(patch);
      name = text;
      break;
    case 1:  // shares of a round: the more wait, the shorter
      if (queue.empty()) return std::nullopt;
      text = fmt::format("max(udiv({}, static_cast<u64>(dsq_nr_queued({})) + 1), {})", patch.Time("round", 100'000, 50'000'000), queue, patch.Time("least", 1'000, 1'000'000));
      name = "a share of a round";
      break;
    case 2: {
      if (queue.empty()) return std::nullopt;
      std::string other = DrawSlice(patch);
      text = fmt::format("dsq_nr_queued({}) > {} ? {} : {}", queue, rng.Below(2) ? 0 : LogUniform(rng, 1, 32), rng.Below(2) ? other : old, old);
      if (text.ends_with(fmt::format("? {} : {}", old, old))) text = fmt::format("dsq_nr_queued({}) > 0 ? {} : {}", queue, old, other);
      name = "by the length of the queue: " + other;
      break;
    }
    default: {
      if (!has_task) return std::nullopt;
      std::string other = DrawSlice(patch);
      std::string cls = DrawClass(patch, call->function == enqueue ? "enq_flags" : "");
      text = fmt::format("{} ? {} : {}", cls, other, old);
      name = fmt::format("{} if {}", other, cls);
    }
  }
  patch.Replace(range, text);
  return patch.Take(fmt::format("{}: slice {}", p.blocks[call->block].name, Brief(name)));
}

}  // namespace ose
