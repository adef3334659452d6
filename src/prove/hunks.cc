#include "prove/hunks.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/diff.h"
#include "core/exit_code.h"
#include "core/policy_source.h"
#include "core/statements.h"

namespace ose {
namespace {

using List = std::vector<CodeStatement>;

bool HasWord(std::string_view tokens, std::string_view word) {
  for (size_t at = 0; (at = tokens.find(word, at)) != tokens.npos; at += word.size())
    if ((at == 0 || tokens[at - 1] == ' ') && (at + word.size() == tokens.size() || tokens[at + word.size()] == ' ')) return true;
  return false;
}

std::string_view FirstWord(std::string_view tokens) { return tokens.substr(0, tokens.find(' ')); }

// `x . f (` -> "x . f"; "" when the statement does not begin with a call.
std::string_view Callee(std::string_view tokens) {
  const size_t bracket = tokens.find(" (");
  if (bracket == tokens.npos || tokens.substr(0, bracket).find_first_of("=;{") != tokens.npos) return "";
  return tokens.substr(0, bracket);
}

std::string_view Assigned(std::string_view tokens) {
  const size_t equals = tokens.find(" = ");
  if (equals == tokens.npos || tokens.substr(0, equals).find_first_of("({;") != tokens.npos) return "";
  return tokens.substr(0, equals);
}

// Whether `a` stands in the place of `r`, by one sign after the other.
constexpr int kSigns = 6;
bool Replaces(const CodeStatement& r, const CodeStatement& a, int sign) {
  auto both = [&](std::string_view word) { return HasWord(r.tokens, word) && HasWord(a.tokens, word); };
  auto inserts = [](const CodeStatement& s) { return s.declares.empty() && (HasWord(s.tokens, "insert") || HasWord(s.tokens, "insert_vtime")); };
  switch (sign) {
    case 0: return !r.declares.empty() && r.declares == a.declares;
    case 1: return inserts(r) && inserts(a);  // each task is inserted once
    case 2: return !Assigned(r.tokens).empty() && Assigned(r.tokens) == Assigned(a.tokens);
    case 3: return FirstWord(r.tokens) == "return" && FirstWord(a.tokens) == "return";
    case 4: return r.declares.empty() && !Callee(r.tokens).empty() && Callee(r.tokens) == Callee(a.tokens) && r.arms.size() == a.arms.size();
    default: return both("dsq_move_to_local") || both("kick_cpu") || both("set_vtime") || both("keep_running") || both("set_slice");
  }
}

struct Argument {
  size_t begin, end;
};

// The arguments of a statement that is one call; nothing for others.
std::vector<Argument> Arguments(const SourceTree& source, const CodeStatement& s) {
  std::vector<Argument> out;
  if (!s.arms.empty()) return out;
  std::vector<LexToken> tokens = source.TokensIn(s.code_begin, s.code_end);
  if (!tokens.empty() && tokens.back().text == ";") tokens.pop_back();
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view word = tokens[i].text;
    const bool opens = word == "(" || word == "[" || word == "{", closes = word == ")" || word == "]" || word == "}";
    if (opens && ++depth == 1) {
      if (word != "(" || !out.empty()) return {};
      begin = i + 1;
    }
    if (depth == 1 && (word == "," || closes)) {
      if (i == begin) return {};
      out.push_back({tokens[begin].begin, tokens[i - 1].end});
      begin = i + 1;
    }
    if (closes && --depth == 0 && i + 1 != tokens.size()) return {};
    if (depth == 0 && (word == "=" || word == "?")) return {};
  }
  return out;
}

bool Visible(const DiffPiece& declaration, const DiffPiece& user) {
  return declaration.function.empty() || declaration.function == user.function;
}

// `user` cannot be in the policy without `other`.
bool Requires(const DiffPiece& user, const DiffPiece& other) {
  if (!other.declares.empty() && user.uses.contains(other.declares) && Visible(other, user)) return true;
  // Where a declaration is gone, what used it is gone, too.
  return !user.declares_before.empty() && other.uses_before.contains(user.declares_before) && Visible(user, other);
}

size_t Indent(std::string_view text, size_t at) {
  const size_t first = text.find_first_not_of(" \t\n", at);
  if (first == text.npos) return 0;
  const size_t line = text.rfind('\n', first);
  return first - (line == text.npos ? 0 : line + 1);
}

}  // namespace

