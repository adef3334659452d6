// Operators that change which statements run, and in which order.
//
// A task that enqueue() inserts nowhere is lost, and one that is inserted twice ejects the
// policy: statements that insert are guarded only together with an alternative (branch), never
// deleted or copied. The same holds for what dispatch() lives from.
#include <fmt/format.h>

#include <algorithm>

#include "mutate/operators.h"

namespace ose {
namespace {

std::string In(const Program& p, const Statement& s) { return p.blocks[s.block].name + ": "; }

bool OnOwnLines(const Statement& s) { return !(s.lines == s.range); }

bool Vital(const Statement& s) { return s.inserts || s.moves; }

template <class F>
std::vector<const Statement*> Select(const Program& p, F&& keep) {
  std::vector<const Statement*> out;
  for (const Statement& s : p.statements)
    if (OnOwnLines(s) && keep(s)) out.push_back(&s);
  return out;
}

// `if (condition) statement`, on one line when that is readable.
std::string Guarded(const Program& p, const Statement& s, const std::string& condition) {
  std::string indent = IndentAt(p, s.range.begin), text(p.Text(s.range));
  bool simple = text.find('\n') == text.npos && s.kind != CXCursor_IfStmt && s.kind != CXCursor_CompoundStmt;
  if (simple && text.size() + condition.size() + indent.size() < 90)
    return fmt::format("if ({}) {}", condition, text);
  return fmt::format("if ({}) {{\n{}\n{}}}", condition, Reindent(indent + text, indent + "  "), indent);
}

}  // namespace

std::optional<TreeChange> GuardStatement(const Program& p, const Mates&, Rng& rng) {
  auto found = Select(p, [](const Statement& s) { return !s.declares && !Vital(s); });
  if (found.empty()) return std::nullopt;
  const Statement& s = *Pick(found, rng);
  std::string condition = RandomCondition(p, s.range.begin, s.function, rng);
  if (condition.empty()) return std::nullopt;
  return TreeChange{{{s.range, Guarded(p, s, condition)}},
                fmt::format("{}'{}' only if {}", In(p, s), Brief(p.Text(s.range)), Brief(condition))};
}

std::optional<TreeChange> BranchStatement(const Program& p, const Mates&, Rng& rng) {
  // The calls that have variants, and the statements that are just such a call.
  std::vector<std::pair<const Statement*, const Call*>> found;
  for (const Statement* s : Select(p, [](const Statement& s) { return s.kind == CXCursor_CallExpr; }))
    for (const Call& c : p.calls)
      if (c.range.begin == s->range.begin && s->range.Contains(c.range)) found.push_back({s, &c});
  if (found.empty()) return std::nullopt;
  auto [s, call] = Pick(found, rng);
  std::optional<TreeChange> variant = VaryCall(p, *call, rng);
  if (!variant) return std::nullopt;
  for (const TextEdit& e : variant->edits)
    if (!s->range.Contains(e.range)) return std::nullopt;  // changes other calls as well
  std::string condition = RandomCondition(p, s->range.begin, s->function, rng);
  std::string old(p.Text(s->range)), indent = IndentAt(p, s->range.begin);
  for (TextEdit& e : variant->edits) e.range = {e.range.begin - s->range.begin, e.range.end - s->range.begin};
  std::string changed = ApplyEdits(old, variant->edits);
  if (old == changed) return std::nullopt;
  std::string text = fmt::format("if ({}) {{\n{}\n{}}} else {{\n{}\n{}}}", condition,
                                 Reindent(indent + changed, indent + "  "), indent,
                                 Reindent(indent + old, indent + "  "), indent);
  return TreeChange{{{s->range, text}}, fmt::format("{} if {}", variant->note, Brief(condition))};
}

std::optional<TreeChange> DeleteStatement(const Program& p, const Mates&, Rng& rng) {
  auto found = Select(p, [&](const Statement& s) {
    if (s.kind == CXCursor_ReturnStmt) return false;
    return !Vital(s) && (!s.declares || rng.Below(4) == 0);
  });
  if (found.empty()) return std::nullopt;
  const Statement& s = *Pick(found, rng);
  return TreeChange{{{s.lines, ""}}, fmt::format("{}without '{}'", In(p, s), Brief(p.Text(s.range)))};
}

std::optional<TreeChange> CopyStatement(const Program& p, const Mates&, Rng& rng) {
  auto sources = Select(p, [](const Statement& s) { return !s.declares && !s.bound && !s.returns; });
  auto places = Select(p, [](const Statement&) { return true; });
  if (sources.empty()) return std::nullopt;
  const Statement& s = *Pick(sources, rng);
  std::erase_if(places, [&](const Statement* at) {
    return at == &s || !p.Offers(at->lines.begin, at->function, s) || s.range.Contains(at->range);
  });
  if (places.empty()) return std::nullopt;
  const Statement& at = *Pick(places, rng);
  std::string copy =
      Reindent(IndentAt(p, s.range.begin) + std::string(p.Text(s.range)), IndentAt(p, at.range.begin)) + "\n";
  return TreeChange{
      {{{at.lines.begin, at.lines.begin}, copy}},
      fmt::format("{}'{}' also before '{}'", In(p, at), Brief(p.Text(s.range)), Brief(p.Text(at.range)))};
}

std::optional<TreeChange> MoveStatement(const Program& p, const Mates&, Rng& rng) {
  auto all = Select(p, [](const Statement&) { return true; });
  std::vector<std::pair<const Statement*, const Statement*>> moves;
  for (const Statement* s : all) {
    if (s->kind == CXCursor_ReturnStmt) continue;
    for (const Statement* at : all) {
      bool elsewhere = at != s && !s->lines.Contains(at->lines) && s->lines.end != at->lines.begin;
      // Within the hook; a vital statement stays under its conditions.
      if (elsewhere && at->function == s->function && (at->list == s->list || !(Vital(*s) || s->declares)) &&
          !at->lines.Contains(s->lines) && p.Offers(at->lines.begin, at->function, *s))
        moves.push_back({s, at});
    }
  }
  if (moves.empty()) return std::nullopt;
  auto [s, at] = Pick(moves, rng);
  std::string indent = IndentAt(p, at->range.begin);
  std::string text = Reindent(p.Text(s->lines), indent);
  return TreeChange{
      {{s->lines, ""}, {{at->lines.begin, at->lines.begin}, text}},
      fmt::format("{}'{}' before '{}'", In(p, *s), Brief(p.Text(s->range)), Brief(p.Text(at->range)))};
}

std::optional<TreeChange> SwapStatements(const Program& p, const Mates&, Rng& rng) {
  auto all = Select(p, [](const Statement& s) { return s.kind != CXCursor_ReturnStmt; });
  std::vector<std::pair<const Statement*, const Statement*>> pairs;
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t k = i + 1; k < all.size(); ++k) {
      const Statement &a = *all[i], &b = *all[k];
      // b must find its names at a; what a declares and b (or code between) needs is the parser's to say.
      if (a.function == b.function && a.block == b.block && a.lines.end <= b.lines.begin &&
          (a.list == b.list || (!Vital(a) && !Vital(b) && !a.declares && !b.declares)) && !a.declares &&
          p.Offers(a.lines.begin, a.function, b))
        pairs.push_back({&a, &b});
    }
  if (pairs.empty()) return std::nullopt;
  auto [a, b] = Pick(pairs, rng);
  if (p.Text(a->lines) == p.Text(b->lines)) return std::nullopt;
  return TreeChange{{{a->lines, Reindent(p.Text(b->lines), IndentAt(p, a->range.begin))},
                 {b->lines, Reindent(p.Text(a->lines), IndentAt(p, b->range.begin))}},
                fmt::format("{}'{}' <-> '{}'", In(p, *a), Brief(p.Text(a->range)), Brief(p.Text(b->range)))};
}

}  // namespace ose
