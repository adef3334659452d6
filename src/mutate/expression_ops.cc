// Operators that change a number, an operator, an expression or a call.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "mutate/operators.h"

namespace ose {
namespace {

using ast::Range;

std::string Where(const Program& p, const Piece& piece) {
  return piece.block >= 0 ? p.blocks[piece.block].name + ": " : "";
}

TreeChange Replace(const Program& p, const Piece& piece, Range range, std::string text) {
  std::string note = fmt::format("{}'{}' -> '{}'", Where(p, piece), Brief(p.Text(range)), Brief(text));
  return {{{range, std::move(text)}}, std::move(note)};
}

// Without brackets around the whole of it.
std::string Unbracketed(const std::string& text) {
  if (!text.starts_with("(") || !text.ends_with(")")) return text;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (depth == 0 && i + 1 < text.size()) return text;
  }
  return text.substr(1, text.size() - 2);
}

// An operand of `op`, in brackets if it would otherwise group anew. Comparisons under && and ||
// need none.
std::string OperandOf(std::string_view op, std::string_view text) {
  bool logical = op == "&&" || op == "||";
  if (logical && text.find("&&") == text.npos && text.find("||") == text.npos && text.find('?') == text.npos)
    return std::string(text);
  return Operand(text);
}

// A standard normal deviate, near enough: the sum of 12 uniforms (no libm, the same everywhere).
double Normal(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.Unit();
  return sum;
}

int64_t StepTunable(const TunableDecl& t, Rng& rng) {
  const double lo = static_cast<double>(t.min), hi = static_cast<double>(t.max);
  const double x = static_cast<double>(t.default_value);
  double y;
  uint64_t kind = rng.Below(10);
  // Wide positive ranges are searched by ratio, others by difference.
  bool by_ratio = t.min >= 0 && hi > 64 * std::max(1.0, lo);
  if (kind < 7) {
    y = by_ratio && x > 0 ? x * std::exp(Normal(rng) * (kind < 4 ? 0.3 : 1.0))
                          : x + Normal(rng) * std::max(1.0, (hi - lo) * (kind < 4 ? 0.05 : 0.25));
  } else if (by_ratio) {
    double from = std::log(std::max(1.0, lo)), to = std::log(hi);
    y = std::exp(from + rng.Unit() * (to - from));
  } else {
    y = lo + rng.Unit() * (hi - lo);
  }
  y = std::clamp(y, lo, hi);
  int64_t v = y >= 9.2e18 ? t.max : std::clamp(static_cast<int64_t>(std::llround(y)), t.min, t.max);
  // Two significant digits more than a reader remembers are noise.
  int64_t unit = 1;
  while (v / unit >= 10'000 || v / unit <= -10'000) unit *= 10;
  v = std::clamp(v / unit * unit, t.min, t.max);
  if (v == t.default_value) v = v < t.max && (v == t.min || rng.Below(2)) ? v + 1 : v - 1;
  return std::clamp(v, t.min, t.max);
}

std::vector<const Expression*> InBlocks(const Program& p) {
  std::vector<const Expression*> out;
  for (const Expression& e : p.expressions)
    if (e.block >= 0) out.push_back(&e);
  return out;
}

// Argument `i` of a call is written there.
bool Has(const Call& c, size_t i) { return c.args.size() > i; }

bool IsBuiltinQueue(std::string_view text) {
  return text == "kDsqLocal" || text == "kDsqGlobal" || text.find("local_on") != text.npos ||
         text.find("kDsqLocalOn") != text.npos;
}

// insert(q, slice, flags) <-> insert_vtime(q, slice, key, flags). A queue takes one kind only, so
// all calls on that queue change together, and only if all of them may change.
std::optional<TreeChange> SwapInsert(const Program& p, const Call& call, Rng& rng) {
  std::string_view queue = p.Text(call.args[0]);
  if (IsBuiltinQueue(queue)) return std::nullopt;
  bool to_vtime = call.name == "insert";
  TreeChange change;
  for (const Call& c : p.calls) {
    if ((c.name != "insert" && c.name != "insert_vtime") || c.args.empty()) continue;
    std::string_view q = p.Text(c.args[0]);
    if (IsBuiltinQueue(q)) continue;
    // Queue(epoch, level) and Queue(cpu) may be one queue: by the text up to the bracket.
    if (q.substr(0, q.find('(')) != queue.substr(0, queue.find('('))) return std::nullopt;
    if (c.block < 0 || c.name != call.name || !Has(c, 1) || (!to_vtime && !Has(c, 2))) return std::nullopt;
    std::string_view text = p.Text(c.range);
    size_t at = text.find(c.name);
    if (at == text.npos || at > c.args[0].begin - c.range.begin) return std::nullopt;
    Range name{c.range.begin + at, c.range.begin + at + c.name.size()};
    change.edits.push_back({name, to_vtime ? "insert_vtime" : "insert"});
    if (to_vtime) {
      std::vector<std::string> keys;
      for (const Atom& a : AtomsAt(p, c.range.begin, c.function))
        if (a.type == "unsigned long long" && a.text.find("slice") == std::string::npos)
          keys.push_back(a.text);
      if (keys.empty()) return std::nullopt;
      change.edits.push_back({{c.args[1].end, c.args[1].end}, ", " + Pick(keys, rng)});
    } else {
      change.edits.push_back({{c.args[1].end, c.args[2].end}, ""});
    }
  }
  change.note = fmt::format("{}queue {} becomes {}", Where(p, call), Brief(queue),
                            to_vtime ? "ordered by vtime" : "FIFO");
  return change;
}

// Adds or removes a flag of the argument at `i`, or appends it as the last argument.
std::optional<TreeChange> ToggleFlag(const Program& p, const Call& call, size_t i, const std::string& flag) {
  if (call.args.size() == i) {
    size_t end = call.args.empty() ? call.range.end - 1 : call.args.back().end;
    TreeChange c{{{{end, end}, (call.args.empty() ? "" : ", ") + flag}}, {}};
    c.note = fmt::format("{}{} with {}", Where(p, call), Brief(p.Text(call.range)), flag);
    return c;
  }
  if (call.args.size() < i) return std::nullopt;
  std::string old(p.Text(call.args[i])), text;
  if (old == flag)
    text = "0";
  else if (old == "0")
    text = flag;
  else if (size_t at = old.find(" | " + flag); at != old.npos)
    text = old.substr(0, at) + old.substr(at + 3 + flag.size());
  else if (old.find(flag) != old.npos)
    return std::nullopt;
  else
    text = Operand(old) + " | " + flag;
  return Replace(p, call, call.args[i], text);
}

std::optional<TreeChange> OtherArgument(const Program& p, const Call& call, size_t i,
                                    std::vector<std::string> choices, Rng& rng) {
  if (!Has(call, i)) return std::nullopt;
  std::erase(choices, std::string(p.Text(call.args[i])));
  if (choices.empty()) return std::nullopt;
  return Replace(p, call, call.args[i], Pick(choices, rng));
}

// Queues that a call at this place may name: those that the policy inserts into by the same kind
// of call, and, for FIFO inserts, the built-in ones.
std::vector<std::string> Queues(const Program& p, const Call& call) {
  std::set<std::string> found;
  for (const Call& c : p.calls)
    if (c.name == call.name && Has(c, 0) && !c.uses_this && c.function == call.function)
      found.insert(std::string(p.Text(c.args[0])));
  std::vector<std::string> out(found.begin(), found.end());
  if (call.name == "insert") {
    bool select = call.function >= 0 && p.functions[call.function].name == "select_cpu";
    out.push_back("kDsqLocal");
    if (!select) out.push_back("kDsqGlobal");
  }
  return out;
}

std::optional<TreeChange> VarySlice(const Program& p, const Call& call, size_t i, Rng& rng) {
  if (!Has(call, i)) return std::nullopt;
  std::string old(p.Text(call.args[i]));
  std::vector<std::string> choices = {"kSliceDefault"};
  if (old != "0" && old != "kSliceInfinite")
    for (const char* factor : {" / 2", " / 4", " * 2", " * 4"}) choices.push_back(Operand(old) + factor);
  for (const TunableDecl& t : p.tunables)
    if (t.name.ends_with("_ns") && t.min >= 0) choices.push_back(t.name);
  return OtherArgument(p, call, i, choices, rng);
}

}  // namespace