const char* PieceKindName(PieceKind kind) {
  constexpr std::array kNames = {"added", "removed", "replaced", "tunable", "guard"};
  return kNames[static_cast<size_t>(kind)];
}

class DiffBuilder {
 public:
  explicit DiffBuilder(PolicyDiff& diff) : diff_(diff), old_(diff.before_), new_(diff.after_) {}

  Status Run() {
    OSE_ASSIGN(std::vector<EvolveBlock> before, ParseEvolveBlocks(diff_.before_));
    OSE_ASSIGN(std::vector<EvolveBlock> after, ParseEvolveBlocks(diff_.after_));
    if (!SameSkeleton(diff_.before_, diff_.after_)) return Error{kExitUsage, "the policies differ outside their evolve blocks, so neither descends from the other"};
    OSE_TRY(Tunables(after));
    for (size_t i = 0; i < after.size(); ++i) {
      block_ = after[i].name;
      Lists(old_.Statements(before[i].begin, before[i].end), new_.Statements(after[i].begin, after[i].end), after[i].begin);
    }
    std::vector<DiffPiece>& pieces = diff_.pieces_;
    for (size_t i = 0; i < pieces.size(); ++i) {
      DiffPiece& p = pieces[i];
      if (p.kind != PieceKind::kGuard)
        for (const LexToken& t : new_.TokensIn(p.begin, p.end))
          if (t.kind == LexKind::kIdentifier && !InPart(static_cast<int>(i), t.begin)) p.uses.emplace(t.text);
      if (!p.before.empty()) p.uses_before = SourceTree(p.before).Names(0, p.before.size());
    }
    for (size_t u = 0; u < pieces.size(); ++u)
      for (size_t d = 0; d < pieces.size(); ++d)
        if (u != d && Requires(pieces[u], pieces[d])) diff_.requires_.emplace_back(static_cast<int>(u), static_cast<int>(d));
    return {};
  }

 private:
  bool InPart(int parent, size_t at) const {
    for (size_t i = static_cast<size_t>(parent) + 1; i < diff_.pieces_.size(); ++i) {
      const DiffPiece& p = diff_.pieces_[i];
      if (p.parent == parent && p.kind != PieceKind::kGuard && p.begin <= at && at < p.end) return true;
    }
    return false;
  }

  // Those outside the blocks; the others are statements.
  Status Tunables(const std::vector<EvolveBlock>& blocks) {
    OSE_ASSIGN(std::vector<TunableDecl> before, ParseTunables(diff_.before_));
    OSE_ASSIGN(std::vector<TunableDecl> after, ParseTunables(diff_.after_));
    for (const TunableDecl& t : after) {
      if (std::any_of(blocks.begin(), blocks.end(), [&](const EvolveBlock& b) { return b.begin <= t.default_begin && t.default_begin < b.end; })) continue;
      for (const TunableDecl& o : before) {
        if (o.name != t.name || o.default_value == t.default_value) continue;
        DiffPiece p;
        p.kind = PieceKind::kTunable;
        p.begin = t.default_begin;
        p.end = t.default_end;
        p.before = diff_.before_.substr(o.default_begin, o.default_end - o.default_begin);
        p.context = t.name;
        Add(std::move(p));
      }
    }
    return {};
  }

  int Add(DiffPiece p) {
    p.after = diff_.after_.substr(p.begin, p.end - p.begin);
    p.function = new_.FunctionAt(p.begin);
    if (p.kind != PieceKind::kTunable) p.block = block_;
    diff_.pieces_.push_back(std::move(p));
    return static_cast<int>(diff_.pieces_.size()) - 1;
  }

  std::string OldText(size_t begin, size_t end) const { return diff_.before_.substr(begin, end - begin); }

  // `at`: where the new list begins.
  void Lists(const List& before, const List& after, size_t at) {
    auto lines = [](const List& list, std::vector<size_t>* starts) {
      std::string text;
      for (const CodeStatement& s : list) {
        starts->push_back(text.size());
        text += s.tokens + "\n";
      }
      return text;
    };
    std::vector<size_t> starts_before, starts_after;
    const std::string a = lines(before, &starts_before), b = lines(after, &starts_after);
    auto index = [](const std::vector<size_t>& starts, size_t offset) {
      return static_cast<size_t>(std::lower_bound(starts.begin(), starts.end(), offset) - starts.begin());
    };
    for (const Change& c : Changes(a, b)) {
      const size_t i0 = index(starts_before, c.before_begin), i1 = index(starts_before, c.before_end);
      const size_t j0 = index(starts_after, c.after_begin), j1 = index(starts_after, c.after_end);
      Gap({before.begin() + static_cast<ptrdiff_t>(i0), before.begin() + static_cast<ptrdiff_t>(i1)},
          {after.begin() + static_cast<ptrdiff_t>(j0), after.begin() + static_cast<ptrdiff_t>(j1)}, j0 == 0 ? at : after[j0 - 1].end);
    }
  }

