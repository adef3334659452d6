// Taking things out again: what many steps of variation leave behind and nobody needs.
#include <fmt/format.h>

#include <algorithm>

#include "core/lexer.h"
#include "mutate/patch.h"

namespace ose {
namespace {

using ast::Range;

size_t Uses(const Program& p, Range in, std::string_view name) {
  size_t n = 0;
  for (const LexToken& t : Lex(p.Text(in)))
    if (t.kind == LexKind::kIdentifier && t.text == name) ++n;
  return n;
}

Range LineAt(const Program& p, size_t offset) {
  size_t begin = offset == 0 ? 0 : p.source.rfind('\n', offset - 1) + 1;
  return {begin, std::min(p.source.find('\n', offset), p.source.size() - 1) + 1};
}

TreeChange Without(const Program& p, Range lines, std::string_view what) { return {{{lines, ""}}, fmt::format("without {}", Brief(what.empty() ? p.Text(lines) : what))}; }

// The statement under an if, as text without braces; "" if there is an else or more than meets the eye.
std::string BodyOf(const Program& p, const Statement& s) {
  std::string_view text = p.Text(s.range);
  size_t open = text.find('(');
  if (open == text.npos) return "";
  int depth = 0;
  size_t close = open;
  for (; close < text.size(); ++close) {
    depth += text[close] == '(' ? 1 : text[close] == ')' ? -1 : 0;
    if (depth == 0) break;
  }
  std::string_view condition = text.substr(open, close - open);
  if (condition.find(';') != text.npos || text.find(" else ") != text.npos || text.find("}\n") != text.npos) return "";
  std::string_view body = text.substr(close + 1);
  while (body.starts_with(' ') || body.starts_with('\n')) body.remove_prefix(1);
  return body.starts_with("{") ? "" : std::string(body);
}

}  // namespace

std::optional<TreeChange> Simplify(const Program& p, const Mates&, Rng& rng) {
  std::vector<TreeChange> sure;
  // What is declared and not used.
  for (const TunableDecl& t : p.tunables) {
    const Range line = LineAt(p, t.default_begin);
    if (p.BlockOf(line) >= 0 && Uses(p, {0, p.source.size()}, t.name) == 1) sure.push_back(Without(p, line, "the unused tunable " + t.name));
  }
  for (const EvolveBlock& b : p.blocks) {
    if (b.name != "task_state" && b.name != "cpu_state") continue;
    for (const std::vector<Field>* fields : {&p.task_fields, &p.cpu_fields})
      for (const Field& f : *fields) {
        size_t at = p.source.find(" " + f.name + ";", b.begin);
        if (at < b.end && Uses(p, {0, p.source.size()}, f.name) == 1) sure.push_back(Without(p, LineAt(p, at + 1), "the unused field " + f.name));
      }
  }
  std::vector<TreeChange> bold;
  for (size_t i = 0; i < p.statements.size(); ++i) {
    const Statement& s = p.statements[i];
    if (s.lines == s.range || s.function < 0) continue;
    const std::string_view text = p.Text(s.range);
    if (s.declares) {
      // `s32 cpu = now();`: the name is the last identifier before the first `=` or `;`.
      std::string_view head = text.substr(0, text.find_first_of("=;"));
      std::string name;
      for (const LexToken& t : Lex(head))
        if (t.kind == LexKind::kIdentifier) name = t.text;
      if (!name.empty() && Uses(p, p.functions[s.function].range, name) == 1 && !s.inserts && !s.moves) sure.push_back(Without(p, s.lines, text));
    }
    // Said twice in a row.
    for (size_t k = i + 1; k < p.statements.size(); ++k)
      if (p.statements[k].list == s.list) {
        if (p.Text(p.statements[k].range) == text && !s.inserts && !s.moves && p.statements[k].range.begin - s.range.end < 80) sure.push_back(Without(p, s.lines, text));
        break;
      }
    if (s.inserts || s.moves || s.returns) continue;
    if (s.kind == CXCursor_IfStmt) {
      bold.push_back(Without(p, s.lines, text));
      if (std::string body = BodyOf(p, s); !body.empty()) bold.push_back({{{s.range, body}}, fmt::format("always {}", Brief(body))});
    }
  }
  for (const Expression& e : p.expressions) {
    if (e.block < 0 || e.slot != Slot::kFree) continue;
    const std::string text(p.Text(e.range));
    // c ? a : b is b; a && b is b; a + b is a.
    if ((e.op == CXBinaryOperator_LAnd || e.op == CXBinaryOperator_LOr) && !e.bound) {
      std::string left(p.Text({e.range.begin, e.op_range.begin})), right(p.Text({e.op_range.end, e.range.end}));
      while (left.ends_with(' ')) left.pop_back();
      while (right.starts_with(' ')) right.erase(0, 1);
      for (const std::string& side : {left, right}) bold.push_back({{{e.range, side}}, fmt::format("'{}' -> '{}'", Brief(text), Brief(side))});
    }
    if (e.kind == CXCursor_ConditionalOperator && !e.bound) {
      size_t question = text.find(" ? "), colon = text.rfind(" : ");
      if (question == text.npos || colon == text.npos || text.find(" ? ", question + 1) != text.npos) continue;
      for (const std::string& side : {text.substr(question + 3, colon - question - 3), text.substr(colon + 3)})
        bold.push_back({{{e.range, side}}, fmt::format("'{}' -> '{}'", Brief(text), Brief(side))});
    }
  }
  if (!sure.empty() && (bold.empty() || rng.Below(2))) return Pick(sure, rng);
  if (bold.empty()) return std::nullopt;
  return Pick(bold, rng);
}

}  // namespace ose