std::optional<TreeChange> VaryCall(const Program& p, const Call& call, Rng& rng) {
  bool is_insert = call.name == "insert", is_vtime = call.name == "insert_vtime";
  if (is_insert || is_vtime) {
    switch (rng.Below(5)) {
      case 0:
        return Has(call, 0) ? SwapInsert(p, call, rng) : std::nullopt;
      case 1:
        return OtherArgument(p, call, 0, Queues(p, call), rng);
      case 2:
        return VarySlice(p, call, 1, rng);
      case 3:
        if (is_insert) return ToggleFlag(p, call, 2, "kEnqHead");
        if (Has(call, 2)) {
          std::string key(p.Text(call.args[2]));
          std::vector<std::string> choices;
          for (const Atom& a : AtomsAt(p, call.range.begin, call.function))
            if (a.type == "unsigned long long") {
              choices.push_back(a.text);
              if (a.time) choices.push_back(fmt::format("{} + {}", Operand(key), a.text));
            }
          return OtherArgument(p, call, 2, choices, rng);
        }
        return std::nullopt;
      default:
        return ToggleFlag(p, call, is_insert ? 2 : 3, "kEnqPreempt");
    }
  }
  if (call.name == "kick_cpu") return OtherArgument(p, call, 1, {"kKickIdle", "kKickPreempt", "0"}, rng);
  if (call.name == "pick_idle") return ToggleFlag(p, call, 0, "kPickIdleCore");
  if (call.name == "pick_idle_in") {
    if (rng.Below(2)) return ToggleFlag(p, call, 2, "kPickIdleCore");
    return OtherArgument(p, call, 1, {"kSameCore", "kSameLlc", "kSameNode", "kAnywhere"}, rng);
  }
  if (call.name == "set_slice" || call.name == "keep_running" || call.name == "timer_start")
    return VarySlice(p, call, 0, rng);
  if (call.name == "min" || call.name == "max") {
    Range name{call.range.begin, call.range.begin + 3};
    return Replace(p, call, name, call.name == "min" ? "max" : "min");
  }
  if (call.name == "before" && call.args.size() == 2) {
    TreeChange c{{{call.args[0], std::string(p.Text(call.args[1]))},
              {call.args[1], std::string(p.Text(call.args[0]))}},
             {}};
    c.note = fmt::format("{}{} the other way round", Where(p, call), Brief(p.Text(call.range)));
    return c;
  }
  return std::nullopt;
}