  // Statements that gave way to others.
  void Gap(const List& before, const List& after, size_t at) {
    std::vector<int> partner(before.size(), -1), taken(after.size(), -1);
    for (int sign = 0; sign < kSigns; ++sign)
      for (size_t i = 0; i < before.size(); ++i)
        for (size_t j = 0; j < after.size() && partner[i] < 0; ++j)
          if (taken[j] < 0 && Replaces(before[i], after[j], sign)) partner[i] = static_cast<int>(j), taken[j] = static_cast<int>(i);
    if (before.size() == 1 && after.size() == 1 && before[0].declares.empty() == after[0].declares.empty()) partner[0] = taken[0] = 0;
    // Each removed statement goes back behind the partner of the one before it.
    std::vector<std::vector<size_t>> removed(after.size() + 1);
    size_t behind = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      if (partner[i] < 0) removed[behind].push_back(i);
      else behind = static_cast<size_t>(partner[i]) + 1;
    }
    for (size_t j = 0; j <= after.size(); ++j) {
      for (size_t i : removed[j]) {
        DiffPiece p;
        p.kind = PieceKind::kRemoved;
        p.begin = p.end = j == 0 ? at : after[j - 1].end;
        p.before = OldText(before[i].begin, before[i].end);
        p.declares_before = before[i].declares;
        Add(std::move(p));
      }
      if (j == after.size()) break;
      if (taken[j] >= 0) Pair(before[static_cast<size_t>(taken[j])], after[j]);
      else Whole(after[j], nullptr, -1);
    }
  }

  void Whole(const CodeStatement& s, const CodeStatement* before, int parent) {
    DiffPiece p;
    p.kind = before ? PieceKind::kReplaced : PieceKind::kAdded;
    p.parent = parent;
    p.begin = s.begin;
    p.end = s.end;
    if (before) p.before = OldText(before->begin, before->end);
    if (!before || before->declares != s.declares) {
      p.declares = s.declares;
      if (before) p.declares_before = before->declares;
    }
    const int id = Add(std::move(p));
    // Neither the one nor the other may be needed.
    if (before) {
      DiffPiece nothing;
      nothing.kind = PieceKind::kGuard;
      nothing.parent = id;
      nothing.begin = s.begin;
      nothing.end = nothing.keep_begin = nothing.keep_end = s.end;
      Add(std::move(nothing));
    }
    Parts(s, id);
  }

  void Pair(const CodeStatement& r, const CodeStatement& s) {
    if (Branches(r, s) || Calls(r, s)) return;
    Whole(s, &r, -1);
  }

  // The same branch or loop with another head or body.
  bool Branches(const CodeStatement& r, const CodeStatement& s) {
    if (r.arms.empty() || r.arms.size() != s.arms.size() || FirstWord(r.tokens) != FirstWord(s.tokens) || r.tail != s.tail) return false;
    bool heads = true, shares = false;
    for (size_t k = 0; k < r.arms.size(); ++k) {
      heads &= r.arms[k].head == s.arms[k].head;
      for (const CodeStatement& x : r.arms[k].body)
        for (const CodeStatement& y : s.arms[k].body) shares |= x.tokens == y.tokens;
    }
    if (!heads && !shares) return false;
    for (size_t k = 0; k < r.arms.size(); ++k) {
      const CodeArm &x = r.arms[k], &y = s.arms[k];
      if (x.head != y.head) {
        DiffPiece p;
        p.kind = PieceKind::kReplaced;
        p.begin = y.head_begin;
        p.end = y.head_end;
        p.before = OldText(x.head_begin, x.head_end);
        Around(s, &p);
        Add(std::move(p));
      }
      Lists(x.body, y.body, y.body_begin);
    }
    return true;
  }

  // The same call with other arguments.
  bool Calls(const CodeStatement& r, const CodeStatement& s) {
    const std::vector<Argument> x = Arguments(old_, r), y = Arguments(new_, s);
    if (x.empty() || x.size() != y.size() || old_.Tokens(r.code_begin, x[0].begin) != new_.Tokens(s.code_begin, y[0].begin)) return false;
    for (size_t k = 0; k < x.size(); ++k) {
      if (old_.Tokens(x[k].begin, x[k].end) == new_.Tokens(y[k].begin, y[k].end)) continue;
      DiffPiece p;
      p.kind = FirstWord(s.tokens) == "TUNABLE" ? PieceKind::kTunable : PieceKind::kReplaced;
      p.begin = y[k].begin;
      p.end = y[k].end;
      p.before = OldText(x[k].begin, x[k].end);
      if (p.kind == PieceKind::kTunable) p.context = s.declares;
      else Around(s, &p);
      Add(std::move(p));
    }
    return true;
  }

  void Around(const CodeStatement& s, DiffPiece* p) const {
    p->context = diff_.after_.substr(s.code_begin, s.code_end - s.code_begin);
    p->context_before = diff_.after_.substr(s.code_begin, p->begin - s.code_begin) + p->before + diff_.after_.substr(p->end, s.code_end - p->end);
  }

  // What can go from an added statement while the rest stays.
  void Parts(const CodeStatement& s, int parent) {
    const bool branch = FirstWord(s.tokens) == "if";
    const size_t n = s.arms.size();
    // The condition, and the branch under it when the other one is kept.
    auto keep_only = [&](const CodeArm& arm) {
      DiffPiece p;
      p.kind = PieceKind::kGuard;
      p.parent = parent;
      p.begin = s.begin;
      p.end = s.end;
      p.keep_begin = arm.body_begin;
      p.keep_end = arm.body_end;
      const CodeArm& first = s.arms[0];
      p.context = diff_.after_.substr(first.head_begin, first.head_end - first.head_begin);
      if (&arm != &first) p.context_before = diff_.after_.substr(first.body_begin, first.body_end - first.body_begin);
      Add(std::move(p));
    };
    if (branch && s.tail.empty() && (n == 1 || (n == 2 && s.arms[1].head == "else {")))
      for (const CodeArm& arm : s.arms) keep_only(arm);
    for (size_t k = 0; k < n; ++k) {
      const CodeArm& arm = s.arms[k];
      int owner = parent;
      const bool first_of_chain = k == 0 && n > 1 && FirstWord(s.arms[1].head) == "else" && s.arms[1].head != "else {";
      if (branch && (k > 0 || first_of_chain)) {
        DiffPiece p;
        p.parent = parent;
        p.begin = k > 0 ? s.arms[k - 1].close + 1 : s.code_begin;
        p.end = k > 0 ? arm.close + 1 : diff_.after_.find("if", s.arms[1].head_begin);
        owner = Add(std::move(p));
      }
      for (const CodeStatement& child : arm.body) Whole(child, nullptr, owner);
    }
  }

  PolicyDiff& diff_;
  const SourceTree old_, new_;
  std::string block_;
};

