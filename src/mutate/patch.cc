#include "mutate/patch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/lexer.h"

namespace ose {
namespace {

using ast::Range;

constexpr size_t kMostTunables = 16;  // more than that nobody reads, or searches
constexpr size_t kMostFields = 12;    // of kMaxTaskState bytes

// Hooks that a rule may add, as the API declares them.
const std::map<std::string_view, std::string_view>& Signatures() {
  static const std::map<std::string_view, std::string_view> signatures = {
      {"select_cpu", "s32 select_cpu(Task t, s32 prev, u64 wake_flags)"},
      {"runnable", "void runnable(Task t, u64 enq_flags)"},
      {"running", "void running(Task t)"},
      {"tick", "void tick(Task t)"},
      {"stopping", "void stopping(Task t, bool runnable)"},
      {"quiescent", "void quiescent(Task t, u64 deq_flags)"},
      {"enable", "void enable(Task t)"}};
  return signatures;
}

bool Mentions(const std::string& source, std::string_view word) {
  for (size_t at = source.find(word); at != source.npos; at = source.find(word, at + 1)) {
    auto part = [&](size_t i) { return i < source.size() && (std::isalnum(static_cast<unsigned char>(source[i])) || source[i] == '_'); };
    if ((at == 0 || !part(at - 1)) && !part(at + word.size())) return true;
  }
  return false;
}

std::string Indented(std::string_view lines, const std::string& indent) {
  std::string out;
  while (!lines.empty()) {
    size_t end = std::min(lines.find('\n'), lines.size() - 1);
    if (end > 0) out += indent;
    out += lines.substr(0, end + 1);
    lines.remove_prefix(end + 1);
  }
  return out;
}

bool InFunction(const Program& p, const EvolveBlock& b) {
  return std::any_of(p.functions.begin(), p.functions.end(), [&](const Function& f) { return f.range.Contains({b.begin, b.end}); });
}

}  // namespace

int64_t LogUniform(Rng& rng, uint64_t lo, uint64_t hi) {
  const double from = std::log(static_cast<double>(lo)), to = std::log(static_cast<double>(hi));
  auto v = static_cast<int64_t>(std::exp(from + rng.Unit() * (to - from)));
  int64_t unit = 1;
  while (v / unit >= 100) unit *= 10;
  return std::max(v / unit * unit, static_cast<int64_t>(lo));
}

void Patch::Replace(Range range, std::string text) { edits_.push_back({range, std::move(text)}); }

void Patch::InsertLines(size_t offset, std::string lines) {
  size_t begin = offset == 0 ? 0 : p_.source.rfind('\n', offset - 1) + 1;
  inserted_[begin] += lines;
}

const EvolveBlock* Patch::Block(std::string_view name) const {
  for (const EvolveBlock& b : p_.blocks)
    if (b.name == name) return &b;
  return nullptr;
}

int FunctionNamed(const Program& p, std::string_view name) {
  for (size_t i = 0; i < p.functions.size(); ++i)
    if (p.functions[i].name == name) return static_cast<int>(i);
  return -1;
}

const EvolveBlock* Patch::BlockIn(std::string_view hook) const {
  int f = FunctionNamed(p_, hook);
  if (f < 0) return nullptr;
  for (const EvolveBlock& b : p_.blocks)
    if (p_.functions[f].range.Contains({b.begin, b.end})) return &b;
  return nullptr;
}

bool Patch::HasHook(std::string_view hook) const { return FunctionNamed(p_, hook) >= 0; }

bool Patch::CanHook(std::string_view hook) const {
  if (BlockIn(hook)) return true;
  int f = FunctionNamed(p_, hook);
  // A hook that an earlier patch has put into the class's block.
  if (f >= 0) {
    const EvolveBlock* hooks = Block("hooks");
    return hooks && hooks->begin <= p_.functions[f].range.begin && p_.functions[f].range.end <= hooks->end;
  }
  return Block("hooks") && Signatures().contains(hook);
}

void Patch::InHook(std::string_view hook, std::string_view lines, bool measures) {
  if (!CanHook(hook)) return Fail();
  Body& body = hooks_[std::string(hook)];
  (measures ? body.measures : body.rules) += lines;
}

void Patch::OnWakeup(std::string_view statement) {
  std::string line = fmt::format("if (enq_flags & kEnqWakeup) {}\n", statement);
  if (CanHook("runnable")) return InHook("runnable", line, true);
  // Without that hook: what is placed in select_cpu() does not come to enqueue(), and a task that may run on
  // one CPU only does not come to select_cpu().
  InHook("enqueue", line, true);
  if (HasHook("select_cpu")) InHook("select_cpu", std::string(statement) + "\n", true);
}

bool Patch::Field(std::string_view block, const std::vector<ose::Field>& fields, std::string_view name, std::string_view comment) {
  if (std::any_of(fields.begin(), fields.end(), [&](const ose::Field& f) { return f.name == name; })) return false;
  if (std::find(new_names_.begin(), new_names_.end(), name) != new_names_.end()) return false;
  const EvolveBlock* b = Block(block);
  if (!b || fields.size() >= kMostFields) {
    Fail();
    return false;
  }
  new_names_.emplace_back(name);
  inserted_[b->end] += "";  // see Take(): the line of the END marker
  InsertLines(b->end, fmt::format("  u64 {};  // {}\n", name, comment));
  return true;
}

bool Patch::TaskField(std::string_view name, std::string_view comment) { return Field("task_state", p_.task_fields, name, comment); }
bool Patch::CpuField(std::string_view name, std::string_view comment) { return Field("cpu_state", p_.cpu_fields, name, comment); }
bool Patch::Member(std::string_view name, std::string_view comment) { return Field("hooks", p_.self_fields, name, comment); }

bool Patch::Queue(std::string_view name, uint64_t id, bool per_cpu, std::string_view comment) {
  if (Mentions(p_.source, name)) return false;
  const EvolveBlock *members = Block("hooks"), *init = Block("init");
  if (!members || !init) {
    Fail();
    return false;
  }
  InsertLines(members->begin, fmt::format("  static constexpr DsqId {} = {};  // {}\n", name, id, comment));
  std::string create =
      per_cpu ? fmt::format("    for_each_cpu([&](s32 c) {{\n      if (error == 0) error = dsq_create({} + static_cast<u64>(c));\n    }});\n", name)
              : fmt::format("    if (error == 0) error = dsq_create({});\n", name);
  InsertLines(init->end, create);
  return true;
}

std::string Patch::Time(std::string_view role, uint64_t lo, uint64_t hi) {
  std::vector<std::string> known;
  for (const TunableDecl& t : p_.tunables)
    if (t.name.ends_with("_ns") && t.min >= 0) known.push_back(t.name);
  if (!known.empty() && rng_.Below(4) == 0) return fmt::format("static_cast<u64>({})", Pick(known, rng_));
  const int64_t value = LogUniform(rng_, lo, hi);
  const EvolveBlock* b = Block("tunables");
  if (!b || p_.tunables.size() + new_names_.size() >= kMostTunables || rng_.Below(4) == 0) return FormatNumber(value, value > 9999) + "ULL";
  std::string name = fmt::format("{}_ns", role);
  for (int k = 2; Mentions(p_.source, name) || std::find(new_names_.begin(), new_names_.end(), name) != new_names_.end(); ++k)
    name = fmt::format("{}_{}_ns", role, k);
  new_names_.push_back(name);
  InsertLines(b->end, fmt::format("TUNABLE({}, {}, {}, {})\n", name, FormatNumber(value, value > 9999), std::min<uint64_t>(lo, 100), FormatNumber(1'000'000'000, true)));
  return fmt::format("static_cast<u64>({})", name);
}

std::optional<TreeChange> Patch::Take(std::string note) {
  std::string added;
  for (const auto& [hook, body] : hooks_) {
    std::string lines = body.measures + body.rules;
    if (const EvolveBlock* b = BlockIn(hook); b && InFunction(p_, *b)) {
      InsertLines(b->begin, Indented(lines, "    "));
    } else if (int f = FunctionNamed(p_, hook); f >= 0) {
      // In the hooks block: behind the brace that opens the body.
      size_t brace = p_.source.find('{', p_.functions[f].range.begin), line = p_.source.find('\n', brace);
      if (brace == p_.source.npos || line == p_.source.npos || line > p_.functions[f].range.end) return std::nullopt;
      inserted_[line + 1] += Indented(lines, "    ");
    } else {
      added += fmt::format("  {} {{\n{}  }}\n", Signatures().at(hook), Indented(lines, "    "));
    }
  }
  if (!added.empty()) InsertLines(Block("hooks")->end, added);
  if (failed_) return std::nullopt;
  TreeChange change;
  change.edits = std::move(edits_);
  for (auto& [offset, text] : inserted_)
    if (!text.empty()) change.edits.push_back({{offset, offset}, std::move(text)});
  // An insertion at the begin of a replaced range would depend on the order of the sort.
  std::stable_sort(change.edits.begin(), change.edits.end(), [](const TextEdit& a, const TextEdit& b) { return a.range.begin < b.range.begin; });
  for (size_t i = 1; i < change.edits.size(); ++i)
    if (change.edits[i].range.begin <= change.edits[i - 1].range.begin || change.edits[i].range.begin < change.edits[i - 1].range.end) return std::nullopt;
  change.note = std::move(note);
  return change;
}

// --- Facts --------------------------------------------------------------------------------

Fact Attained(Patch& patch) {
  if (patch.TaskField("run_at_wake", "run_total() when it was last woken")) patch.OnWakeup("t->run_at_wake = t.run_total();");
  return {"(t.run_total() - t->run_at_wake)", true, "CPU time since wake-up", "attained", true};
}

Fact DrawFact(Patch& patch) {
  switch (patch.rng().Below(10)) {
    case 0:
      return {"t.run_total()", true, "CPU time", "cpu_time", true};
    case 1:
      return {"udiv(t.run_total(), t.nr_wakeups() + 1)", true, "mean burst", "mean_burst"};
    case 2:
      return {"udiv(t.wait_total(), t.nr_wakeups() + 1)", true, "mean wait", "mean_wait"};
    case 3:
      return {"static_cast<u64>(t.hint())", true, "hint", "hint"};
    case 4:
      return {"t.nr_wakeups()", false, "wake-ups", "wakeups"};
    case 5: {
      Fact ran = Attained(patch);
      return {fmt::format("udiv({} * 100, t.weight())", ran.text), true, "weighted CPU time since wake-up", "weighted"};
    }
    case 6: {
      if (patch.TaskField("woken_at", "when it was last woken")) patch.OnWakeup("t->woken_at = now();");
      return {"(now() - t->woken_at)", true, "time since wake-up", "age", true};
    }
    case 7: {
      // As TCP and the shortest-job predictors of the literature do: 1/4 new, 3/4 old.
      if (patch.TaskField("usual_burst", "mean CPU time between sleeps, recent ones more")) {
        Fact ran = Attained(patch);
        patch.InHook("stopping", fmt::format("if (!runnable) t->usual_burst = (3 * t->usual_burst + {}) / 4;\n", ran.text), true);
      }
      return {"t->usual_burst", true, "usual burst", "usual_burst"};
    }
    default:
      return Attained(patch);
  }
}

std::string DrawClass(Patch& patch, std::string_view flags) {
  Rng& rng = patch.rng();
  for (;;) {
    switch (rng.Below(8)) {
      case 0:
        if (flags.empty()) continue;
        return fmt::format("({} & kEnqWakeup)", flags);
      case 1:
        if (flags.empty()) continue;
        return fmt::format("!({} & kEnqWakeup)", flags);
      case 2:
        return "t.weight() > 100";
      case 3:
        return "t.waker() != 0";
      default: {
        Fact fact = DrawFact(patch);
        if (fact.time) return fmt::format("{} {} {}", fact.text, rng.Below(4) ? "<" : ">", patch.Time("class"));
        return fmt::format("{} < {}", fact.text, int{2} << rng.Below(8));
      }
    }
  }
}

std::string DrawSlice(Patch& patch) {
  switch (patch.rng().Below(8)) {
    case 0:
      return "kSliceInfinite";
    case 1:
      return "kSliceDefault";
    default:
      return patch.Time("turn", 1'000, 20'000'000);
  }
}

void MeasureTurns(Patch& patch) {
  if (!patch.CpuField("turn_began", "when the turn of what runs here began, 0: idle")) return;
  patch.InHook("running", "cpu_state(t.cpu()).turn_began = now();\n", true);
  patch.InHook("stopping", "cpu_state(t.cpu()).turn_began = 0;\n", true);
}

std::string MeasureRank(Patch& patch, const Fact& fact) {
  std::string field = "turn_" + fact.id;
  if (patch.CpuField(field, fact.name + " of what runs here, when its turn began")) patch.InHook("running", fmt::format("cpu_state(t.cpu()).{} = {};\n", field, fact.text), true);
  return field;
}

// --- Places -------------------------------------------------------------------------------

bool IsBuiltinQueue(std::string_view text) {
  return text.find("kDsqLocal") != text.npos || text.find("kDsqGlobal") != text.npos || text.find("local_on") != text.npos;
}

std::string QueueFor(const Program& p, size_t offset, int function, Rng& rng) {
  std::vector<std::string> found;
  for (const Call& c : p.calls) {
    static const std::vector<std::string_view> names = {"insert", "insert_vtime", "dsq_move_to_local"};
    if (c.args.empty() || std::find(names.begin(), names.end(), c.name) == names.end()) continue;
    std::string text(p.Text(c.args[0]));
    if (IsBuiltinQueue(text)) continue;
    bool constant = std::any_of(p.constants.begin(), p.constants.end(), [&](const LocalName& n) { return n.name == text; });
    // Else what the call needs must be there: a parameter like cpu, not the variable of a loop.
    if (!constant && (c.function != function || !p.Offers(offset, function, c))) continue;
    if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(text);
  }
  return found.empty() ? "" : Pick(found, rng);
}

const Statement* InsertStatement(const Program& p, Rng& rng, bool user_queue) {
  int enqueue = FunctionNamed(p, "enqueue");
  std::vector<const Statement*> found;
  for (const Statement& s : p.statements) {
    if (s.function != enqueue || s.kind != CXCursor_CallExpr || s.lines == s.range) continue;
    for (const Call& c : p.calls)
      if (c.range.begin == s.range.begin && (c.name == "insert" || c.name == "insert_vtime") && c.args.size() >= 2 &&
          (!user_queue || !IsBuiltinQueue(p.Text(c.args[0]))))
        found.push_back(&s);
  }
  return found.empty() ? nullptr : Pick(found, rng);
}

}  // namespace ose