std::optional<TreeChange> MutateTunable(const Program& p, const Mates&, Rng& rng) {
  std::vector<const TunableDecl*> open;
  for (const TunableDecl& t : p.tunables)
    if (t.min < t.max) open.push_back(&t);
  if (open.empty()) return std::nullopt;
  TreeChange change;
  // Mostly one at a time; the search needs a joint step now and then.
  size_t n = rng.Below(3) == 0 ? 1 + rng.Below(open.size()) : 1;
  for (; n > 0; --n) {
    size_t k = rng.Below(open.size());
    const TunableDecl& t = *open[k];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
    int64_t v = StepTunable(t, rng);
    std::string text = FormatNumber(v, true);
    change.edits.push_back({{t.default_begin, t.default_end}, text});
    change.note += fmt::format("{}{} {} -> {}", change.note.empty() ? "" : ", ", t.name,
                               FormatNumber(t.default_value, true), text);
  }
  return change;
}

std::optional<TreeChange> MutateConstant(const Program& p, const Mates&, Rng& rng) {
  std::vector<const Expression*> found;
  for (const Expression* e : InBlocks(p))
    if (e->literal && (e->slot == Slot::kFree || e->slot == Slot::kDivisor || e->slot == Slot::kLoopBound))
      found.push_back(e);
  if (found.empty()) return std::nullopt;
  const Expression& e = *Pick(found, rng);
  const int64_t v = *e.literal;
  std::vector<int64_t> choices = {v + 1, v - 1, v * 2, v / 2, v + (v + 3) / 4, v - (v + 3) / 4, 0};
  for (const Expression* other : found)
    if (other->type == e.type) choices.push_back(*other->literal);
  bool is_unsigned = e.type.starts_with("unsigned");
  bool positive = e.slot == Slot::kDivisor || e.slot == Slot::kLoopBound;
  std::erase_if(choices, [&](int64_t c) {
    return c == v || (c < 0 && (is_unsigned || positive)) || (c == 0 && positive) ||
           (e.slot == Slot::kLoopBound && c > 1024) || c > (int64_t{1} << 62) ||
           ((e.type == "int" || e.type == "unsigned int") && (c > INT32_MAX || c < INT32_MIN));
  });
  // Sometimes a tunable, which later steps can tune.
  if (e.slot == Slot::kFree && !p.tunables.empty() && rng.Below(6) == 0) {
    const TunableDecl& t = Pick(p.tunables, rng);
    return Replace(p, e, e.range, Converted(t.name, "long long", e.type));
  }
  if (choices.empty()) return std::nullopt;
  int64_t c = Pick(choices, rng);
  std::string text = FormatNumber(c, c > 9999 || c < -9999);
  if (e.type == "unsigned int") text += "u";
  if (e.type == "unsigned long long") text += "ULL";
  if (e.type == "long long") text += "LL";
  bool after_minus = e.range.begin > 0 && p.source[e.range.begin - 1] == '-';
  return Replace(p, e, e.range, c < 0 && after_minus ? "(" + text + ")" : text);
}