Result<PolicyDiff> PolicyDiff::Make(std::string before, std::string after) {
  PolicyDiff diff;
  diff.before_ = std::move(before);
  diff.after_ = std::move(after);
  OSE_TRY(DiffBuilder(diff).Run());
  return diff;
}

std::vector<int> PolicyDiff::Tops() const {
  std::vector<int> out;
  for (size_t i = 0; i < pieces_.size(); ++i)
    if (pieces_[i].parent < 0) out.push_back(static_cast<int>(i));
  return out;
}

std::vector<int> PolicyDiff::PartsOf(int piece) const {
  std::vector<int> out;
  for (size_t i = static_cast<size_t>(piece) + 1; i < pieces_.size(); ++i)
    for (int p = pieces_[i].parent; p >= 0; p = pieces_[static_cast<size_t>(p)].parent)
      if (p == piece) out.push_back(static_cast<int>(i));
  return out;
}

std::string PolicyDiff::Without(const std::set<int>& out) const {
  const std::vector<int> tops = Tops();
  if (std::all_of(tops.begin(), tops.end(), [&](int i) { return out.contains(i); })) return before_;
  return Emit(0, after_.size(), out);
}

std::string PolicyDiff::Emit(size_t begin, size_t end, const std::set<int>& out) const {
  std::vector<int> order(out.begin(), out.end());
  auto piece = [&](int i) -> const DiffPiece& { return pieces_[static_cast<size_t>(i)]; };
  // Insertions first, then what holds others before those.
  std::sort(order.begin(), order.end(), [&](int x, int y) {
    const DiffPiece &a = piece(x), &b = piece(y);
    if (a.begin != b.begin) return a.begin < b.begin;
    if ((a.begin == a.end) != (b.begin == b.end)) return a.begin == a.end;
    return a.end != b.end ? a.end > b.end : x < y;
  });
  std::string text;
  size_t at = begin;
  for (int i : order) {
    const DiffPiece& p = piece(i);
    if (p.begin < at || p.end > end) continue;
    text += std::string_view(after_).substr(at, p.begin - at);
    at = p.end;
    if (p.keep_begin == p.keep_end) {
      text += p.before;
      continue;
    }
    // The kept body moves out to where the statement stood.
    const std::string kept = Emit(p.keep_begin, p.keep_end, out);
    const size_t outer = Indent(after_, p.begin), inner = Indent(after_, p.keep_begin);
    for (size_t line = 0; line < kept.size();) {
      const size_t next = std::min(kept.find('\n', line), kept.size() - 1) + 1;
      size_t cut = 0;
      while (cut < inner - std::min(inner, outer) && kept[line + cut] == ' ') ++cut;
      text += std::string_view(kept).substr(line + cut, next - line - cut);
      line = next;
    }
  }
  return text + after_.substr(at, end - at);
}