std::optional<TreeChange> MutateComparison(const Program& p, const Mates&, Rng& rng) {
  static const std::map<CXBinaryOperatorKind, std::string> spelling = {
      {CXBinaryOperator_LT, "<"},  {CXBinaryOperator_GT, ">"},  {CXBinaryOperator_LE, "<="},
      {CXBinaryOperator_GE, ">="}, {CXBinaryOperator_EQ, "=="}, {CXBinaryOperator_NE, "!="}};
  std::vector<const Expression*> found;
  for (const Expression* e : InBlocks(p))
    if (spelling.contains(e->op) && e->slot == Slot::kFree) found.push_back(e);
  if (found.empty()) return std::nullopt;
  const Expression& e = *Pick(found, rng);
  std::vector<std::string> choices;
  for (const auto& [op, text] : spelling)
    if (op != e.op) choices.push_back(text);
  TreeChange change = Replace(p, e, e.op_range, Pick(choices, rng));
  change.note = fmt::format("{}in '{}': '{}' -> '{}'", Where(p, e), Brief(p.Text(e.range)),
                            p.Text(e.op_range), change.edits[0].text);
  return change;
}

std::optional<TreeChange> MutateArithmetic(const Program& p, const Mates&, Rng& rng) {
  // Groups of operators that may stand for each other.
  static const std::vector<std::vector<std::string>> groups = {
      {"+", "-", "*"},   {"&", "|", "^"},    {"<<", ">>"},  {"&&", "||"},
      {"+=", "-=", "="}, {"&=", "|=", "^="}, {"<<=", ">>="}};
  std::vector<const Expression*> found;
  auto group_of = [&](const Expression& e) -> const std::vector<std::string>* {
    // A plain assignment stays: `x = y` rarely means `x += y`, whose x may be new.
    if (e.op == CXBinaryOperator_Invalid || e.op == CXBinaryOperator_Assign || e.slot != Slot::kFree)
      return nullptr;
    std::string op(p.Text(e.op_range));
    for (const auto& g : groups)
      if (std::find(g.begin(), g.end(), op) != g.end()) return &g;
    return nullptr;
  };
  for (const Expression* e : InBlocks(p))
    if (group_of(*e)) found.push_back(e);
  if (found.empty()) return std::nullopt;
  const Expression& e = *Pick(found, rng);
  std::string old(p.Text(e.op_range));
  std::vector<std::string> choices = *group_of(e);
  std::erase(choices, old);
  std::string op = Pick(choices, rng);
  TreeChange change = Replace(p, e, e.op_range, op);
  // The new operator may bind otherwise: brackets keep the grouping that the author wrote.
  if (!e.assigns && p.Text(e.range).find('\n') == std::string_view::npos) {
    auto side = [&](size_t begin, size_t end) {
      while (begin < end && p.source[begin] == ' ') ++begin;
      while (begin < end && p.source[end - 1] == ' ') --end;
      return OperandOf(op, p.Text({begin, end}));
    };
    std::string whole =
        fmt::format("{} {} {}", side(e.range.begin, e.op_range.begin), op, side(e.op_range.end, e.range.end));
    change.edits = {{e.range, e.nested ? "(" + whole + ")" : whole}};
  }
  change.note = fmt::format("{}in '{}': '{}' -> '{}'", Where(p, e), Brief(p.Text(e.range)), old, op);
  return change;
}

std::optional<TreeChange> NegateCondition(const Program& p, const Mates&, Rng& rng) {
  std::vector<const Expression*> found;
  for (const Expression* e : InBlocks(p))
    if (e->condition && !e->assigns) found.push_back(e);
  if (found.empty()) return std::nullopt;
  const Expression& e = *Pick(found, rng);
  std::string text(p.Text(e.range));
  if (text.starts_with("!") && Operand(text) == text)
    return Replace(p, e, e.range, e.nested ? text.substr(1) : Unbracketed(text.substr(1)));
  return Replace(p, e, e.range, "!" + Operand(text));
}

std::optional<TreeChange> ReplaceExpression(const Program& p, const Mates&, Rng& rng) {
  auto plain = [&](const Expression& e) {
    return !e.assigns && !e.bound && (e.slot == Slot::kFree || e.slot == Slot::kCpu) &&
           p.Text(e.range).find("[&]") == std::string_view::npos;
  };
  std::vector<const Expression*> targets;
  for (const Expression* e : InBlocks(p))
    if (plain(*e)) targets.push_back(e);
  if (targets.empty()) return std::nullopt;
  const Expression& target = *Pick(targets, rng);
  std::string_view old = p.Text(target.range);
  std::vector<std::string> choices;
  for (const Expression& e : p.expressions) {
    std::string_view text = p.Text(e.range);
    if (plain(e) && e.type == target.type && e.slot == target.slot && text != old && text.size() <= 80 &&
        text.find('\n') == text.npos && p.Offers(target.range.begin, target.function, e))
      choices.emplace_back(text);
  }
  if (target.slot == Slot::kCpu) {
    if (old != "this_cpu()" && target.type == "int") choices.push_back("this_cpu()");
  } else {
    for (const Atom& a : AtomsAt(p, target.range.begin, target.function)) {
      if (a.text == old || (a.type == "bool") != (target.type == "bool")) continue;
      // Other integer types fit too, but the policy's own are likelier to mean something.
      if (a.type == target.type || rng.Below(4) == 0)
        choices.push_back(Converted(a.text, a.type, target.type));
    }
  }
  if (choices.empty()) return std::nullopt;
  const std::string& text = Pick(choices, rng);
  return Replace(p, target, target.range, target.nested ? Operand(text) : Unbracketed(text));
}

std::optional<TreeChange> MutateCall(const Program& p, const Mates&, Rng& rng) {
  static const std::set<std::string_view> varied = {
      "insert",       "insert_vtime", "kick_cpu", "pick_idle", "pick_idle_in", "set_slice",
      "keep_running", "timer_start",  "min",      "max",       "before"};
  std::vector<const Call*> found;
  for (const Call& c : p.calls)
    if (c.block >= 0 && varied.contains(c.name)) found.push_back(&c);
  if (found.empty()) return std::nullopt;
  return VaryCall(p, *Pick(found, rng), rng);
}

}  // namespace ose