std::set<int> PolicyDiff::Closure(std::set<int> out) const {
  auto is_out = [&](int i) {
    for (; i >= 0; i = pieces_[static_cast<size_t>(i)].parent)
      if (out.contains(i)) return true;
    return false;
  };
  for (bool grows = true; grows;) {
    grows = false;
    for (auto [user, other] : requires_)
      if (is_out(other) && !is_out(user)) grows |= out.insert(user).second;
  }
  return out;
}

int PolicyDiff::TopOf(int i) const {
  while (pieces_[static_cast<size_t>(i)].parent >= 0) i = pieces_[static_cast<size_t>(i)].parent;
  return i;
}

std::set<int> PolicyDiff::Needs(std::set<int> in) const {
  for (bool grows = true; grows;) {
    grows = false;
    for (auto [user, other] : requires_)
      if (in.contains(TopOf(user))) grows |= in.insert(TopOf(other)).second;
  }
  return in;
}

std::vector<int> PolicyDiff::DependentsOf(int piece) const {
  std::set<int> out;
  for (auto [user, other] : requires_)
    if (other == piece && TopOf(user) != piece) out.insert(TopOf(user));
  return {out.begin(), out.end()};
}

std::vector<Hunk> Hunks(const PolicyDiff& diff) {
  const std::vector<int> tops = diff.Tops();
  std::map<int, int> group;  // of each top, named by one of its members
  for (int t : tops) group[t] = t;
  std::set<int> shared;
  // Who uses a declaration stands behind it, who has lost one before.
  for (auto it = tops.rbegin(); it != tops.rend(); ++it) {
    const DiffPiece& p = diff.pieces()[static_cast<size_t>(*it)];
    if (p.kind != PieceKind::kAdded || p.declares.empty()) continue;
    std::set<int> users;
    for (int u : diff.DependentsOf(*it)) users.insert(group[u]);
    if (users.size() == 1) group[*it] = *users.begin();
    else if (users.size() > 1) shared.insert(*it);
  }
  for (int t : tops) {
    const DiffPiece& p = diff.pieces()[static_cast<size_t>(t)];
    if (p.kind != PieceKind::kRemoved || p.declares_before.empty()) continue;
    std::set<int> users;
    for (int u : diff.Needs({t}))
      if (u != t && diff.pieces()[static_cast<size_t>(u)].uses_before.contains(p.declares_before)) users.insert(group[u]);
    if (users.size() == 1) group[t] = *users.begin();
  }
  std::map<int, Hunk> hunks;
  for (int t : tops) {
    Hunk& h = hunks[group[t]];
    h.pieces.push_back(t);
  }
  std::vector<Hunk> out;
  for (auto& [name, h] : hunks) {
    h.shared = std::all_of(h.pieces.begin(), h.pieces.end(), [&](int t) { return shared.contains(t); });
    out.push_back(std::move(h));
  }
  std::sort(out.begin(), out.end(), [](const Hunk& a, const Hunk& b) { return a.pieces < b.pieces; });
  return out;
}

}  // namespace ose
